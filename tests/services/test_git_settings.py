"""Git trusts the checkout of a job, and no other folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from repository import Repository

from evalgate.errors import GitError
from evalgate.services.git import Git
from evalgate.services.git_settings import add_settings, add_trust


@pytest.fixture
def another_users(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Repository:
    repository.commit("first")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(GitError, match="does not trust"):
        Git.open(repository.root)
    return repository


def trust(monkeypatch: pytest.MonkeyPatch, workspace: Path, folder: Path) -> None:
    for name, value in add_trust(os.environ, workspace, folder).items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("below", ["", "packages/shop"])
def test_the_checkout_of_another_user_is_opened(
    another_users: Repository, monkeypatch: pytest.MonkeyPatch, below: str
) -> None:
    folder = another_users.root / below
    folder.mkdir(parents=True, exist_ok=True)
    trust(monkeypatch, another_users.root, folder)
    assert Git.open(folder).head() is not None


def test_a_checkout_below_the_workspace_is_opened(another_users: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    trust(monkeypatch, another_users.root.parent, another_users.root / "packages")
    assert Git.open(another_users.root).head() is not None


def test_no_other_folder_is_trusted(another_users: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other"
    (other / ".git").mkdir(parents=True)
    trust(monkeypatch, other, other)
    with pytest.raises(GitError, match="does not trust"):
        Git.open(another_users.root)


def test_without_a_checkout_nothing_is_added(tmp_path: Path) -> None:
    assert add_trust({"A": "b"}, tmp_path, tmp_path / "x") == {"A": "b"}


def test_settings_come_after_those_that_are_set_already() -> None:
    before = add_settings({}, [("a.b", "1")])
    after = add_settings(before, [("c.d", "2")])
    assert after["GIT_CONFIG_COUNT"] == "2"
    assert (after["GIT_CONFIG_KEY_0"], after["GIT_CONFIG_KEY_1"], after["GIT_CONFIG_VALUE_1"]) == ("a.b", "c.d", "2")
