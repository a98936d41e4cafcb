"""A tree that notes which of its files are read."""

from __future__ import annotations

from collections.abc import Iterator

from evalgate.inputs.tree import Tree


class RecordingTree:
    """The files of another tree. `paths` are those that were asked for, also where they are missing or unreadable.

    What a reader returns depends on these files alone: where all of them are the same in another tree, so is the
    result, even if it is an error.
    """

    def __init__(self, tree: Tree) -> None:
        self.paths: set[str] = set()
        self._tree = tree

    @property
    def root(self) -> str:
        return self._tree.root

    def read(self, path: str) -> bytes:
        self.paths.add(path)
        return self._tree.read(path)

    def exists(self, path: str) -> bool:
        self.paths.add(path)
        return self._tree.exists(path)

    def list_files(self, folder: str) -> Iterator[str]:
        return self._tree.list_files(folder)

    def describe(self, path: str) -> str:
        return self._tree.describe(path)
