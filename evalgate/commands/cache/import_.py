"""`cache import`: add the entries of recordings files to a store's cache."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evalgate.services.user_files import read_user_file
from evalgate.store import cache_admin
from evalgate.store.cache_admin import Added
from evalgate.store.store import Store


def import_entries(store: Store, files: Sequence[Path], *, replace: bool) -> tuple[Added, int]:
    """Add the entries of `files`; return what was added, and the number of failures, which are left out.

    Raises InputError with every faulty line of every file; nothing is added then.
    """
    read = cache_admin.read_files(files, replace=replace, load_file=read_user_file)
    store.prepare()
    return cache_admin.add(store.cache, read, replace=replace), read.failures
