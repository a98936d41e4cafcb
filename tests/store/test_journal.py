from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalgate.domain import Failure, Output
from evalgate.store.journal import Journal

CACHED = Output(text="x", cached=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal" / "abc.jsonl"


def test_each_answer_is_on_disk_at_once_and_read_by_the_next(path: Path) -> None:
    journal = Journal(path)
    assert journal.get("k") is None
    journal.put("k", Output(text="x"), "case a")
    assert Journal(path).get("k") == CACHED, "before it was closed"
    journal.close()
    assert Journal(path).get("k") == CACHED


@pytest.mark.parametrize("kind", ["infrastructure", "unusable"])
def test_failures_are_asked_again(path: Path, kind: Any) -> None:
    journal = Journal(path)
    journal.put("k", Failure(kind=kind, message="down"), "case a")
    journal.close()
    assert not path.exists()


def test_a_torn_last_line_is_left_out_and_not_glued_to_the_next(path: Path) -> None:
    journal = Journal(path)
    journal.put("a", Output(text="x"), "case a")
    journal.put("b", Output(text="x"), "case b")
    journal.close()
    path.write_bytes(path.read_bytes()[:-9])
    journal = Journal(path)
    assert journal.get("a") == CACHED
    assert journal.get("b") is None
    journal.put("c", Output(text="x"), "case c")
    journal.close()
    again = Journal(path)
    assert (again.get("a"), again.get("b"), again.get("c")) == (CACHED, None, CACHED)


def test_two_at_the_same_run_write_apart_and_both_are_read(path: Path) -> None:
    first, second = Journal(path), Journal(path)
    first.put("a", Output(text="x"), "case a")
    second.put("b", Output(text="x"), "case b")
    assert sorted(file.name for file in path.parent.iterdir()) == ["abc.2.jsonl", "abc.jsonl"]
    third = Journal(path)
    assert (third.get("a"), third.get("b")) == (CACHED, CACHED)
    first.finish()
    assert [file.name for file in path.parent.iterdir()] == ["abc.2.jsonl"], "the other still writes there"
    second.put("c", Output(text="x"), "case c")
    second.close()
    fourth = Journal(path)
    assert fourth.get("c") == CACHED
    fourth.finish()
    assert not list(path.parent.iterdir())


def test_unwritable_warns_once(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    journal = Journal(blocked / "abc.jsonl")
    for key in "ab":
        journal.put(key, Output(text="x"), "case")
    assert len(journal.warnings) == 1
    assert str(blocked) in journal.warnings[0]
    journal.finish()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
def test_full_disk_warns_once(path: Path) -> None:
    path.parent.mkdir()
    path.symlink_to("/dev/full")
    journal = Journal(path)
    for key in "ab":
        journal.put(key, Output(text="x"), "case")
    assert "No space left" in journal.warnings[0]
    assert len(journal.warnings) == 1
    journal.close()
