"""The files of stored baselines; how runs use them is tested in tests/commands/test_baseline.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from evalgate.domain import Arm, Output, Result, Score, StoredBaseline
from evalgate.errors import InputError, ServiceError
from evalgate.store.baseline_json import digest_results
from evalgate.store.baselines import has_samples, list_baselines, read_baseline, write_baseline
from evalgate.store.store import Store

SAMPLES = StoredBaseline(
    gate="support",
    prompt="support",
    version="1.0.0",
    dataset="cases.jsonl",
    parts={"prompt": "p", "dataset": "d"},
    sampled_at="2026-01-02T03:04:05+00:00",
    tool_version="0.1.0",
    served_by=("m-1",),
    results=(
        Result(
            case="a",
            arm=Arm.BASELINE,
            repeat=0,
            tags=(),
            outcome=Output(text="x"),
            scores={"fact": Score(value=1.0)},
        ),
    ),
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(root=tmp_path / "store")


def test_what_is_written_is_read_back_from_the_place_of_its_key(store: Store) -> None:
    path = write_baseline(SAMPLES, store)
    assert path == store.find_baseline(SAMPLES.key)
    assert read_baseline(path) == SAMPLES
    later = replace(SAMPLES, sampled_at="2026-02-02T03:04:05+00:00")
    assert write_baseline(later, store) == path
    assert read_baseline(path) == later
    assert list(path.parent.iterdir()) == [path]


def test_where_there_is_no_file_there_is_none(store: Store) -> None:
    assert read_baseline(store.find_baseline("k")) is None
    assert list_baselines(store) == ([], [])


def test_the_newest_come_first_whatever_their_time_zone_and_damaged_ones_are_named(store: Store) -> None:
    # in UTC: 01:00, 02:00 and 03:00
    moments = ["2026-01-02T04:00:00+03:00", "2026-01-02T02:00:00+00:00", "2026-01-01T23:00:00-04:00"]
    made = [replace(SAMPLES, sampled_at=at, parts={"prompt": at}) for at in moments]
    for one in made:
        write_baseline(one, store)
    bad = store.find_baseline("bad")
    bad.write_text("{")
    found, damaged = list_baselines(store)
    assert found == made[::-1]
    assert [error.faults[0].place.path for error in damaged if error.faults[0].place] == [str(bad)]


def test_a_file_that_is_named_unlike_its_key_is_refused(store: Store) -> None:
    path = write_baseline(SAMPLES, store)
    other = path.rename(store.find_baseline("0" * 64))
    with pytest.raises(InputError, match="does not match its key"):
        read_baseline(other)


@pytest.mark.parametrize("content", [b"\xff\x00", b"", b"[]"])
def test_a_damaged_file_is_refused(store: Store, content: bytes) -> None:
    path = write_baseline(SAMPLES, store)
    path.write_bytes(content)
    with pytest.raises(InputError):
        read_baseline(path)


def test_samples_are_known_by_their_digest(store: Store) -> None:
    assert not has_samples(store, digest_results(SAMPLES))
    write_baseline(SAMPLES, store)
    assert has_samples(store, digest_results(SAMPLES))
    assert not has_samples(store, "0" * 64)


def test_where_nothing_can_be_written_it_is_an_error_with_the_place(store: Store) -> None:
    store.root.mkdir()
    (store.root / "baselines").touch()
    with pytest.raises(ServiceError, match="cannot be written") as caught:
        write_baseline(SAMPLES, store)
    assert caught.value.faults[0].place is not None
    assert caught.value.faults[0].place.path == str(store.find_baseline(SAMPLES.key))
