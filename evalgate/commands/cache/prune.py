"""`cache prune`: remove unused entries, stale baselines, damaged caches and stored verdicts.

What a verdict, a second draw, the history or a rollout needs is not removed unasked: without it a change that failed
could be drawn again until it passes.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from evalgate.change.workspace import open_workspace
from evalgate.commands.cache.stats import FilesSize, require_store
from evalgate.errors import InputError
from evalgate.gate import stored_samples
from evalgate.store import cache_admin
from evalgate.store.baselines import list_baselines
from evalgate.store.cache_admin import Pruned
from evalgate.store.store import DAMAGED, FORGET, Store

__all__ = [
    "Pruned",
    "list_damaged",
    "list_stale_baselines",
    "list_verdicts",
    "prune_entries",
    "remove_files",
    "require_store",
]


def prune_entries(store: Store, *, unused_days: int | None, most_bytes: int | None, dry_run: bool) -> Pruned:
    """Remove the entries not used for `unused_days`, and the least recently used ones down to `most_bytes`."""
    unused = None if unused_days is None else unused_days * cache_admin.DAY
    return cache_admin.prune(store.cache, unused=unused, most=most_bytes, dry_run=dry_run)


def list_stale_baselines(store: Store, config_path: Path) -> tuple[list[Path], list[str]]:
    """Return the stored baselines that the configuration's policy refuses, and a warning for each damaged one."""
    policy = open_workspace(config_path, verify=None).config.policy
    found, damaged = list_baselines(store)
    old = [one for one in found if stored_samples.explain_stale(one, policy) is not None]
    return [store.find_baseline(one.key) for one in old], [str(error.faults[0]) for error in damaged]


def list_damaged(store: Store) -> Iterator[Path]:
    """Yield damaged caches, and what processes left that were killed a day ago or earlier while they wrote a file."""
    damaged = set(store.list_damaged_caches())
    for path in store.list_removable(DAMAGED):
        with contextlib.suppress(OSError):
            if path in damaged or path.stat().st_mtime < time.time() - cache_admin.DAY:
                yield path


def list_verdicts(store: Store) -> list[Path]:
    """Return all that keeps a change from a second draw."""
    return store.list_removable(FORGET)


def remove_files(files: Iterable[Path], *, dry_run: bool) -> FilesSize:
    """Remove files, and return how many there were; with `dry_run` only count. Raises InputError."""
    count = size = 0
    for path in files:
        try:
            bytes_ = path.stat().st_size
            if not dry_run:
                path.unlink()
        except FileNotFoundError:
            continue  # another process has removed it
        except OSError as error:
            raise InputError(f"{path}: cannot be removed: {error.strerror or error}") from error
        count, size = count + 1, size + bytes_
    return FilesSize(count=count, bytes=size)
