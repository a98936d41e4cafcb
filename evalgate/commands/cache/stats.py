"""`cache stats`: the entries of a store's cache, and the number and size of its other files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from evalgate.errors import InputError, Place
from evalgate.store import cache_admin
from evalgate.store.cache_admin import Stats
from evalgate.store.store import CACHE, Store

__all__ = ["FilesSize", "Stats", "StoreSummary", "require_store", "summarize_store"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesSize:
    """The number of files of one kind, and their size in bytes."""

    count: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSummary:
    """The statistics of a store's cache, and its `others`: all other files, by the names of their kinds."""

    root: Path
    cache: Stats
    others: Mapping[str, FilesSize]


def summarize_store(store: Store) -> StoreSummary:
    """Count the entries and files of a store. Raises InputError if it does not exist, ServiceError if it is damaged."""
    require_store(store)
    files = store.list_files()
    return StoreSummary(
        root=store.root,
        cache=cache_admin.collect_stats(store.cache),
        others={kind.name: _measure_size(paths) for kind, paths in files.items() if kind.name != CACHE},
    )


def require_store(store: Store) -> None:
    """Raise InputError if a store does not exist: a wrong folder must not look like an empty store."""
    if not store.root.is_dir():
        hint = "name it with --store, or its configuration with --config; a run creates it"
        raise InputError("there is no store", place=Place(path=str(store.root)), hint=hint)


def _measure_size(files: Iterable[Path]) -> FilesSize:
    sizes = []
    for path in files:
        try:
            sizes.append(path.stat().st_size)
        except FileNotFoundError:
            continue  # another process has removed it
    return FilesSize(count=len(sizes), bytes=sum(sizes))
