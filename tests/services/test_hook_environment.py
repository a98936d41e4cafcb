"""Which repository a hook works in: tested with what git really gives to a hook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from repository import Repository

from evalgate.services.git import Git
from evalgate.services.hook_environment import NAMES, find_repository

SPY = """#!{python}
import json, os, pathlib
seen = {{"folder": os.getcwd(), "environment": dict(os.environ)}}
pathlib.Path({seen!r}).write_text(json.dumps(seen))
"""


class Spied:
    """A repository with a hook that notes its folder and environment."""

    def __init__(self, repository: Repository, remote: Path) -> None:
        self.repository, self.remote, self.seen = repository, remote, remote.with_name("seen.json")
        repository.commit(**{"a/b.txt": "x"})
        repository.git("init", "--quiet", "--bare", str(remote))
        hook = repository.write(".git/hooks/pre-push", SPY.format(python=sys.executable, seen=str(self.seen)))
        hook.chmod(0o755)

    def push(self, folder: Path, *options: str) -> tuple[Path, dict[str, str]]:
        order = ["git", *options, "push", "--quiet", str(self.remote), f"HEAD:refs/heads/{os.urandom(4).hex()}"]
        subprocess.run(order, cwd=folder, check=True, timeout=60)
        seen = json.loads(self.seen.read_text())
        return Path(seen["folder"]), seen["environment"]


@pytest.fixture
def spied(repository: Repository, tmp_path: Path) -> Spied:
    return Spied(repository, tmp_path / "remote.git")


def opened(folder: Path, found: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return Git.open(folder).root.resolve()


@pytest.mark.parametrize("options", [
    (),
    ("--git-dir=../.git",),
    ("--git-dir=../.git", "--work-tree=.."),
    ("--work-tree=..",),
])  # fmt: skip
def test_from_a_folder_of_the_repository(
    spied: Spied, options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, environment = spied.push(spied.repository.root / "a", *options)
    assert opened(folder, find_repository(environment, folder), monkeypatch) == spied.repository.root


def test_from_a_linked_worktree_and_below_it(spied: Spied, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beside = tmp_path / "beside"
    spied.repository.git("worktree", "add", "--quiet", "-b", "second", str(beside))
    folder, environment = spied.push(beside)
    assert environment["GIT_DIR"]
    for place in (folder, folder / "a"):
        assert opened(place, find_repository(environment, place), monkeypatch) == beside.resolve()


def test_a_repository_beside_its_files(spied: Spied, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is in no repository, or in one that has nothing to do with the push."""
    files = tmp_path / "files"
    (files / "a").mkdir(parents=True)
    named = str(spied.repository.root / ".git")
    for start, tree in ((files, str(files)), (files / "a", ".."), (files / "a", str(files))):
        folder, environment = spied.push(start, f"--git-dir={named}", f"--work-tree={tree}")
        found = find_repository(environment, folder)
        assert Path(found["GIT_DIR"]) == Path(named).resolve()
        assert opened(folder, found, monkeypatch) == files.resolve()
    subprocess.run(["git", "init", "--quiet", str(files)], check=True)
    folder, environment = spied.push(files, f"--git-dir={named}", f"--work-tree={files}")
    opened(folder, find_repository(environment, folder), monkeypatch)
    assert Git.open(files).head() == spied.repository.git("rev-parse", "HEAD")


def test_without_a_name_from_git_nothing_is_set(repository: Repository) -> None:
    assert find_repository({}, repository.root) == {}
    assert find_repository({"GIT_WORK_TREE": "x"}, repository.root) == {}
