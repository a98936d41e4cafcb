"""The cache between runs: what is in it, what is not used any more, and its way into a file and back."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalgate.domain import Output
from evalgate.errors import Fault, InputError, Place, ServiceError
from evalgate.store.atomic import write_file
from evalgate.store.cache_entry import CacheEntry, dump, load
from evalgate.store.output_cache import DAMAGED, iterate_lines, open_readable, open_writable

DAY = 86_400.0
_LOCK_SECONDS = 60.0
_PASSES = 6
_LEAST_RECENT = "SELECT key, length(CAST(line AS BLOB)) + 2 * length(key) + 40 FROM entries ORDER BY used, created, key"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntries:
    """The entries that one model answered; `cost_usd` is the sum over those `priced`."""

    entries: int
    cost_usd: float
    priced: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """A cache in numbers. `size` is in bytes on disk; moments are seconds since 1970, None where nothing is known.

    `served` is by the name the endpoint gave itself, "" where it gave none. `unreadable` entries are asked for again.
    """

    entries: int
    size: int
    oldest: float | None
    newest: float | None
    last_used: float | None
    served: dict[str, ModelEntries]
    unreadable: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What went, or would go: entries, and bytes on disk before and after. `warning`: what could not be done."""

    entries: int
    left: int
    before: int
    after: int
    warning: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadEntries:
    """What files hold: by key the line to keep and when it was made (0: not said); failures, which are never kept."""

    rows: dict[str, tuple[str, float]]
    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """`added` are new; `met` had an entry with their key already."""

    added: int
    met: int


