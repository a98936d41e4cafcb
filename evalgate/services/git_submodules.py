"""The submodules of a working tree, each as a repository of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from evalgate.services.git_objects import UnavailableError


class Module(Protocol):
    """What is needed of a submodule's repository."""

    @property
    def root(self) -> Path: ...

    def knows(self, ref: str) -> bool: ...


Repository = TypeVar("Repository", bound=Module)


class Submodules(Generic[Repository]):
    """Opens the submodules of the working tree at `root`, each once. `find` opens the repository around a folder."""

    def __init__(self, root: Path, find: Callable[[Path], Repository | None]) -> None:
        self._root = root
        self._find = find
        self._open: dict[str, Repository] = {}

    def open(self, folder: str, commit: str) -> Repository:
        """Return the repository of the submodule in a folder.

        Raises UnavailableError, with the command that mends it, if it is not checked out or lacks the commit.
        """
        if folder not in self._open:
            place = self._root / folder
            found = self._find(place) if place.is_dir() and not place.is_symlink() else None
            # around a folder that is not checked out is the repository that has the submodule
            if found is None or not found.root.samefile(place):
                hint = f"git submodule update --init {folder}; in a workflow: actions/checkout with `submodules: true`"
                raise UnavailableError(f"{folder} is a submodule that is not checked out", hint=hint)
            self._open[folder] = found
        if not self._open[folder].knows(commit):
            hint = f"git -C {folder} fetch origin {commit}"
            raise UnavailableError(f"the submodule {folder} lacks its commit {commit[:7]}", hint=hint)
        return self._open[folder]
