from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from evalgate.errors import ServiceError
from evalgate.store.row_cache import CachedAnswer, CachedScore, Coverage, RowCache, remove_unused


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rows" / "a.sqlite3"


def answer(id: str, at: float, trace: str = "t", data: str = "") -> CachedAnswer:
    return CachedAnswer(trace, id, at, data)


def list_ids(cache: RowCache, since: float = 0) -> list[str]:
    return [one.id for one, _ in cache.stream_answers(since)]


def test_rows_take_the_place_of_those_of_their_time(path: Path) -> None:
    with RowCache(path) as cache:
        assert cache.replace("answers", 0, 10, [[answer("b", 5), answer("a", 1)], [answer("c", 9)]]) == 3
        cache.replace("answers", 10, 20, [[answer("d", 15)]])
        cache.replace("answers", 4, 10, [[answer("e", 7)]])
        assert list_ids(cache) == ["a", "e", "d"] and list_ids(cache, 7) == ["e", "d"]
        assert cache.count("answers", 0, 15) == 2 and cache.find_newest("answers", 14) == 7
        assert cache.find_newest("scores", 14) is None
    with RowCache(path) as cache:
        assert list_ids(cache) == ["a", "e", "d"]


def test_nothing_is_replaced_if_the_pages_break_off(path: Path) -> None:
    def break_off() -> object:
        yield [answer("z", 3)]
        raise ServiceError("lost")

    with RowCache(path) as cache:
        cache.replace("answers", 0, 10, [[answer("a", 1)]])
        with pytest.raises(ServiceError, match="lost"):
            cache.replace("answers", 0, 10, break_off())  # type: ignore[arg-type]
        assert list_ids(cache) == ["a"]
        cache.replace("answers", 0, 10, [[answer("b", 1)]])
        assert list_ids(cache) == ["b"]


def test_of_two_rows_with_one_id_the_first_is_kept(path: Path) -> None:
    with RowCache(path) as cache:
        cache.replace("answers", 0, 10, [[answer("a", 2, data="new")], [answer("a", 1, data="old")]])
        assert [one.data for one, _ in cache.stream_answers(0)] == ["new"]


def test_an_answer_has_its_own_scores_and_those_of_its_trace(path: Path) -> None:
    scores = [
        CachedScore("1", "t", "a", 1, "own"),
        CachedScore("2", "t", "", 1, "trace"),
        CachedScore("3", "", "a", 1, "own, without its trace"),
        CachedScore("4", "other", "a", 1, "the same id in another trace"),
        CachedScore("5", "", "", 1, "nothing"),
    ]
    with RowCache(path) as cache:
        cache.replace("answers", 0, 10, [[answer("a", 1), answer("b", 2), answer("c", 3, trace="")]])
        cache.replace("scores", 0, 10, [scores])
        found = {one.id: {score.id for score in own} for one, own in cache.stream_answers(0)}
    assert found == {"a": {"1", "2", "3"}, "b": {"2"}, "c": set()}


def test_a_score_that_is_written_again_is_one(path: Path) -> None:
    with RowCache(path) as cache:
        cache.replace("answers", 0, 10, [[answer("a", 1)]])
        cache.replace("scores", 0, 10, [[CachedScore("1", "t", "a", 1, "old")]])
        cache.replace("scores", 10, 20, [[CachedScore("1", "t", "a", 12, "new")]])
        ((_, own),) = cache.stream_answers(0)
        assert [one.data for one in own] == ["new"]


def test_coverage_is_kept_until_it_is_deleted(path: Path) -> None:
    with RowCache(path) as cache:
        assert cache.find_coverage("answers") is None
        cache.replace("answers", 0, 10, [[answer("a", 1)]])
        cache.cover("answers", Coverage(since=0, until=8, begun=3))
    with RowCache(path) as cache:
        assert cache.find_coverage("answers") == (0, 8, 3) and cache.find_coverage("scores") is None
        cache.forget("answers")
        assert cache.find_coverage("answers") is None and list_ids(cache) == []


def test_a_file_in_use_is_left_alone(path: Path) -> None:
    with RowCache(path) as first:
        first.replace("answers", 0, 10, [[answer("a", 1)]])
        rows = first.stream_answers(0)
        next(rows)
        with RowCache(path) as second:
            assert list_ids(second) == []
            second.replace("answers", 0, 10, [[answer("b", 1)]])
            assert list_ids(second) == ["b"]
        rows.close()  # type: ignore[attr-defined]
        assert list_ids(first) == ["a"]


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + b"\xff" * 4096, b""])
def test_a_damaged_file_is_made_anew(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    for _ in range(2):
        with RowCache(path) as cache:
            cache.replace("answers", 0, 10, [[answer("a", 1)]])
            assert list_ids(cache) == ["a"]


def test_a_file_of_another_version_is_made_anew(path: Path) -> None:
    path.parent.mkdir()
    other = sqlite3.connect(path)
    other.executescript("CREATE TABLE answers (x); PRAGMA user_version = 9;")
    other.close()
    with RowCache(path) as cache:
        assert list_ids(cache) == []


def test_a_folder_that_cannot_be_made_leaves_a_private_copy(tmp_path: Path) -> None:
    (tmp_path / "rows").write_text("a file")
    with RowCache(tmp_path / "rows" / "a.sqlite3") as cache:
        cache.replace("answers", 0, 10, [[answer("a", 1)]])
        assert list_ids(cache) == ["a"]


def test_damage_that_shows_later_is_an_error_with_its_remedy(path: Path) -> None:
    with RowCache(path) as cache:
        cache.replace("answers", 0, 9e9, [[answer(f"{number}", number, data="x" * 500) for number in range(400)]])
    data = bytearray(path.read_bytes())
    for page in range(8, len(data) // 4096):
        data[4096 * page : 4096 * page + 200] = b"\xff" * 200
    path.write_bytes(data)
    with RowCache(path) as cache, pytest.raises(ServiceError, match="the copy of the rows cannot be used") as refused:
        list_ids(cache)
    assert "delete it" in str(refused.value)


def test_files_that_are_not_used_any_more_are_removed(path: Path) -> None:
    for name, at in (("a", 99), ("b", 100)):
        with RowCache(path.with_name(f"{name}.sqlite3")):
            pass
        os.utime(path.with_name(f"{name}.sqlite3"), (at, at))
    (path.parent / "other.txt").touch()
    remove_unused(path.parent, 100)
    assert sorted(one.name for one in path.parent.iterdir()) == ["b.sqlite3", "other.txt"]
    remove_unused(path.parent / "missing", 100)
