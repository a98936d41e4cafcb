"""Parse two of git's output formats: the entries of a tree object, and the renames of a diff."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

TREE, LINK, SUBMODULE = 0o040000, 0o120000, 0o160000


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """An entry of a folder: its mode as git writes it, and its object id."""

    mode: int
    oid: str


def read_entries(data: bytes, *, id_bytes: int) -> dict[str, TreeEntry]:
    """Parse a tree object into entries by name: `<mode> SP <name> NUL <id>` each, with ids of `id_bytes` bytes."""
    entries: dict[str, TreeEntry] = {}
    at = 0
    while at < len(data):
        space = data.index(b" ", at)
        end = data.index(b"\0", space)
        oid = data[end + 1 : end + 1 + id_bytes].hex()
        entries[os.fsdecode(data[space + 1 : end])] = TreeEntry(int(data[at:space], 8), oid)
        at = end + 1 + id_bytes
    return entries


def find_entry(read_tree: Callable[[str], Mapping[str, TreeEntry]], tree: str, path: str) -> TreeEntry | None:
    """Return the entry of a path; None if there is none, or if a link or a submodule is on the way to it."""
    *folders, name = path.split("/")
    for folder in folders:
        entry = read_tree(tree).get(folder)
        if entry is None or entry.mode != TREE:
            return None
        tree = entry.oid
    return read_tree(tree).get(name)


def list_files(
    read_tree: Callable[[str], Mapping[str, TreeEntry]],
    tree: str,
    folder: str,
    skips: Callable[[str], bool] = lambda name: False,
) -> Iterator[str]:
    """Yield the paths of the regular files below a folder of a tree, sorted within each folder.

    Folders whose name `skips` accepts are left out, and so are symbolic links and submodules. `read_tree` returns the
    entries of a tree by its name. A folder that is not there has no files.
    """
    for part in folder.split("/") if folder else ():
        entry = read_tree(tree).get(part)
        if entry is None or entry.mode != TREE:
            return
        tree = entry.oid
    waiting = [(folder, tree)]
    while waiting:
        path, tree = waiting.pop()
        for name, entry in sorted(read_tree(tree).items()):
            full = f"{path}/{name}" if path else name
            if entry.mode == TREE and not skips(name):
                waiting.append((full, entry.oid))
            elif entry.mode not in (TREE, LINK, SUBMODULE):
                yield full


def find_renames(listing: bytes) -> list[tuple[str, str]]:
    """Return (old, new) for each `R<score> NUL old NUL new NUL`; the commit ids between them are skipped."""
    fields = iter(listing.split(b"\0"))
    return [(os.fsdecode(next(fields)), os.fsdecode(next(fields))) for field in fields if field[:1] == b"R"]
