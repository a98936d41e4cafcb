"""The content-addressed cache: the answers to requests by their keys, across runs and processes."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from evalgate.domain import Outcome, Output
from evalgate.errors import Fault, InputError, Place
from evalgate.store.atomic import write_file
from evalgate.store.cache_entry import CacheEntry, dump, is_answer, load
from evalgate.store.store import DAMAGED_MARK

_FORMAT = 1
_DAY = 86_400
_BATCH_ENTRIES = 100
_BATCH_SECONDS = 1.0
DAMAGED = {"SQLITE_CORRUPT", "SQLITE_NOTADB"}
"""The SQLite error names for a damaged database file."""


class Cache:
    """One SQLite file in WAL mode, opened at first use, safe for several processes.

    Answers are written in batches, after a hundred answers or one second, and on close: one transaction per answer
    would cost more time than the answer. A crash loses the unwritten ones here, but not in the journal.
    No failure of the cache stops a run: a damaged file is moved aside, an unwritable file is only read, and `warnings`
    gets one warning.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.warnings: list[str] = []
        self._connection: sqlite3.Connection | None = None
        self._opened = False
        self._writable = True
        self._used: set[str] = set()
        self._unwritten: dict[str, tuple[str, str, float, float]] = {}
        self._written_at = 0.0

    def get(self, key: str, max_age: float | None = None) -> Outcome | None:
        """Return the answer to a request, marked `cached`; None if there is none of the last `max_age` seconds."""
        if key in self._unwritten:
            return replace(load(self._unwritten[key][1]).outcome, cached=True)
        connection = self._open()
        if connection is None:
            return None
        try:
            row = connection.execute("SELECT line, used, created FROM entries WHERE key = ?", (key,)).fetchone()
            now = time.time()
            # an entry from the future was written with a wrong clock: its age is not known
            if row is None or (max_age is not None and not now - max_age <= row[2] <= now + _DAY):
                return None
            outcome = load(row[0]).outcome
        except sqlite3.Error as error:
            self._fail(error)
            return None
        except ValueError:
            return None  # written by hand or by a later evalgate: make the request again
        if row[1] < time.time() - _DAY:
            self._used.add(key)
        return replace(outcome, cached=True) if is_answer(outcome) else None

    def put(self, key: str, outcome: Outcome, about: str) -> None:
        """Store an output. A failure of either kind is not stored, so that the next run makes the request again."""
        if not isinstance(outcome, Output):
            return
        self.put_line(key, dump(CacheEntry(key=key, about=about, outcome=outcome)))

    def put_line(self, key: str, line: str) -> None:
        """Store an output that `cache_entry.dump` has encoded already."""
        if self._open() is None or not self._writable:
            return
        now = time.time()
        if not self._unwritten:
            self._written_at = now
        self._unwritten[key] = (key, line, now, now)
        if len(self._unwritten) >= _BATCH_ENTRIES or now - self._written_at >= _BATCH_SECONDS:
            self._write()

    def _write(self) -> None:
        rows = list(self._unwritten.values())
        self._unwritten.clear()
        for _ in range(2):  # a damaged file is replaced by a new one, and the second pass writes the rows there
            connection = self._connection
            if connection is None or not rows or not self._writable:
                return
            try:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?)", rows)
                connection.execute("COMMIT")
            except sqlite3.Error as error:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                self._fail(error)
            else:
                return

    def close(self) -> None:
        self._write()
        connection, self._connection, self._opened = self._connection, None, False
        if connection is None:
            return
        with contextlib.suppress(sqlite3.Error):
            if self._writable:
                self._note_use(connection)
                # merge the WAL, so that a CI cache of the folder saves one complete file
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()

    def _note_use(self, connection: sqlite3.Connection) -> None:
        """Record the last use of entries, to the day; `cache_admin.prune` reads it."""
        now = time.time()
        connection.executemany("UPDATE entries SET used = ? WHERE key = ?", [(now, key) for key in self._used])
        self._used.clear()

    def _open(self) -> sqlite3.Connection | None:
        if self._opened:
            return self._connection
        self._opened = True
        try:
            self._connection = open_writable(self.path)
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorname in DAMAGED:
                self._fail(error)
            else:
                self._open_readable(str(error))
        except OSError as error:
            self._open_readable(error.strerror or str(error))
        return self._connection

    def _open_readable(self, reason: str) -> None:
        self._writable = False
        self._warn(f"the cache {self.path} cannot be written ({reason}); this run's answers are not kept in it")
        self._connection = open_readable(self.path)

    def _fail(self, error: sqlite3.Error) -> None:
        """Handle an error of the database: replace a damaged file, else stop writing. The run continues."""
        if getattr(error, "sqlite_errorname", "") not in DAMAGED:
            self._writable = False
            self._warn(f"the cache {self.path} cannot be used any more ({error}); this run goes on without it")
            return
        if self._connection is not None:
            self._connection.close()
        self._connection, self._used = None, set()
        aside = self.path.with_name(f"{self.path.name}{DAMAGED_MARK}{time.time_ns()}")
        try:
            self.path.rename(aside)
            for end in ("-wal", "-shm"):
                self.path.with_name(self.path.name + end).unlink(missing_ok=True)
            self._connection = open_writable(self.path)
        except (OSError, sqlite3.Error) as second:
            self._writable = False
            self._warn(f"the cache {self.path} is damaged and cannot be replaced ({second})")
        else:
            self._warn(f"the cache {self.path} was damaged; it was renamed to {aside.name}, and a new one was created")

    def _warn(self, sentence: str) -> None:
        if sentence not in self.warnings:
            self.warnings.append(sentence)


