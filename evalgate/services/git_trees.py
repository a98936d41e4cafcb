"""Parse two of git's output formats: the entries of a tree object, and the renames of a diff."""

from __future__ import annotations

import os
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


def find_renames(listing: bytes) -> list[tuple[str, str]]:
    """Return (old, new) for each `R<score> NUL old NUL new NUL`; the commit ids between them are skipped."""
    fields = iter(listing.split(b"\0"))
    return [(os.fsdecode(next(fields)), os.fsdecode(next(fields))) for field in fields if field[:1] == b"R"]
