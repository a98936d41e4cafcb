"""Read objects of a repository through one long-lived `git cat-file --batch`."""

from __future__ import annotations

import os
import subprocess
import weakref
from dataclasses import dataclass
from pathlib import Path

from evalgate.errors import EvalgateError, GitError
from evalgate.services.git_process import command_line, end, environment, execute

_KINDS = frozenset({b"blob", b"tree", b"commit", b"tag"})
_PROMISOR = r"^remote\..*\.promisor$"
COMPLETE = "git fetch --refetch --no-filter; in a workflow, leave `filter:` of actions/checkout out"


class NothingThereError(EvalgateError):
    """There is nothing at a path: no file, and nothing else that cannot be read, such as a link."""


class AbsentError(GitError, NothingThereError):
    """A commit has nothing at a path."""


class UnavailableError(GitError):
    """A file is part of a commit, but its content is not here: Git LFS, a submodule, a partial clone."""


@dataclass(frozen=True, slots=True)
class GitObject:
    """An object with its id and its kind: blob, tree, commit or tag."""

    oid: str
    kind: str
    data: bytes


class ObjectReader:
    """Reads the objects of the repository around `root`. The process is started by the first read."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._process: subprocess.Popen[bytes] | None = None
        self._stop: weakref.finalize[[subprocess.Popen[bytes]], ObjectReader] | None = None

    def read(self, name: str) -> GitObject | None:
        """Return one object by any of its names; None if there is no such object, or the name is ambiguous.

        In a partial clone, git fetches what is missing from its remote. Raises UnavailableError if it cannot.
        """
        if "\n" in name or "\0" in name:
            return None
        process = self._get_process()
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(os.fsencode(name) + b"\n")
            process.stdin.flush()
            header = process.stdout.readline()
        except OSError:
            header = b""
        if not header.endswith(b"\n"):
            raise self._explain_end(name)
        # `<id> <kind> <size>`, or the name (which may hold spaces) and one word: missing, ambiguous, ...
        words = header.split()
        if not (len(words) == 3 and words[1] in _KINDS and words[2].isdigit()):
            return None
        size = int(words[2])
        data = process.stdout.read(size + 1)
        if len(data) != size + 1:
            raise self._explain_end(name)
        return GitObject(words[0].decode(), words[1].decode(), data[:-1])

    def _explain_end(self, name: str) -> GitError:
        """Return why there was no answer. The next read starts a process anew: this one may still be ending."""
        if self._stop is not None:
            self._stop()
        self._process = None
        if execute(self._root, ["config", "--get-regexp", _PROMISOR]).returncode == 0:
            return UnavailableError(
                f"this partial clone lacks the object {name}, and git cannot fetch it from its remote", hint=COMPLETE
            )
        return GitError("git cat-file ended early: the repository is damaged, or git was stopped", hint="git fsck")

    def _get_process(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            if self._stop is not None:
                self._stop()
            self._process = subprocess.Popen(
                command_line(self._root, ["cat-file", "--batch"]),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment(),
            )
            self._stop = weakref.finalize(self, end, self._process)
        return self._process
