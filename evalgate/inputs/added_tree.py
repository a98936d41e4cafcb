"""A tree with files that are not written yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from evalgate.inputs.tree import Tree


class AddedTree:
    """The files of a tree, and others beside them: what a check would find once they are written.

    `added` are contents by the path from the tree's root. They go before files of the tree.
    """

    def __init__(self, tree: Tree, added: Mapping[str, bytes]) -> None:
        self._tree = tree
        self._added = added

    @property
    def root(self) -> str:
        return self._tree.root

    def read(self, path: str) -> bytes:
        return self._added[path] if path in self._added else self._tree.read(path)

    def exists(self, path: str) -> bool:
        return path in self._added or self._tree.exists(path)

    def list_files(self, folder: str) -> Iterator[str]:
        inner = {path for path in self._added if not folder or path.startswith(f"{folder}/")}
        return iter(sorted(inner.union(self._tree.list_files(folder))))

    def describe(self, path: str) -> str:
        return self._tree.describe(path)
