"""The cache between runs: counted, pruned, exported and imported, also while other processes have it open."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from evalgate.domain import Failure, Output
from evalgate.errors import InputError, ServiceError
from evalgate.store import cache_admin
from evalgate.store.cache_admin import DAY
from evalgate.store.cache_entry import CacheEntry, dump
from evalgate.store.output_cache import Cache, read_recordings


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store" / "cache.sqlite3"


def fill(path: Path, count: int, size: int = 20, served_by: str = "m-1", cost: float | None = 0.5) -> None:
    cache = Cache(path)
    for number in range(count):
        output = Output(text=f"{number} " + "x" * size, served_by=served_by, cost_usd=cost)
        cache.put(f"{served_by}-{number:05}", output, f"case {number}")
    cache.close()


def keys(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [key for (key,) in connection.execute("SELECT key FROM entries ORDER BY key")]


def change(path: Path, sql: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(sql, values)


def alone(path: Path) -> None:
    assert [file.name for file in path.parent.iterdir()] == [path.name], "one file is left, to be restored"


def test_stats_count_by_who_answered_and_what_it_cost(path: Path) -> None:
    fill(path, 3)
    fill(path, 2, served_by="m-2", cost=None)
    fill(path, 1, served_by="", cost=0.25)
    change(path, "INSERT INTO entries VALUES ('by hand', 'prose', 5, 6)")
    change(path, "UPDATE entries SET created = 0 WHERE key = 'm-2-00000'")
    found = cache_admin.collect_stats(path)
    assert (found.entries, found.unreadable, found.size) == (7, 1, path.stat().st_size)
    told = {name: (one.entries, one.priced, one.cost_usd) for name, one in found.served.items()}
    assert told == {"m-1": (3, 3, 1.5), "m-2": (2, 0, 0.0), "": (1, 1, 0.25)}
    assert list(found.served) == ["m-1", "m-2", ""]
    assert found.oldest == 5, "a moment that is not known is not the oldest"
    assert found.newest is not None and found.last_used is not None
    assert time.time() - 60 < found.newest <= found.last_used
    alone(path)


def test_where_there_is_no_cache_nothing_is_made(path: Path) -> None:
    assert cache_admin.collect_stats(path).entries == 0
    assert cache_admin.prune(path, unused=DAY, most=1).entries == 0
    assert not path.parent.exists()


def test_entries_that_were_not_used_for_long_go_and_the_file_shrinks(path: Path) -> None:
    fill(path, 2000, size=500)
    change(path, "UPDATE entries SET used = ? WHERE key >= 'm-1-00010'", time.time() - 40 * DAY)
    would = cache_admin.prune(path, unused=30 * DAY, most=None, dry_run=True)
    assert (would.entries, would.left, len(keys(path))) == (1990, 10, 2000)
    done = cache_admin.prune(path, unused=30 * DAY, most=None)
    assert (done.entries, done.left, done.warning) == (1990, 10, None)
    assert keys(path) == [f"m-1-{number:05}" for number in range(10)]
    assert done.before > 1_000_000
    assert done.after == path.stat().st_size < 50_000
    alone(path)


def test_use_is_noted_to_the_day_so_a_day_is_given_on_top(path: Path) -> None:
    fill(path, 2)
    for key, days in (("m-1-00000", 30.9), ("m-1-00001", 31.1)):
        change(path, "UPDATE entries SET used = ? WHERE key = ?", time.time() - days * DAY, key)
    assert cache_admin.prune(path, unused=30 * DAY, most=None).entries == 1
    assert keys(path) == ["m-1-00000"]


@pytest.mark.parametrize("sizes", [[300], [20, 9000], [5000]], ids=str)
def test_the_least_recently_used_go_until_the_file_is_small_enough(path: Path, sizes: list[int]) -> None:
    cache = Cache(path)
    for number in range(600):
        cache.put(f"k{number:05}", Output(text="x" * sizes[number % len(sizes)]), "")
    cache.close()
    change(path, "UPDATE entries SET used = ? - CAST(substr(key, 2) AS INTEGER)", time.time())
    most = path.stat().st_size // 2
    done = cache_admin.prune(path, unused=None, most=most)
    assert done.warning is None
    assert done.after == path.stat().st_size <= most
    assert done.after > 0.8 * most, "and no more than that"
    left = keys(path)
    assert left == [f"k{number:05}" for number in range(len(left))], "those used last"
    assert cache_admin.prune(path, unused=None, most=most).entries == 0
    alone(path)


def test_pruned_beside_a_process_that_reads_and_writes(path: Path) -> None:
    fill(path, 1000, size=500)
    change(path, "UPDATE entries SET used = 1")
    other = Cache(path)
    assert other.get("m-1-00007") is not None
    other.put("new", Output(text="x"), "")
    assert cache_admin.prune(path, unused=DAY, most=None).entries == 1000
    assert other.get("m-1-00008") is None
    other.put("newer", Output(text="x"), "")
    other.close()
    assert not other.warnings
    assert keys(path) == ["new", "newer"]
    assert path.stat().st_size < 50_000
    alone(path)


def test_a_reader_in_the_middle_keeps_the_file_large_and_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_admin, "_LOCK_SECONDS", 0.1)
    fill(path, 1000, size=500)
    change(path, "UPDATE entries SET used = 1")
    with closing(sqlite3.connect(path)) as reader:
        rows = reader.execute("SELECT line FROM entries")
        rows.fetchone()
        done = cache_admin.prune(path, unused=DAY, most=100_000)
        assert len(rows.fetchall()) == 999, "it sees what it began to see"
    assert (done.entries, done.left) == (1000, 0)
    assert done.warning is not None and "other processes" in done.warning
    cache_admin.collect_stats(path)
    assert path.stat().st_size < 50_000
    alone(path)


def test_export_and_import_round_trip_byte_for_byte(path: Path, tmp_path: Path) -> None:
    fill(path, 30)
    change(path, "UPDATE entries SET created = 1000000000.75 WHERE key = 'm-1-00003'")
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    assert cache_admin.export(path, first) == (30, 0)
    lines = first.read_text().splitlines()
    assert lines == sorted(lines)
    assert lines[3].startswith(
        '{"key": "m-1-00003", "about": "case 3", "created": "2001-09-09T01:46:40+00:00", "text": "3 x'
    )
    assert len(read_recordings(first.read_bytes(), "a.jsonl")) == 30, "a target can replay it"
    other = tmp_path / "other" / "cache.sqlite3"
    assert cache_admin.add(other, cache_admin.read_files([first], replace=False), replace=False) == cache_admin.Added(
        added=30, met=0
    )
    cache_admin.export(other, second)
    assert second.read_bytes() == first.read_bytes()
    with closing(Cache(other)) as cache:
        assert cache.get("m-1-00003") == Output(text="3 " + "x" * 20, served_by="m-1", cost_usd=0.5, cached=True)
        assert cache.get("m-1-00003", max_age=DAY) is None, "it is as old as it was"
        assert cache.get("m-1-00004", max_age=DAY) is not None
    alone(other)


def test_of_equal_keys_the_one_that_is_there_stays_unless_replaced(path: Path, tmp_path: Path) -> None:
    fill(path, 1, cost=1.0)
    files = []
    for name in ("a", "b"):
        files.append(tmp_path / f"{name}.jsonl")
        entries = [CacheEntry(key=key, about="", outcome=Output(text=name)) for key in ("m-1-00000", "fresh")]
        files[-1].write_text("".join(dump(entry) + "\n" for entry in entries))

    def merged(*, replace: bool) -> tuple[cache_admin.Added, list[str]]:
        done = cache_admin.add(path, cache_admin.read_files(files, replace=replace), replace=replace)
        with closing(Cache(path)) as cache:
            found = [cache.get(key) for key in ("m-1-00000", "fresh")]
        return done, [output.text[0] for output in found if isinstance(output, Output)]

    assert merged(replace=False) == (cache_admin.Added(added=1, met=1), ["0", "a"])
    assert merged(replace=True) == (cache_admin.Added(added=0, met=2), ["b", "b"])
    with closing(Cache(path)) as cache:
        assert cache.get("fresh", max_age=1e6) is None, "its age is not known"


def test_a_moment_in_the_future_does_not_stay_fresh_for_ever(path: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(dump(CacheEntry(key="k", about="", outcome=Output(text="x"), created=time.time() + 1e8)))
    cache_admin.add(path, cache_admin.read_files([file], replace=False), replace=False)
    newest = cache_admin.collect_stats(path).newest
    assert newest is not None and newest <= time.time()


def test_failures_are_left_out_and_every_faulty_line_is_named(path: Path, tmp_path: Path) -> None:
    good = dump(CacheEntry(key="k", about="", outcome=Output(text="x")))
    failed = dump(CacheEntry(key="f", about="", outcome=Failure(kind="unusable", message="refused")))
    a, b = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    a.write_text(f"{good}\n{failed}\n")
    assert cache_admin.read_files([a], replace=False).failures == 1
    bad = ["prose", '{"key": 1}', '{"key": "k", "text": "x", "created": "soon"}']
    bad.append('{"key": "k", "text": "x", "created": "2026-01-01T00:00:00"}')
    b.write_text("\n".join([good, *bad]))
    with pytest.raises(InputError) as caught:
        cache_admin.read_files([a, b, tmp_path / "missing.jsonl", tmp_path], replace=False)
    places = [str(fault.place) for fault in caught.value.faults]
    assert places == [*(f"{b}:{number}" for number in range(2, 6)), str(tmp_path / "missing.jsonl"), str(tmp_path)]
    assert not path.exists()


def test_processes_import_at_once(path: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from evalgate.store import cache_admin;"
        "cache_admin.add(Path(sys.argv[1]), cache_admin.read_files([Path(sys.argv[2])], replace=False), replace=False)"
    )
    processes = []
    for number in range(3):
        file = tmp_path / f"{number}.jsonl"
        entries = [
            CacheEntry(key=f"k{n:04}", about="", outcome=Output(text="x"))
            for n in range(200 * number, 200 * number + 400)
        ]
        file.write_text("".join(dump(entry) + "\n" for entry in entries))
        command = [sys.executable, "-c", code, str(path), str(file)]
        processes.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
    for process in processes:
        assert process.communicate(timeout=60) == (None, "")
        assert process.returncode == 0
    assert keys(path) == [f"k{n:04}" for n in range(800)]


def test_what_cannot_be_read_is_an_error_and_stays_as_it_is(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is no database, " * 100)
    for use in (
        lambda: cache_admin.collect_stats(path),
        lambda: cache_admin.prune(path, unused=DAY, most=None),
        lambda: cache_admin.export(path, tmp_path / "out.jsonl"),
        lambda: cache_admin.add(path, cache_admin.ReadEntries(rows={}, failures=0), replace=False),
    ):
        with pytest.raises(ServiceError, match="the cache is damaged") as caught:
            use()
        assert caught.value.exit_code == 3
    assert path.read_bytes().startswith(b"this is no database")
    assert not (tmp_path / "out.jsonl").exists()


def test_damage_met_in_the_middle_leaves_no_half_export(path: Path, tmp_path: Path) -> None:
    fill(path, 500)
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"\xaa" * (len(data) - 4096))
    out = tmp_path / "out.jsonl"
    out.write_text("old")
    with pytest.raises(ServiceError, match="damaged"):
        cache_admin.export(path, out)
    assert out.read_text() == "old"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out.jsonl", "store"]


def test_a_later_format_is_not_written(path: Path) -> None:
    fill(path, 1)
    change(path, "PRAGMA user_version = 99")
    assert cache_admin.collect_stats(path).entries == 1, "it can still be read"
    with pytest.raises(ServiceError, match="format 99"):
        cache_admin.prune(path, unused=DAY, most=None)
