"""The stored baselines: samples of an accepted version, one file per key; a damaged file is rejected."""

from __future__ import annotations

import datetime
from pathlib import Path

from evalgate.domain import StoredBaseline
from evalgate.errors import InputError, Place, ServiceError
from evalgate.store import baseline_json
from evalgate.store.atomic import write_file
from evalgate.store.store import Store


def read_baseline(path: Path) -> StoredBaseline | None:
    """Read a baseline file; return None if there is none. Raise InputError if it is damaged or misnamed."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read: {error}", place=Place(path=str(path))) from None
    found = baseline_json.read(text, str(path))
    if found.key != path.stem:
        raise InputError(f"the file's name does not match its key {found.key[:12]}", place=Place(path=str(path)))
    return found


def write_baseline(stored: StoredBaseline, store: Store) -> Path:
    """Write samples in one atomic step, and return the path. Raise ServiceError if the file cannot be written."""
    path = store.find_baseline(stored.key)
    try:
        write_file(path, baseline_json.render(stored))
    except OSError as error:
        raise ServiceError(f"cannot be written: {error.strerror or error}", place=Place(path=str(path))) from error
    return path


def list_baselines(store: Store) -> tuple[list[StoredBaseline], list[InputError]]:
    """Return all baselines of a store, newest first, and an error for each damaged file."""
    found, damaged = [], []
    for path in store.list_baselines():
        try:
            baseline = read_baseline(path)
        except InputError as error:
            damaged.append(error)
        else:
            found += [baseline] if baseline is not None else []
    return sorted(found, key=_read_time, reverse=True), damaged


def has_samples(store: Store, digest_of_samples: str) -> bool:
    """Return True if a store has samples with this digest."""
    found, _ = list_baselines(store)
    return any(baseline_json.digest_results(baseline) == digest_of_samples for baseline in found)


def _read_time(stored: StoredBaseline) -> datetime.datetime:
    return datetime.datetime.fromisoformat(stored.sampled_at)
