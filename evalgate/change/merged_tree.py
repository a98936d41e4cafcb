"""The files of a repository as they are once a change is merged."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import PurePosixPath
from types import MappingProxyType

from evalgate.errors import Place
from evalgate.inputs.tree import CommitTree, NoSuchFileError
from evalgate.services.git import Git


class MergedTree:
    """The files that a change edits as its head has them, and all others as the tip of the base branch has them.

    A file that both sides edited is that of the head. A file that the change edits and that the base has removed or
    renamed since is missing: a merge follows the rename, or stops at a conflict. `kept` are paths that are always those
    of the tip. `merged` are the contents of files that both sides edited and of which the merge is known.
    """

    def __init__(
        self,
        git: Git,
        *,
        base: str,
        head: str,
        tip: str,
        kept: Collection[str] = (),
        merged: Mapping[str, bytes] = MappingProxyType({}),
    ) -> None:
        self._head, self._tip = CommitTree(git, head), CommitTree(git, tip)
        self._new = frozenset(git.added(base, head))
        self._edited = frozenset(git.added(base, head, kinds="DMT"))
        self._kept = frozenset(kept)
        self._merged = merged

    @property
    def root(self) -> str:
        return self._head.root

    def read(self, path: str) -> bytes:
        if path in self._merged:
            return self._merged[path]
        if not self.exists(path):
            raise NoSuchFileError("no such file", place=Place(path=path))
        return self._choose(path).read(path)

    def exists(self, path: str) -> bool:
        return path in self._merged or self._choose(path).exists(path)

    def list_files(self, folder: str) -> Iterator[str]:
        found = {tree: set(tree.list_files(folder)) for tree in (self._head, self._tip)}
        return (path for path in sorted(set().union(*found.values())) if path in found[self._choose(path)])

    def describe(self, path: str) -> str:
        return self._choose(path).describe(path)

    def _choose(self, path: str) -> CommitTree:
        """Return the tree of a file. A link or a submodule, which git lists as one path, has all paths below it."""
        if path in self._kept:
            return self._tip
        for place in (path, *map(str, PurePosixPath(path).parents)):
            if place in self._new or (place in self._edited and self._tip.exists(place)):
                return self._head
        return self._tip
