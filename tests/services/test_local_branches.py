"""Branches that have not been pushed."""

from __future__ import annotations

from pathlib import Path

import pytest
from repository import Repository

from evalgate.services.git import Git
from evalgate.services.local_branches import find_current, is_pushed, list_unpushed


@pytest.fixture
def cloned(repository: Repository, tmp_path: Path) -> Repository:
    """Make a repository whose main tracks that of a bare origin."""
    repository.git("init", "--quiet", "--bare", str(tmp_path / "remote.git"))
    repository.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    repository.commit()
    repository.git("push", "--quiet", "--set-upstream", "origin", "main")
    return repository


def test_a_branch_is_pushed_until_it_has_a_commit_more(cloned: Repository) -> None:
    assert is_pushed(Git.open(cloned.root), "refs/heads/main")
    cloned.commit()
    assert not is_pushed(Git.open(cloned.root), "refs/heads/main")


def test_a_branch_without_an_upstream_or_whose_upstream_is_gone_is_not_pushed(cloned: Repository) -> None:
    cloned.git("switch", "--quiet", "--create", "one")
    assert find_current(Git.open(cloned.root)) == "refs/heads/one"
    assert not is_pushed(Git.open(cloned.root), "refs/heads/one")
    cloned.git("push", "--quiet", "--set-upstream", "origin", "one")
    cloned.git("update-ref", "-d", "refs/remotes/origin/one")
    assert not is_pushed(Git.open(cloned.root), "refs/heads/one")


def test_a_detached_head_is_on_no_branch(cloned: Repository) -> None:
    cloned.git("switch", "--quiet", "--detach")
    assert find_current(Git.open(cloned.root)) is None


def test_branches_with_commits_that_no_remote_has(cloned: Repository) -> None:
    for name in ("one", "sub/two"):
        cloned.git("switch", "--quiet", "--create", name, "main")
        cloned.commit(name)
    cloned.git("branch", "same", "sub/two")
    git = Git.open(cloned.root)
    assert list_unpushed(git, "one") == ["same", "sub/two"]
    assert list_unpushed(git, "sub/two") == ["one"]
