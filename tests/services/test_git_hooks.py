"""The pre-push hook: where it is written, what becomes of an existing one, and git's input to it."""

from __future__ import annotations

from pathlib import Path

import pytest
from repository import Repository

from evalgate.errors import GitError, InputError
from evalgate.services import git_hooks
from evalgate.services.git_hooks import KEPT, Push

ZEROS = "0" * 40


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def install(repository: Repository) -> git_hooks.Installed:
    return git_hooks.install(repository.root, "/opt/py thon", ["--mode", "full"], write)


def test_an_existing_hook_runs_first_and_comes_back(repository: Repository) -> None:
    hook = repository.root / ".git/hooks/pre-push"
    write(hook, "#!/bin/sh\necho own\n")
    done = install(repository)
    assert (done.path, done.chained, done.shared) == (hook, hook.with_name(KEPT), False)
    assert "'/opt/py thon'" in hook.read_text() and "--mode full" in hook.read_text()
    assert install(repository).chained == hook.with_name(KEPT), "a second installation changes nothing"
    assert git_hooks.uninstall(repository.root) is not None
    assert hook.read_text() == "#!/bin/sh\necho own\n" and not hook.with_name(KEPT).exists()
    assert git_hooks.uninstall(repository.root) is None


def test_two_other_hooks_are_never_lost(repository: Repository) -> None:
    hook = repository.root / ".git/hooks/pre-push"
    write(hook, "one")
    write(hook.with_name(KEPT), "two")
    with pytest.raises(InputError, match="one of them would be lost"):
        install(repository)
    assert (hook.read_text(), hook.with_name(KEPT).read_text()) == ("one", "two")


def test_a_folder_of_hooks_outside_of_the_repository_is_told(repository: Repository, tmp_path: Path) -> None:
    repository.git("config", "core.hooksPath", str(tmp_path / "hooks"))
    done = install(repository)
    assert (done.path, done.shared) == (tmp_path / "hooks/pre-push", True)


def test_without_a_repository_there_is_no_place_for_it(tmp_path: Path, git_environment: None) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    with pytest.raises(GitError, match="there is no place for a hook"):
        git_hooks.install(folder, "python", [], write)


def test_pushed_refs_are_read_and_a_deletion_has_no_commit() -> None:
    lines = f"refs/heads/a {'a' * 40} refs/heads/b {ZEROS}\n(delete) {ZEROS} refs/heads/c {'b' * 40}\n"
    assert git_hooks.read_pushes(lines) == (
        Push(local="refs/heads/a", sha="a" * 40, remote="refs/heads/b"),
        Push(local="(delete)", sha=None, remote="refs/heads/c"),
    )


def test_a_local_name_may_have_spaces_and_other_lines_are_refused() -> None:
    (push,) = git_hooks.read_pushes(f":/fix some thing {'a' * 40} refs/heads/main {ZEROS}\n")
    assert (push.local, push.remote) == (":/fix some thing", "refs/heads/main")
    with pytest.raises(GitError, match="not an input line"):
        git_hooks.read_pushes("three words only\n")
