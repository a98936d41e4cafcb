"""A copy of the answers and scores that were read from a service, so that a next reading asks for the new ones alone.

One SQLite file for each source. It may be deleted at any time. A process that cannot use it, or finds it in use, works
on a private copy.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, Self

from evalgate.errors import ServiceError
from evalgate.store.output_cache import DAMAGED

Kind = Literal["answers", "scores"]

_FORMAT: Final = 1
_OTHER_FORMAT: Final = "another version of evalgate made it"
_WAIT_SECONDS: Final = 1.0
_COLUMNS: Final = {"answers": "trace, id, at, data", "scores": "id, trace, answer, at, data"}
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS coverage (kind TEXT PRIMARY KEY, since REAL NOT NULL, until REAL NOT NULL,
  begun REAL NOT NULL);
CREATE TABLE IF NOT EXISTS answers (trace TEXT, id TEXT, at REAL NOT NULL, data TEXT NOT NULL, PRIMARY KEY (trace, id))
  WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS answers_by_time ON answers (at, trace, id);
CREATE TABLE IF NOT EXISTS scores (id TEXT PRIMARY KEY, trace TEXT NOT NULL, answer TEXT NOT NULL, at REAL NOT NULL,
  data TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS scores_by_time ON scores (at);
CREATE INDEX IF NOT EXISTS scores_by_answer ON scores (answer, trace);
CREATE TEMP TABLE new_answers AS SELECT * FROM answers WHERE 0;
CREATE TEMP TABLE new_scores AS SELECT * FROM scores WHERE 0;
"""


class CachedAnswer(NamedTuple):
    """An answer: it is known by both its ids. `at` is in seconds since 1970, `data` a text of the caller's."""

    trace: str
    id: str
    at: float
    data: str


class CachedScore(NamedTuple):
    """A score of an answer, or of its whole trace: then `answer` is empty."""

    id: str
    trace: str
    answer: str
    at: float
    data: str


class Coverage(NamedTuple):
    """The times [since, until) whose rows are all here and will not change. `begun` is when the first was read."""

    since: float
    until: float
    begun: float


class RowCache:
    """The rows of one source. Use it in a `with` block. Raises ServiceError for a file that turns out to be damaged."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = _open(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def find_coverage(self, kind: Kind) -> Coverage | None:
        """Return what is covered of a kind of rows; None for nothing."""
        found = self._ask("SELECT since, until, begun FROM coverage WHERE kind = ?", kind).fetchone()
        return None if found is None else Coverage(*found)

    def forget(self, kind: Kind) -> None:
        """Remove all rows of a kind."""
        with self._change():
            self._ask(f"DELETE FROM {kind}")
            self._ask("DELETE FROM coverage WHERE kind = ?", kind)

    def count(self, kind: Kind, since: float, until: float) -> int:
        """Return the number of rows with a time in [since, until)."""
        return int(self._ask(f"SELECT count(*) FROM {kind} WHERE at >= ? AND at < ?", since, until).fetchone()[0])

    def find_newest(self, kind: Kind, until: float) -> float | None:
        """Return the time of the newest row that is not after a time; None without one."""
        found = self._ask(f"SELECT max(at) FROM {kind} WHERE at <= ?", until).fetchone()[0]
        return None if found is None else float(found)

    def replace(
        self, kind: Kind, since: float, until: float, pages: Iterable[Iterable[CachedAnswer | CachedScore]]
    ) -> int:
        """Put rows in the place of those with a time in [since, until), all or none, and return their number."""
        marks = ", ".join("?" * len(_COLUMNS[kind].split(",")))
        with self._explain():
            self._connection.execute(f"DELETE FROM temp.new_{kind}")
            for page in pages:
                order = f"INSERT INTO temp.new_{kind} ({_COLUMNS[kind]}) VALUES ({marks})"
                self._connection.executemany(order, page)
            with self._change():
                self._ask(f"DELETE FROM {kind} WHERE at >= ? AND at < ?", since, until)
                # the pages are newest first, and of a row in two of them the first is the newer one
                columns = f"INSERT OR REPLACE INTO {kind} ({_COLUMNS[kind]}) SELECT {_COLUMNS[kind]}"
                done = self._ask(f"{columns} FROM temp.new_{kind} ORDER BY rowid DESC")
            return done.rowcount

    def cover(self, kind: Kind, coverage: Coverage) -> None:
        """Write what is covered."""
        with self._change():
            self._ask("INSERT OR REPLACE INTO coverage VALUES (?, ?, ?, ?)", kind, *coverage)

    def stream_answers(self, since: float) -> Iterator[tuple[CachedAnswer, list[CachedScore]]]:
        """Yield the answers since a time in their order, each with its scores and those of its trace, in no order."""
        asked = "SELECT id, trace, answer, at, data FROM scores WHERE"
        with self._explain(), self._change("DEFERRED"):
            for row in self._ask("SELECT trace, id, at, data FROM answers WHERE at >= ? ORDER BY at, trace, id", since):
                answer = CachedAnswer(*row)
                own = self._ask(f"{asked} answer = ? AND trace IN (?, '')", answer.id, answer.trace).fetchall()
                if answer.trace:
                    own += self._ask(f"{asked} answer = '' AND trace = ?", answer.trace).fetchall()
                yield answer, [CachedScore(*one) for one in own]

    def _ask(self, order: str, *values: Any) -> sqlite3.Cursor:
        with self._explain():
            return self._connection.execute(order, values)

    @contextlib.contextmanager
    def _change(self, kind: str = "IMMEDIATE") -> Iterator[None]:
        self._ask(f"BEGIN {kind}")
        try:
            yield
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise
        self._ask("COMMIT")

    @contextlib.contextmanager
    def _explain(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise ServiceError(
                f"{self._path}: the copy of the rows cannot be used: {error}", hint="delete it, and repeat the command"
            ) from None


def remove_unused(folder: Path, before: float) -> None:
    """Remove the files of a folder that were last written before a time, in seconds since 1970."""
    with contextlib.suppress(OSError):
        for path in folder.glob("*.sqlite3"):
            if path.stat().st_mtime < before:
                path.unlink()


def _open(path: Path) -> sqlite3.Connection:
    """Open the file; a damaged one, or one of another format, is made anew. Else a private file, for this process."""
    for _ in range(2):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return _prepare(sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None))
        except (sqlite3.Error, OSError) as error:
            if getattr(error, "sqlite_errorname", "") not in DAMAGED and str(error) != _OTHER_FORMAT:
                break  # it is in use, or cannot be written
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
    return _prepare(sqlite3.connect("", isolation_level=None))


def _prepare(connection: sqlite3.Connection) -> sqlite3.Connection:
    try:
        # this process alone until it closes the file: another one that forgets rows would make this one read too few
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
        written = connection.execute("PRAGMA user_version").fetchone()[0]
        if written not in (0, _FORMAT):
            raise sqlite3.DatabaseError(_OTHER_FORMAT)
        connection.executescript(_TABLES)
        connection.execute(f"PRAGMA user_version = {_FORMAT}")
    except BaseException:
        connection.close()
        raise
    return connection
