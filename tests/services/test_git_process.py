"""Git as a process: its command line, its environment, and a machine without git."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from evalgate.errors import GitError
from evalgate.services import git_process


def test_a_path_is_taken_as_it_is_written(repository) -> None:
    repository.commit("first", **{"a*.txt": "1", "ab.txt": "2"})
    done = git_process.execute(repository.root, ["ls-files", "-z", "--", "a*.txt"])
    assert done.stdout == b"a*.txt\0"


def test_reading_takes_no_locks_and_messages_are_in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("KEPT", "1")
    found = git_process.environment()
    assert (found["LC_ALL"], found["GIT_OPTIONAL_LOCKS"], found["KEPT"]) == ("C", "0", "1")


def test_without_git_the_error_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitError, match="git is not installed"):
        git_process.execute(tmp_path, ["status"])


def test_a_command_that_does_not_end_in_time_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="git -c did not end within 0 seconds"):
        git_process.execute(tmp_path, ["-c", "alias.wait=!sleep 5", "wait"], seconds=0.2)


def test_an_exit_code_is_no_error_of_the_process(tmp_path: Path) -> None:
    done = git_process.execute(tmp_path, ["rev-parse", "HEAD"])
    assert done.returncode != 0
    assert git_process.first_line(done.stderr.decode()).startswith("not a git repository")


@pytest.mark.parametrize(
    ("text", "line"), [("fatal: x\nmore\n", "x"), ("  \n", "git gave no reason"), ("warn", "warn")]
)
def test_the_first_line_of_an_error(text: str, line: str) -> None:
    assert git_process.first_line(text) == line


def test_an_ended_process_is_gone_and_its_pipes_are_closed() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    git_process.end(process)
    assert process.returncode is not None and process.stdin is not None and process.stdin.closed
