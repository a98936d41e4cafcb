"""Names of branches and commits, in full and in short."""

from __future__ import annotations

import unicodedata

import pytest

from evalgate.services import git_names


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("main", "refs/heads/main"),
        ("origin/main", "refs/remotes/origin/main"),
        ("feature/x", "refs/remotes/feature/x"),
        ("HEAD", "HEAD"),
        ("HEAD~2", "HEAD~2"),
        ("@{u}", "refs/heads/@{u}"),
        ("refs/tags/v1", "refs/tags/v1"),
        ("a" * 40, "a" * 40),
        ("a" * 64, "a" * 64),
        ("a" * 39, "refs/heads/" + "a" * 39),
    ],
)
def test_a_branch_goes_before_a_tag_of_its_name(name: str, first: str) -> None:
    meanings = git_names.find_meanings(name)
    assert meanings[0] == first and meanings[-1] == name


@pytest.mark.parametrize(
    ("ref", "short", "branch"),
    [
        ("refs/heads/main", "main", "main"),
        ("refs/remotes/origin/main", "origin/main", "main"),
        ("refs/remotes/origin/feature/x", "origin/feature/x", "feature/x"),
        ("refs/tags/v1", "refs/tags/v1", "refs/tags/v1"),
    ],
)
def test_short_names(ref: str, short: str, branch: str) -> None:
    assert (git_names.shorten_name(ref), git_names.branch_of(ref)) == (short, branch)


def test_paths_that_some_disks_do_not_tell_apart_are_one() -> None:
    name = "Prüfung/Ä.yml"
    assert git_names.fold_path(name) == git_names.fold_path(unicodedata.normalize("NFD", name).upper())
    assert git_names.fold_path("a.yml") != git_names.fold_path("b.yml")
