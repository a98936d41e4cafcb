"""Records of batches in progress: which of them a restart finds, and when they are removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalgate.errors import ServiceError
from evalgate.execute.providers.batch.records import BatchRecord, BatchRecords

DAY = 24 * 3600.0


def record(token: str = "t1", **fields: object) -> BatchRecord:
    values = {"id": "b1", "identity": "https://x/v1", "run": "run", "created": 1_000.0, "keys": ("k1", "k2"), **fields}
    return BatchRecord(token=token, **values)


def records(folder: Path, run: str = "run", *, now: float = 1_000.0, only_this_run: bool = False) -> BatchRecords:
    return BatchRecords(folder, run, only_this_run=only_this_run, clock=lambda: now)


def test_a_record_reads_back_oldest_first(tmp_path: Path) -> None:
    kept = records(tmp_path)
    later, earlier = kept.store(record("a", created=3.0, id=None)), kept.store(record("b", created=2.0))
    assert kept.load("https://x/v1") == [earlier, later]
    assert kept.load("https://other/v1") == []


def test_a_run_whose_answers_must_be_fresh_sees_its_own_batches_only(tmp_path: Path) -> None:
    own, other = records(tmp_path).store(record("a")), records(tmp_path).store(record("b", run="other"))
    assert records(tmp_path, only_this_run=True).load("https://x/v1") == [own]
    assert records(tmp_path).load("https://x/v1") == [own, other]


@pytest.mark.parametrize(("days", "found"), [(28, 1), (30, 0)])
def test_a_record_older_than_the_files_of_the_endpoint_is_removed(tmp_path: Path, days: int, found: int) -> None:
    records(tmp_path).store(record(created=0.0))
    assert len(records(tmp_path, now=days * DAY).load("https://x/v1")) == found
    assert len(list(tmp_path.iterdir())) == found


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"token": "t"}', '{"token": "t", "id": 1, "identity": "i", "keys": 3}']
)
def test_a_record_that_cannot_be_read_is_removed(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.json").write_text(text)
    assert records(tmp_path).load("https://x/v1") == [] and not list(tmp_path.iterdir())


def test_a_record_without_keys_is_removed_and_finish_removes_those_of_its_run(tmp_path: Path) -> None:
    kept = records(tmp_path)
    one, two = kept.store(record("a")), kept.store(record("b", run="other"))
    assert kept.store(one, ["k2"]).keys == ("k2",)
    kept.remove(one)
    assert kept.load("https://x/v1") == [two]
    kept.store(one)
    kept.finish()
    assert kept.load("https://x/v1") == [two]


def test_a_record_that_cannot_be_written_ends_the_run(tmp_path: Path) -> None:
    (tmp_path / "batches").write_text("a file where the folder belongs")
    with pytest.raises(ServiceError, match="the record of a batch cannot be written"):
        records(tmp_path / "batches").store(record())