def measure_size(path: Path) -> int:
    """Bytes on disk of a database with what SQLite keeps beside it while it is open."""
    total = 0
    for end in ("", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            total += path.with_name(path.name + end).stat().st_size
    return total


def collect_stats(path: Path) -> Stats:
    """Reads the whole cache once. A file that is not there is an empty cache. Raises ServiceError."""
    entries, priced = Counter[str](), Counter[str]()
    cost: dict[str, float] = defaultdict(float)
    unreadable = 0
    dates: tuple[float | None, ...] = (None, None, None)
    if path.exists():
        with _open(path, write=False) as connection:
            dates = connection.execute(
                "SELECT min(nullif(created, 0)), max(nullif(created, 0)), max(used) FROM entries"
            ).fetchone()
            for (line,) in connection.execute("SELECT line FROM entries"):
                outcome = _outcome(line)
                if outcome is None:
                    unreadable += 1
                    continue
                name = outcome.served_by or ""
                entries[name] += 1
                if outcome.cost_usd is not None:
                    priced[name] += 1
                    cost[name] += outcome.cost_usd
    return Stats(
        entries=entries.total() + unreadable,
        size=measure_size(path),
        oldest=dates[0],
        newest=dates[1],
        last_used=dates[2],
        served={
            name: ModelEntries(entries=count, cost_usd=cost[name], priced=priced[name])
            for name, count in sorted(entries.items(), key=lambda item: (-item[1], item[0]))
        },
        unreadable=unreadable,
    )


def prune(path: Path, *, unused: float | None, most: int | None, dry_run: bool = False) -> Pruned:
    """Removes entries not used for `unused` seconds, then the least recently used until the file has `most` bytes.

    Safe beside processes that read or write: each step is one transaction, and SQLite rewrites the file in another.
    How many go for the size is an estimate with `dry_run`. Raises ServiceError.
    """
    if not path.exists():
        return Pruned(entries=0, left=0, before=0, after=0)
    before, warning = measure_size(path), None
    with _open(path, write=not dry_run) as connection:
        (held,) = connection.execute("SELECT count(*) FROM entries").fetchone()
        # use is noted to the day, so that what was used since may be noted as up to a day older
        doomed = None if unused is None else time.time() - unused - DAY
        if dry_run:
            keys = _too_many(connection, doomed, most)
            return Pruned(entries=len(keys), left=held - len(keys), before=before, after=before)
        gone = 0
        for _ in range(_PASSES):
            removed = _remove(connection, doomed, most)
            gone += removed
            # a file that has free pages, from now or from before, is written anew without them
            if connection.execute("PRAGMA freelist_count").fetchone()[0] or removed:
                warning = _shrink(connection)
            if warning is not None or most is None or _bytes(connection) <= most:
                break
        (left,) = connection.execute("SELECT count(*) FROM entries").fetchone()
    after = measure_size(path)
    if warning is None and most is not None and after > most:
        warning = "other processes have the cache open or add to it: it is not as small yet as it is to be"
    return Pruned(entries=gone, left=left, before=before, after=after, warning=warning)


def export(path: Path, destination: Path) -> tuple[int, int]:
    """Writes all entries as recordings with the moment of each, sorted by key; how many, and how many are unreadable.

    The same entries give the same bytes. Raises ServiceError for the cache, OSError for the destination.
    """
    written = unreadable = 0

    def lines(connection: sqlite3.Connection) -> Iterator[str]:
        nonlocal written, unreadable
        for line, created in connection.execute("SELECT line, created FROM entries ORDER BY key"):
            try:
                entry = load(line)
            except ValueError:
                unreadable += 1
                continue
            written += 1
            kept = CacheEntry(key=entry.key, about=entry.about, outcome=entry.outcome, created=created or None)
            yield f"{dump(kept)}\n"

    if path.exists():
        with _open(path, write=False) as connection:
            write_file(destination, lines(connection))
    else:
        write_file(destination, "")
    return written, unreadable


def read_files(files: Sequence[Path], *, replace: bool) -> ReadEntries:
    """The entries of recordings files, of equal keys the first, or the last with `replace`.

    Raises InputError with every faulty line of every file.
    """
    rows: dict[str, tuple[str, float]] = {}
    faults: list[Fault] = []
    failures = 0
    for file in files:
        for entry, line in _entries(file, faults):
            if not isinstance(entry.outcome, Output):
                failures += 1
            elif replace or entry.key not in rows:
                rows[entry.key] = (line, entry.created or 0.0)
    if faults:
        raise InputError(faults=faults)
    return ReadEntries(rows=rows, failures=failures)


def add(path: Path, read: ReadEntries, *, replace: bool) -> Added:
    """Adds entries in one transaction; one whose key is there stays out, or takes its place with `replace`.

    An entry that does not say when it was made counts as old. Raises ServiceError.
    """
    now = time.time()
    rows = [(key, line, min(created, now), now) for key, (line, created) in read.rows.items()]
    verb = "REPLACE" if replace else "IGNORE"
    with _open(path, write=True) as connection, _transaction(connection):
        (before,) = connection.execute("SELECT count(*) FROM entries").fetchone()
        connection.executemany(f"INSERT OR {verb} INTO entries VALUES (?, ?, ?, ?)", rows)
        (after,) = connection.execute("SELECT count(*) FROM entries").fetchone()
    return Added(added=after - before, met=len(rows) - (after - before))


def _entries(file: Path, faults: list[Fault]) -> Iterator[tuple[CacheEntry, str]]:
    """The entries of one file, each with the line that the cache keeps; what is wrong is added to `faults`."""
    try:
        data = file.read_bytes()
    except OSError as error:
        faults.append(Fault(message=f"cannot be read: {error.strerror or error}", place=Place(path=str(file))))
        return
    for number, line in iterate_lines(data):
        try:
            entry = load(line)
            kept = dump(CacheEntry(key=entry.key, about=entry.about, outcome=entry.outcome))
        except ValueError as error:
            faults.append(Fault(message=str(error), place=Place(path=str(file), line=number)))
        else:
            yield entry, kept


def _outcome(line: str) -> Output | None:
    try:
        outcome = load(line).outcome
    except ValueError:
        return None
    return outcome if isinstance(outcome, Output) else None


def _too_many(connection: sqlite3.Connection, doomed: float | None, most: int | None) -> list[str]:
    """The keys to remove: last used before `doomed`, and the least recently used of the rest that are beyond `most`."""
    keys: list[str] = []
    if doomed is not None:
        keys = [key for (key,) in connection.execute("SELECT key FROM entries WHERE used < ? ORDER BY used", (doomed,))]
    if most is None:
        return keys
    weights = dict(connection.execute(_LEAST_RECENT).fetchall())
    whole = sum(weights.values())
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (page,) = connection.execute("PRAGMA page_size").fetchone()
    for_each = (pages - free) * page / whole if whole else 1.0  # bytes on disk for a byte of content
    left = whole - sum(weights.pop(key) for key in keys)
    for key, weight in weights.items():
        if left * for_each <= most:
            break
        left -= weight
        keys.append(key)
    return keys


def _remove(connection: sqlite3.Connection, doomed: float | None, most: int | None) -> int:
    with _transaction(connection):
        keys = _too_many(connection, doomed, most)
        connection.executemany("DELETE FROM entries WHERE key = ?", ((key,) for key in keys))
    return len(keys)


def _shrink(connection: sqlite3.Connection) -> str | None:
    """Gives the freed pages back to the disk; why not, where it cannot. The entries are whole either way."""
    try:
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        return f"the entries are gone, but the file could not be made smaller ({error})"
    return None


def _bytes(connection: sqlite3.Connection) -> int:
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (page,) = connection.execute("PRAGMA page_size").fetchone()
    return int(pages * page)


def _unusable(error: Exception, path: Path) -> ServiceError:
    if getattr(error, "sqlite_errorname", "") in DAMAGED:
        hint = "the next run moves it aside and begins a new one"
        return ServiceError(f"the cache is damaged: {error}", place=Place(path=str(path)), hint=hint)
    return ServiceError(f"the cache cannot be used: {error}", place=Place(path=str(path)))


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextlib.contextmanager
def _open(path: Path, *, write: bool) -> Iterator[sqlite3.Connection]:
    """The database until the end of the block, after which one file is left. Raises ServiceError for what it lacks."""
    connection: sqlite3.Connection | None = None
    try:
        try:
            # even to read: who may only read leaves SQLite's own files behind
            connection = open_writable(path, timeout=_LOCK_SECONDS)
        except (sqlite3.Error, OSError) as error:
            connection = None if write else open_readable(path)
            if connection is None:
                raise _unusable(error, path) from error
        yield connection
        with contextlib.suppress(sqlite3.Error):
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise _unusable(error, path) from error
    finally:
        if connection is not None:
            connection.close()
