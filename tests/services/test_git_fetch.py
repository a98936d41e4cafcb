"""A commit that the checkout lacks is fetched, and nothing else changes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from evalgate.errors import GitError
from evalgate.services import git_fetch
from evalgate.services.git import Git


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    there = tmp_path / "remote"
    there.mkdir()
    git(there, "init", "-q", "-b", "main")
    git(there, "commit", "-q", "--allow-empty", "-m", "one")
    return there


def test_a_commit_behind_a_ref_that_no_clone_takes(tmp_path: Path, remote: Path) -> None:
    here = tmp_path / "here"
    git(tmp_path, "clone", "-q", str(remote), str(here))
    git(remote, "commit", "-q", "--allow-empty", "-m", "from a fork")
    head = git(remote, "rev-parse", "HEAD")
    git(remote, "update-ref", "refs/pull/12/head", head)
    git(remote, "reset", "-q", "--hard", "HEAD~1")
    before = git(here, "for-each-ref")
    assert not Git.open(here).knows(head)

    git_fetch.fetch(here, remote.as_uri(), ["refs/pull/12/head"], token="s3cret")

    assert Git.open(here).knows(head)
    assert git(here, "for-each-ref") == before
    assert git(here, "status", "--porcelain") == ""
    assert "s3cret" not in (here / ".git/config").read_text()


def test_what_is_not_there_is_said_without_the_token(tmp_path: Path, remote: Path) -> None:
    with pytest.raises(GitError, match="cannot fetch refs/pull/13/head") as caught:
        git_fetch.fetch(remote, remote.as_uri(), ["refs/pull/13/head"], token="s3cret")
    assert "s3cret" not in str(caught.value)


def test_only_the_usual_transports_are_used(remote: Path) -> None:
    with pytest.raises(GitError):
        git_fetch.fetch(remote, "ext::sh -c touch%20pwned", ["HEAD"])
    assert not (remote / "pwned").exists()
