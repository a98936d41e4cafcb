"""The administration of the cache between runs: statistics, removal of unused entries, export and import."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalgate.domain import Output
from evalgate.errors import Fault, InputError, Place, ServiceError
from evalgate.store.atomic import write_file
from evalgate.store.cache_entry import CacheEntry, dump, load
from evalgate.store.output_cache import DAMAGED, iterate_lines, open_readable, open_writable

DAY = 86_400.0
_LOCK_SECONDS = 60.0
_MAX_PASSES = 6
_SIZES_QUERY = "SELECT key, length(CAST(line AS BLOB)) + 2 * length(key) + 40 FROM entries ORDER BY used, created, key"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntries:
    """The entries of one model; `cost_usd` is the sum over the `priced` entries, those with a known cost."""

    entries: int
    cost_usd: float
    priced: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """The statistics of a cache. `size` is in bytes on disk; times are in seconds since 1970, None if not known.

    `served` is by the model name that the endpoint reported, "" if it reported none. Requests with `unreadable` entries
    are made again.
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
    """The result of `prune`: numbers of entries, and bytes on disk before and after.

    `entries` were removed, or would be; `left` remain. `warning` names what could not be done.
    """

    entries: int
    left: int
    before: int
    after: int
    warning: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadEntries:
    """The entries of recordings files.

    `rows` has by key the line to store and its time (0: not known). `failures` counts failures, which are not stored.
    """

    rows: dict[str, tuple[str, float]]
    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """The result of `add`: `added` entries were new, and for `met` entries the cache had their key already."""

    added: int
    met: int


