"""The last documents that were served, in a file: what a process starts from when the registry is down."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from evalgate.release.checked_value import LARGEST, DocumentError
from evalgate.release.runtime.bounded_file import read_bounded
from evalgate.release.runtime.cached_document import CachedDocument, count_from, parse_cached, tell_wall
from evalgate.release.runtime.prompt_error import make_printable, warn

_LARGEST_FILE = 16 * LARGEST
_LOCK_WAIT = 1.0
"""Seconds that a write waits for other processes. Then it is left to a later one."""


class LastGood:
    """A file with the last document of each prompt, which several processes may share.

    It is replaced by rename, so that a reader sees the old or the new one, and a revision in it is never replaced by a
    lower one. A damaged file counts as empty, with a warning in the log. No method raises: requests do not depend on
    it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._warned = ""

    def read(self, name: str) -> CachedDocument | None:
        """Return the document of a prompt, checked; None if there is none."""
        entry = self._load().get(name)
        return None if entry is None else self._parse(name, entry)

    def write(self, documents: Iterable[CachedDocument]) -> bool:
        """Merge some documents into the file, each unless the file has a later one. Return whether it was written."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with _lock(self._path.with_name(f"{self._path.name}.lock")) as locked:
                if not locked:
                    return False
                entries = self._load()
                for held in documents:
                    name = held.document.name
                    before = self._parse(name, entries[name]) if name in entries else None
                    if before is None or _is_newer(held, before):
                        entries[name] = {"at": tell_wall(held.confirmed), "data": held.data.decode()}
                # in ASCII: a name may have characters that UTF-8 cannot encode
                _replace(self._path, json.dumps({"format": 1, "documents": entries}).encode("ascii"))
        except Exception as error:  # a fault of this file must not end a round of refreshes
            self._warn(f"{self._path} cannot be written: {error}")
            return False
        return True

    def _load(self) -> dict[str, dict[str, Any]]:
        try:
            data = read_bounded(self._path, _LARGEST_FILE)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            self._warn(f"{self._path} cannot be read: {error}")
            return {}
        try:
            if len(data) > _LARGEST_FILE:
                raise ValueError("it is too large")
            given = json.loads(data.decode())
            if not isinstance(given, dict) or given.get("format") != 1 or not isinstance(given.get("documents"), dict):
                raise ValueError("it is not a file of last documents, format 1")
        except (ValueError, RecursionError) as error:
            self._warn(f"{self._path} is damaged, and counts as empty: {error}")
            return {}
        return {name: _keep_known(entry) for name, entry in given["documents"].items()}

    def _parse(self, name: str, entry: dict[str, Any]) -> CachedDocument | None:
        try:
            if not entry:
                raise DocumentError("not an entry with data")
            return parse_cached(name, entry["data"].encode(), count_from(float(entry["at"])))
        except (ValueError, OverflowError) as error:  # DocumentError is a ValueError
            self._warn(f'{self._path}: the document of "{name}" is damaged, and is ignored: {error}')
            return None

    def _warn(self, message: str) -> None:
        if message != self._warned:
            warn(make_printable(message))
        self._warned = message


def _keep_known(entry: Any) -> dict[str, Any]:
    """Return an entry with the keys that count, so that it can be written back whatever else it has; {} for none."""
    if not isinstance(entry, dict) or not isinstance(entry.get("data"), str):
        return {}
    at = entry.get("at")
    return {"at": at if isinstance(at, int | float) else 0.0, "data": entry["data"]}


def _is_newer(held: CachedDocument, before: CachedDocument) -> bool:
    return (held.revision, held.confirmed) > (before.revision, before.confirmed)


def _replace(path: Path, data: bytes) -> None:
    # hidden from others, as a prompt may be: 0600
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)  # noqa: PTH105


@contextmanager
def _lock(path: Path) -> Iterator[bool]:
    """Hold the lock of a file, and yield whether it was free in time. The end of a process frees it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        end = monotonic() + _LOCK_WAIT
        locked = _try_lock(descriptor)
        while not locked and monotonic() < end:
            sleep(0.01)
            locked = _try_lock(descriptor)
        try:
            yield locked
        finally:
            if locked:
                _unlock(descriptor)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _unlock(descriptor: int) -> None:
    # closing is not enough: a process that was forked meanwhile has the descriptor too
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_UN)