def open_writable(path: Path, timeout: float = 10) -> sqlite3.Connection:
    """Open the database, and create it if necessary; `timeout` is the seconds to wait while another process writes.

    Raise sqlite3.Error, or OSError for a folder that cannot be created and for a file of a later format.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=timeout, isolation_level=None)
    try:
        with contextlib.suppress(sqlite3.OperationalError):  # another process may be switching to WAL at this moment
            connection.execute("PRAGMA journal_mode = WAL")
        # with WAL, a crash of the machine may lose the last entries but never the file
        connection.execute("PRAGMA synchronous = NORMAL")
        written = connection.execute("PRAGMA user_version").fetchone()[0]
        if written > _FORMAT:
            raise OSError(f"a later evalgate made it (format {written})")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS entries"
            " (key TEXT PRIMARY KEY, line TEXT NOT NULL, created REAL NOT NULL, used REAL NOT NULL)"
        )
        if written < _FORMAT:
            connection.execute(f"PRAGMA user_version = {_FORMAT}")
    except BaseException:
        connection.close()
        raise
    return connection


def open_readable(path: Path) -> sqlite3.Connection | None:
    """Open a database read-only, for one that cannot be written; return None if it cannot be read either."""
    if not path.is_file():
        return None
    for mode in ("mode=ro", "mode=ro&immutable=1"):  # a WAL database in a read-only folder needs the second
        connection = None
        try:
            connection = sqlite3.connect(f"{path.resolve().as_uri()}?{mode}", uri=True, isolation_level=None)
            connection.execute("SELECT key, line, used, created FROM entries LIMIT 1").fetchone()
        except sqlite3.Error:
            if connection is not None:
                connection.close()
        else:
            return connection
    return None


def read_recordings(data: bytes, path: str) -> dict[str, CacheEntry]:
    """Return the entries of a recordings file by key. Raise InputError with every faulty line. `path` is for them."""
    entries: dict[str, CacheEntry] = {}
    faults: list[Fault] = []
    for number, line in iterate_lines(data):
        try:
            entry = load(line)
        except ValueError as error:
            faults.append(Fault(message=str(error), place=Place(path=path, line=number)))
        else:
            entries[entry.key] = entry
    if faults:
        raise InputError(faults=faults)
    return entries


def iterate_lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a recordings file that are not empty, with their numbers from 1."""
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if line.strip():
            yield number, line


def write_recordings(path: Path, entries: Mapping[str, CacheEntry]) -> None:
    """Write a recordings file, sorted by key, in one atomic step."""
    write_file(path, (f"{dump(entries[key])}\n" for key in sorted(entries)))