def measure_size(path: Path) -> int:
    """Return the bytes on disk of a database, with the files that SQLite keeps beside it while it is open."""
    total = 0
    for end in ("", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            total += path.with_name(path.name + end).stat().st_size
    return total


def collect_stats(path: Path) -> Stats:
    """Read the whole cache once, and return its statistics. A missing file is an empty cache. Raise ServiceError."""
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
                outcome = _read_outcome(line)
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
    """Remove entries not used for `unused` seconds, then the least recently used until the file has `most` bytes.

    This is safe while other processes read or write: each step is one transaction, and SQLite rewrites the file in
    another. With `dry_run` the number of entries removed for the size is an estimate. Raise ServiceError.
    """
    if not path.exists():
        return Pruned(entries=0, left=0, before=0, after=0)
    before, warning = measure_size(path), None
    with _open(path, write=not dry_run) as connection:
        (total,) = connection.execute("SELECT count(*) FROM entries").fetchone()
        # the last use is stored to the day, so the stored time may be up to a day too early
        cutoff = None if unused is None else time.time() - unused - DAY
        if dry_run:
            keys = _find_removable(connection, cutoff, most)
            return Pruned(entries=len(keys), left=total - len(keys), before=before, after=before)
        removed_total = 0
        for _ in range(_MAX_PASSES):
            removed = _remove(connection, cutoff, most)
            removed_total += removed
            # rewrite a file with free pages, from this removal or an earlier one
            if connection.execute("PRAGMA freelist_count").fetchone()[0] or removed:
                warning = _shrink(connection)
            if warning is not None or most is None or _count_bytes(connection) <= most:
                break
        (left,) = connection.execute("SELECT count(*) FROM entries").fetchone()
    after = measure_size(path)
    if warning is None and most is not None and after > most:
        warning = "other processes have the cache open or add to it: the file is still larger than requested"
    return Pruned(entries=removed_total, left=left, before=before, after=after, warning=warning)


def export(path: Path, destination: Path) -> tuple[int, int]:
    """Write all entries as recordings with their times, sorted by key; the same entries give the same bytes.

    Return the number of written and of unreadable entries. Raise ServiceError for the cache, OSError for the
    destination.
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


def read_files(
    files: Sequence[Path], *, replace: bool, load_file: Callable[[Path], bytes] = Path.read_bytes
) -> ReadEntries:
    """Read recordings files with `load_file`. Of entries with equal keys return the first, or the last with `replace`.

    Raise InputError with every faulty line of every file.
    """
    rows: dict[str, tuple[str, float]] = {}
    faults: list[Fault] = []
    failures = 0
    for file in files:
        for entry, line in _read_file(file, load_file, faults):
            if not isinstance(entry.outcome, Output):
                failures += 1
            elif replace or entry.key not in rows:
                rows[entry.key] = (line, entry.created or 0.0)
    if faults:
        raise InputError(faults=faults)
    return ReadEntries(rows=rows, failures=failures)


def add(path: Path, read: ReadEntries, *, replace: bool) -> Added:
    """Add entries in one transaction. An entry with an existing key is skipped, or replaces it with `replace`.

    An entry without a time counts as old. Raise ServiceError.
    """
    now = time.time()
    rows = [(key, line, min(created, now), now) for key, (line, created) in read.rows.items()]
    verb = "REPLACE" if replace else "IGNORE"
    with _open(path, write=True) as connection, _transaction(connection):
        (before,) = connection.execute("SELECT count(*) FROM entries").fetchone()
        connection.executemany(f"INSERT OR {verb} INTO entries VALUES (?, ?, ?, ?)", rows)
        (after,) = connection.execute("SELECT count(*) FROM entries").fetchone()
    return Added(added=after - before, met=len(rows) - (after - before))


def _read_file(file: Path, load_file: Callable[[Path], bytes], faults: list[Fault]) -> Iterator[tuple[CacheEntry, str]]:
    """Yield the entries of one file, each with the line that the cache stores; add problems to `faults`."""
    try:
        data = load_file(file)
    except InputError as error:
        faults += error.faults
        return
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


def _read_outcome(line: str) -> Output | None:
    try:
        outcome = load(line).outcome
    except ValueError:
        return None
    return outcome if isinstance(outcome, Output) else None


def _find_removable(connection: sqlite3.Connection, cutoff: float | None, most: int | None) -> list[str]:
    """Return the keys to remove: last used before `cutoff`, then the least recently used beyond `most` bytes."""
    keys: list[str] = []
    if cutoff is not None:
        keys = [key for (key,) in connection.execute("SELECT key FROM entries WHERE used < ? ORDER BY used", (cutoff,))]
    if most is None:
        return keys
    sizes = dict(connection.execute(_SIZES_QUERY).fetchall())
    whole = sum(sizes.values())
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (page,) = connection.execute("PRAGMA page_size").fetchone()
    for_each = (pages - free) * page / whole if whole else 1.0  # bytes on disk per byte of content
    left = whole - sum(sizes.pop(key) for key in keys)
    for key, size in sizes.items():
        if left * for_each <= most:
            break
        left -= size
        keys.append(key)
    return keys


def _remove(connection: sqlite3.Connection, cutoff: float | None, most: int | None) -> int:
    with _transaction(connection):
        keys = _find_removable(connection, cutoff, most)
        connection.executemany("DELETE FROM entries WHERE key = ?", ((key,) for key in keys))
    return len(keys)


def _shrink(connection: sqlite3.Connection) -> str | None:
    """Return the freed pages to the file system, or the reason why that failed; no entry is lost either way."""
    try:
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        return f"the entries were removed, but the file could not be made smaller ({error})"
    return None


def _count_bytes(connection: sqlite3.Connection) -> int:
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (page,) = connection.execute("PRAGMA page_size").fetchone()
    return int(pages * page)


def _make_error(error: Exception, path: Path) -> ServiceError:
    if getattr(error, "sqlite_errorname", "") in DAMAGED:
        hint = "the next run moves it aside and creates a new one"
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
    """Open the database for the block, and leave one file after it. Raise ServiceError for a database error."""
    connection: sqlite3.Connection | None = None
    try:
        try:
            # writable even to read: a read-only connection would leave SQLite's own files behind
            connection = open_writable(path, timeout=_LOCK_SECONDS)
        except (sqlite3.Error, OSError) as error:
            connection = None if write else open_readable(path)
            if connection is None:
                raise _make_error(error, path) from error
        yield connection
        with contextlib.suppress(sqlite3.Error):
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise _make_error(error, path) from error
    finally:
        if connection is not None:
            connection.close()
