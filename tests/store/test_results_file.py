"""Texts out of memory: each comes back as it was put, whatever the disk does, or the run ends."""

from __future__ import annotations

import errno
import io
import os
import tempfile
from pathlib import Path

import pytest

from evalgate.errors import ServiceError
from evalgate.store.results_file import ResultsFile

TEXTS = ["", "a", "ünïcode 🥾", "x" * 100, "y" * 5000, "z" * 70_000, "the end"]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ResultsFile, "CHUNK", 64)


class Disk(io.FileIO):
    """A file in `folder` that takes so many bytes and not one more, a few at a time."""

    def __init__(self, folder: Path, room: int) -> None:
        super().__init__(folder / "spool", "w+")
        self.room = room

    def write(self, content: object) -> int:
        some = bytes(content)[: min(self.room, 1000)]  # type: ignore[call-overload]
        if not some:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room -= len(some)
        return super().write(some)


def on(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> ResultsFile:
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda dir, buffering: disk)
    return ResultsFile()


@pytest.mark.parametrize("chunk", [1, 64, 1 << 20])
def test_every_text_comes_back_in_any_order_while_more_are_put(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(ResultsFile, "CHUNK", chunk)
    spool, places = ResultsFile(tmp_path), []
    for round_ in range(3):
        for text in TEXTS:
            places.append((spool.put(f"{round_}{text}"), f"{round_}{text}"))
        for place, text in reversed(places):
            assert spool.get(place) == text
    assert not spool.warnings


def test_a_short_run_writes_nothing_and_a_long_one_leaves_nothing(tmp_path: Path) -> None:
    spool = ResultsFile(tmp_path / "not there")
    place = spool.put("short")
    assert (spool.get(place), spool.warnings) == ("short", [])
    spool = ResultsFile(tmp_path)
    spool.put("x" * (ResultsFile.CHUNK + 1))
    del spool
    assert not list(tmp_path.iterdir())


def test_two_at_once_in_one_folder_have_a_file_each(tmp_path: Path, small: None) -> None:
    one, two = ResultsFile(tmp_path), ResultsFile(tmp_path)
    places = [(one.put(f"one {text}"), two.put(f"two {text}"), text) for text in TEXTS]
    for first, second, text in places:
        assert (one.get(first), two.get(second)) == (f"one {text}", f"two {text}")


def test_where_no_file_can_be_made_all_stays_in_memory_and_one_warning_says_so(tmp_path: Path, small: None) -> None:
    spool = ResultsFile(tmp_path / "not there")
    places = [spool.put(text) for text in TEXTS]
    assert [spool.get(place) for place in places] == TEXTS
    (warning,) = spool.warnings
    assert "stay in memory" in warning
    assert str(tmp_path / "not there") in warning


@pytest.mark.parametrize("room", [0, 3, 70, 1500, 6000, 75_000])
def test_a_disk_that_becomes_full_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: None, room: int
) -> None:
    spool = on(Disk(tmp_path, room), monkeypatch)
    places = [spool.put(text) for text in TEXTS]
    assert [spool.get(place) for place in places] == TEXTS
    (warning,) = spool.warnings
    assert os.strerror(errno.ENOSPC) in warning
    places += [spool.put(text) for text in TEXTS]
    assert [spool.get(place) for place in reversed(places)] == [*reversed(TEXTS), *reversed(TEXTS)]
    assert len(spool.warnings) == 1


def test_a_file_that_was_cut_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: None) -> None:
    disk = Disk(tmp_path, 1 << 20)
    spool = on(disk, monkeypatch)
    places = [spool.put(text) for text in TEXTS]
    disk.truncate(5100)
    assert spool.get(places[3]) == TEXTS[3]
    for place in places[4:6]:
        with pytest.raises(ServiceError, match="cannot be read back"):
            spool.get(place)
