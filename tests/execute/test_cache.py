from __future__ import annotations

import datetime
import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from evalgate.domain import Failure, Outcome, Output, ScoreToken, Usage
from evalgate.errors import InputError
from evalgate.execute.cache import Cache, read_recordings, write_recordings
from evalgate.execute.entries import Entry, dump, load

FULL = Output(
    text='zwölf "quoted"\nlines\u2028',
    finish_reason="length",
    served_by="m/fp",
    usage=Usage(input_tokens=3, output_tokens=4),
    seconds=0.25,
    cost_usd=0.001,
    score_tokens=(ScoreToken(token=4, logprobs={3: -1.5, 4: -0.25}),),
)
OUTCOMES: list[Outcome] = [
    FULL,
    Output(text=""),
    Output(text="half a pair \ud83d"),
    Failure(kind="unusable", message="refused", usage=Usage(output_tokens=1), cost_usd=0.5),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "cache.sqlite3"


def as_cached(outcome: Outcome) -> Outcome:
    import dataclasses

    return dataclasses.replace(outcome, cached=True)


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_entry_round_trip(outcome: Outcome) -> None:
    entry = Entry(key="k", about="case a", outcome=outcome)
    line = dump(entry)
    assert "\n" not in line
    assert load(line.encode()) == entry


@pytest.mark.parametrize("line", ["", "[]", "{", '{"key": ""}', '{"key": "k"}', '{"key": "k", "text": 5}'])
def test_what_is_no_entry_is_a_value_error(line: str) -> None:
    with pytest.raises(ValueError, match=r"not JSON|not an o"):
        load(line)


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_kept_across_openings_and_marked_cached(path: Path, outcome: Outcome) -> None:
    cache = Cache(path)
    assert cache.get("k") is None
    cache.put("k", outcome, "case a")
    assert cache.get("k") == as_cached(outcome)
    cache.close()
    assert [file.name for file in path.parent.iterdir()] == ["cache.sqlite3"], "one file is left to be restored"
    again = Cache(path)
    assert again.get("k") == as_cached(outcome)
    again.close()


def test_failed_calls_are_not_kept(path: Path) -> None:
    cache = Cache(path)
    cache.put("k", Failure(kind="infrastructure", message="down"), "case a")
    assert cache.get("k") is None
    cache.close()


def test_nothing_is_opened_before_it_is_needed(path: Path) -> None:
    Cache(path).close()
    assert not path.parent.exists()


def test_stats_and_prune(path: Path) -> None:
    cache = Cache(path)
    for n in range(5):
        cache.put(f"k{n}", Output(text="x"), "a")
    cache.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE entries SET created = 1000, used = 1000 WHERE key IN ('k0', 'k1', 'k2')")
    connection.close()
    cache = Cache(path)
    stats = cache.stats()
    assert stats.entries == 5
    assert stats.bytes > 0
    assert stats.oldest == datetime.datetime(1970, 1, 1, 0, 16, 40, tzinfo=datetime.UTC)
    assert stats.newest is not None
    assert stats.newest.year > 2020
    assert cache.get("k2") is not None, "use counts, not age"
    assert cache.prune(datetime.timedelta(days=30)) == 2
    assert cache.stats().entries == 3
    assert (cache.get("k0"), cache.get("k2") is None) == (None, False)
    cache.close()


def test_stats_of_nothing(path: Path) -> None:
    cache = Cache(path)
    stats = cache.stats()
    assert (stats.entries, stats.oldest, stats.newest) == (0, None, None)
    cache.close()


def test_export_and_import_are_the_recordings_format(path: Path, tmp_path: Path) -> None:
    cache = Cache(path)
    for n, outcome in enumerate(OUTCOMES):
        cache.put(f"k{9 - n}", outcome, f"case {n}")
    exported = tmp_path / "out" / "export.jsonl"
    assert cache.export(exported) == len(OUTCOMES)
    cache.close()
    lines = [json.loads(line) for line in exported.read_bytes().splitlines()]
    assert [line["key"] for line in lines] == ["k6", "k7", "k8", "k9"]
    assert list(lines[-1])[:3] == ["key", "about", "text"]
    assert all("cached" not in line for line in lines)
    other = Cache(tmp_path / "other.sqlite3")
    assert other.import_(exported) == len(OUTCOMES)
    assert other.get("k9") == as_cached(FULL)
    again = tmp_path / "again.jsonl"
    other.export(again)
    other.close()
    assert again.read_bytes() == exported.read_bytes()


def test_recordings_written_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "recordings.jsonl"
    path.write_text("old")
    entries = {key: Entry(key=key, about=key, outcome=FULL) for key in "cab"}
    write_recordings(path, entries)
    assert read_recordings(path.read_bytes(), "recordings.jsonl") == entries
    assert list(tmp_path.iterdir()) == [path]
    broken: Any = {"a": entries["a"], "b": None}
    with pytest.raises(AttributeError):
        write_recordings(path, broken)
    assert read_recordings(path.read_bytes(), "recordings.jsonl") == entries


def test_recordings_name_every_faulty_line() -> None:
    good = dump(Entry(key="k", about="a", outcome=FULL)).encode()
    data = b"\xef\xbb\xbf" + good + b"\r\n\nprose\n" + good + b'\n{"key": 1}\n\xff\n'
    with pytest.raises(InputError) as caught:
        read_recordings(data, "golden/recordings.jsonl")
    places = [str(fault.place) for fault in caught.value.faults]
    assert places == ["golden/recordings.jsonl:3", "golden/recordings.jsonl:5", "golden/recordings.jsonl:6"]


def test_import_of_a_missing_file(path: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.jsonl"):
        Cache(path).import_(tmp_path / "nowhere.jsonl")


@pytest.mark.parametrize("content", [b"this is no database, " * 100, b"SQLite format 3\x00" + b"\x01" * 5000])
def test_a_damaged_file_is_moved_aside(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    cache = Cache(path)
    assert cache.get("k") is None
    cache.put("k", FULL, "a")
    assert cache.get("k") == as_cached(FULL)
    cache.close()
    (aside,) = path.parent.glob("*.damaged-*")
    assert aside.read_bytes() == content
    (warning,) = cache.warnings
    assert aside.name in warning


def test_damage_in_the_middle_of_the_file_is_met_later(path: Path) -> None:
    cache = Cache(path)
    for n in range(300):
        cache.put(f"k{n}", Output(text="x" * 200), "a")
    cache.close()
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xaa" * (len(data) - 4096)
    path.write_bytes(data)
    cache = Cache(path)
    assert cache.get("k7") is None
    cache.put("k7", FULL, "a")
    assert cache.get("k7") == as_cached(FULL)
    assert len(cache.warnings) == 1
    cache.close()


def test_a_later_format_is_left_alone(path: Path) -> None:
    Cache(path).stats()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    cache = Cache(path)
    cache.put("k", FULL, "a")
    assert cache.get("k") is None
    assert "format 99" in cache.warnings[0]
    cache.close()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is read-only to this user")
def test_a_read_only_folder_is_read(path: Path) -> None:
    cache = Cache(path)
    cache.put("k", FULL, "a")
    cache.close()
    path.chmod(0o444)
    path.parent.chmod(0o555)
    try:
        cache = Cache(path)
        assert cache.get("k") == as_cached(FULL)
        cache.put("new", FULL, "a")
        assert cache.get("new") is None
        assert len(cache.warnings) == 1
        cache.close()
    finally:
        path.parent.chmod(0o755)
