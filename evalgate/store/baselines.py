"""The stored baselines: samples of an accepted version, one file for each key, read back whole or refused."""

from __future__ import annotations

import datetime
from pathlib import Path

from evalgate.domain import StoredBaseline
from evalgate.errors import InputError, Place, ServiceError
from evalgate.store import baseline_json
from evalgate.store.atomic import write_file
from evalgate.store.store import Store


def read_baseline(path: Path) -> StoredBaseline | None:
    """A file of the store; None when there is none. Raises InputError when it is damaged, or named unlike its key."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read: {error}", place=Place(path=str(path))) from None
    found = baseline_json.read(text, str(path))
    if found.key != path.stem:
        raise InputError(f"is named unlike its key {found.key[:12]}", place=Place(path=str(path)))
    return found


def write_baseline(stored: StoredBaseline, store: Store) -> Path:
    """Keeps samples in one step: a reader sees the old file or the new one. Raises ServiceError when it cannot."""
    path = store.find_baseline(stored.key)
    try:
        write_file(path, baseline_json.render(stored))
    except OSError as error:
        raise ServiceError(f"cannot be written: {error.strerror or error}", place=Place(path=str(path))) from error
    return path


def list_baselines(store: Store) -> tuple[list[StoredBaseline], list[InputError]]:
    """All that a store keeps, the newest first, and an error for each file that is damaged."""
    found, damaged = [], []
    for path in store.list_baselines():
        try:
            one = read_baseline(path)
        except InputError as error:
            damaged.append(error)
        else:
            found += [one] if one is not None else []
    return sorted(found, key=_find_moment, reverse=True), damaged


def has_samples(store: Store, digest_of_samples: str) -> bool:
    """Whether a store keeps samples of this digest."""
    found, _ = list_baselines(store)
    return any(baseline_json.digest_results(one) == digest_of_samples for one in found)


def _find_moment(stored: StoredBaseline) -> datetime.datetime:
    return datetime.datetime.fromisoformat(stored.sampled_at)
