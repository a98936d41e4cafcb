from __future__ import annotations

import json
import os
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from evalgate.domain import Failure, Outcome, Output, ScoreToken, Usage
from evalgate.errors import InputError
from evalgate.store.cache_entry import CacheEntry, dump
from evalgate.store.output_cache import Cache, read_recordings, write_recordings

FULL = Output(
    text='zwölf "quoted"\nlines\u2028',
    finish_reason="length",
    served_by="m/fp",
    usage=Usage(input_tokens=3, output_tokens=4),
    seconds=0.25,
    cost_usd=0.001,
    score_tokens=(ScoreToken(token=4, logprobs={3: -1.5, 4: -0.25}),),
)
OUTPUTS: list[Outcome] = [FULL, Output(text=""), Output(text="half a pair \ud83d")]
OUTCOMES: list[Outcome] = [
    *OUTPUTS,
    Failure(kind="unusable", message="refused", usage=Usage(output_tokens=1), cost_usd=0.5),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "cache.sqlite3"


def as_cached(outcome: Outcome) -> Outcome:
    import dataclasses

    return dataclasses.replace(outcome, cached=True)


def test_what_is_put_can_be_had_at_once_and_is_written_in_batches(path: Path) -> None:
    cache, other = Cache(path), Cache(path)
    for number in range(99):
        cache.put(f"k{number}", Output(text=str(number)), "")
    assert cache.get("k98") == Output(text="98", cached=True)
    assert other.get("k98") is None
    cache.put("k99", Output(text="99"), "")
    assert other.get("k99") == Output(text="99", cached=True)
    cache.put("k100", Output(text="100"), "")
    cache.close()
    assert other.get("k100") == Output(text="100", cached=True)
    other.close()


def test_a_batch_for_a_damaged_file_goes_to_the_new_one(path: Path) -> None:
    cache = Cache(path)
    for number in range(500):
        cache.put(f"k{number}", FULL, "")
    cache.close()
    damaged = path.read_bytes()
    path.write_bytes(damaged[:4096] + b"\x55" * (len(damaged) - 4096))  # it opens, for its first page is whole
    cache = Cache(path)
    cache.put("new", FULL, "")
    cache.close()
    (warning,) = cache.warnings
    assert "was damaged" in warning
    again = Cache(path)
    assert again.get("new") == as_cached(FULL)
    again.close()


@pytest.mark.parametrize("outcome", OUTPUTS)
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


@pytest.mark.parametrize("kind", ["infrastructure", "unusable"])
def test_failures_are_asked_again(path: Path, kind: Any) -> None:
    cache = Cache(path)
    cache.put("k", Failure(kind=kind, message="down"), "case a")
    assert cache.get("k") is None
    cache.close()


def test_nothing_is_opened_before_it_is_needed(path: Path) -> None:
    Cache(path).close()
    assert not path.parent.exists()


def test_use_is_noted_to_the_day(path: Path) -> None:
    cache = Cache(path)
    for key in ("old", "older"):
        cache.put(key, Output(text="x"), "a")
    cache.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE entries SET used = 1000")
    connection.close()
    cache = Cache(path)
    assert cache.get("old") is not None
    cache.close()
    with sqlite3.connect(path) as connection:
        used = dict(connection.execute("SELECT key, used FROM entries"))
    connection.close()
    assert used["older"] == 1000
    assert used["old"] > time.time() - 60


def test_recordings_written_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "recordings.jsonl"
    path.write_text("old")
    entries = {
        key: CacheEntry(key=key, about=key, outcome=outcome) for key, outcome in zip("dcab", OUTCOMES, strict=True)
    }
    write_recordings(path, entries)
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert [line["key"] for line in lines] == ["a", "b", "c", "d"]
    assert list(lines[-1])[:3] == ["key", "about", "text"]
    assert all("cached" not in line for line in lines)
    assert read_recordings(path.read_bytes(), "recordings.jsonl") == entries
    assert list(tmp_path.iterdir()) == [path]
    broken: Any = {"a": entries["a"], "b": None}
    with pytest.raises(AttributeError):
        write_recordings(path, broken)
    assert read_recordings(path.read_bytes(), "recordings.jsonl") == entries


def test_recordings_name_every_faulty_line() -> None:
    good = dump(CacheEntry(key="k", about="a", outcome=FULL)).encode()
    data = b"\xef\xbb\xbf" + good + b"\r\n\nprose\n" + good + b'\n{"key": 1}\n\xff\n'
    with pytest.raises(InputError) as caught:
        read_recordings(data, "golden/recordings.jsonl")
    places = [str(fault.place) for fault in caught.value.faults]
    assert places == ["golden/recordings.jsonl:3", "golden/recordings.jsonl:5", "golden/recordings.jsonl:6"]


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
    first = Cache(path)
    first.get("k")
    first.close()
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


@pytest.mark.parametrize(
    ("age", "is_known"), [(0, True), (-3_600, True), (2_000, False), (-10 * 86_400, False), (-1e9, False)]
)
def test_an_answer_of_a_wrong_clock_is_not_a_recent_one(path: Path, age: float, is_known: bool) -> None:
    cache = Cache(path)
    cache.put("a", FULL, "")
    cache.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE entries SET created = ?", (time.time() - age,))
    connection.close()
    assert (cache.get("a", max_age=1_000) is not None) is is_known
    assert cache.get("a") is not None
    cache.close()
