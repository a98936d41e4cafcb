"""`cache export`: write the entries of a store's cache to a file of recordings."""

from __future__ import annotations

from pathlib import Path

from evalgate.commands.cache.stats import require_store
from evalgate.store import cache_admin
from evalgate.store.store import Store


def export_entries(store: Store, file: Path) -> tuple[int, int]:
    """Write all entries to `file`; return the numbers of written and of unreadable entries.

    Raises InputError if there is no store, OSError if the file cannot be written.
    """
    require_store(store)
    return cache_admin.export(store.cache, file)
