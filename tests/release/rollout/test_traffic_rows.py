from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from release.documents import make_version

from evalgate.release.rollout import traffic_rows
from evalgate.release.rollout.traffic_rows import (
    BAD_SCORE,
    BEFORE,
    FAULTS,
    LONGEST_LINE,
    NOT_JSON,
    REASONS,
    WRONG_TYPE,
    CompleteRows,
    Row,
    find_instant,
    format_instant,
    has_lost,
    keep_until,
    load_row,
    read_row,
    read_time,
)
from evalgate.release.runtime.served import Served

ROW = {
    "id": "1", "at": "2026-01-31T12:00:00.250Z", "prompt": "support", "version": "1.1.0", "digest": "b" * 64,
    "variant": "candidate", "key": "user-1", "error": None, "seconds": 1.5, "cost_usd": 0.01,
    "scores": {"helpful": 0.5}, "sampled": True,
}  # fmt: skip
WATCHED = frozenset({"helpful"})
DAY = timedelta(hours=23, minutes=59)


def read(**changes: Any) -> Row | str | None:
    return read_row({**ROW, **changes}, "support", WATCHED)


def test_a_row_of_the_runtime_is_read() -> None:
    version = make_version()
    served = Served("support", version, "candidate", "user-1", 0.0)
    written = json.dumps(served.row(error=ValueError("x"), seconds=2, scores={"helpful": 1}))
    row = read_row(load_row(written), "support", WATCHED)  # type: ignore[arg-type]
    assert isinstance(row, Row)
    assert (row.version, row.digest, row.variant, row.key) == (version.version, version.digest, "candidate", "user-1")
    assert row.failed and row.seconds == 2 and row.scores == {"helpful": 1} and row.sampled


@given(
    st.lists(st.sampled_from((b"", b"{", b"[]", b'{"at": 3}', b'{"at": "noon"}')) | st.integers(-3, 3)),
    st.integers(-3, 3),
)
def test_a_replay_has_the_rows_that_were_there_and_all_that_cannot_be_read(
    given: list[bytes | int], until: int
) -> None:
    def write(one: bytes | int) -> bytes:
        return one if isinstance(one, bytes) else json.dumps({**ROW, "at": f"2026-01-31T12:00:0{one + 3}Z"}).encode()

    kept = [one for one in given if isinstance(one, bytes) or one <= until]
    rows, now = [write(one) for one in given], f"2026-01-31T13:00:0{until + 3}+01:00"
    assert list(keep_until(rows, now)) == [write(one) for one in kept]
    complete = keep_until(CompleteRows(rows), now)
    assert isinstance(complete, CompleteRows) and list(complete) == [write(one) for one in kept]


def test_all_of_a_row_is_read() -> None:
    assert read() == Row(
        id="1", at=1769860800.25, version="1.1.0", digest="b" * 64, variant="candidate", key="user-1", failed=False,
        seconds=1.5, cost_usd=0.01, scores={"helpful": 0.5}, sampled=True,
    )  # fmt: skip


def test_a_row_needs_few_keys() -> None:
    least = {key: ROW[key] for key in ("id", "at", "prompt", "version", "variant")}
    row = read_row(least, "support", WATCHED)
    assert isinstance(row, Row)
    assert (row.key, row.failed, row.seconds, row.cost_usd, row.scores, row.sampled) == (
        None, False, None, None, {}, None,
    )  # fmt: skip
    for key in least:
        assert read_row({**least, key: None}, "support", WATCHED) == WRONG_TYPE


def test_rows_of_other_prompts_are_ignored_whatever_is_in_them() -> None:
    assert read(prompt="other", at=7, scores="x") is None


@pytest.mark.parametrize("changes", [
    {"id": ""}, {"id": 7}, {"at": "yesterday"}, {"at": "2026-01-31T12:00:00"}, {"at": 1769860800}, {"prompt": 7},
    {"at": "2026-02-30T00:00:00Z"}, {"variant": None}, {"version": 2, "digest": None}, {"digest": 7},
    {"version": None, "digest": None}, {"key": 7}, {"error": ""}, {"error": True}, {"seconds": -1},
    {"seconds": float("nan")}, {"seconds": "1"}, {"seconds": True}, {"cost_usd": float("inf")}, {"cost_usd": 10**400},
    {"scores": []}, {"scores": "x"}, {"scores": False}, {"sampled": "yes"}, {"sampled": 1},
])  # fmt: skip
def test_wrong_values_are_named(changes: dict[str, Any]) -> None:
    assert read(**changes) == WRONG_TYPE


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -0.1, 1.1, 7, "NaN", "0.5", True, [1], 10**400])
def test_a_score_is_a_number_from_0_to_1(score: object) -> None:
    assert read(scores={"helpful": score}) == BAD_SCORE
    row = read(scores={"stars": score})
    assert isinstance(row, Row)  # another scale is the application's own affair
    assert row.scores == {}


def test_a_score_that_is_null_is_absent() -> None:
    row = read(scores={"helpful": None})
    assert isinstance(row, Row)
    assert row.scores == {} and row.sampled


def test_scores_of_answers_that_were_not_sampled_do_not_count() -> None:
    row = read(sampled=False)
    assert isinstance(row, Row)
    assert row.scores == {}


def test_a_row_without_sampled_is_sampled_if_it_has_scores() -> None:
    for scores, sampled in (({"helpful": 0.5}, True), ({}, None), (None, None)):
        row = read(sampled=None, scores=scores)
        assert isinstance(row, Row)
        assert row.sampled is sampled


def test_an_empty_key_is_none() -> None:
    row = read(key="")
    assert isinstance(row, Row)
    assert row.key is None


def test_an_old_row_is_left_out_for_that_and_for_nothing_else() -> None:
    assert read_row({**ROW, "scores": {"helpful": 7}, "id": None}, "support", WATCHED, since=1.8e9) == BEFORE


@pytest.mark.parametrize("line", [
    "{", "[1]", "7", "null", '"x"', "[" * 100_000, '{"a": 1} x', b"\xff\xfe\x00", b'{"a": "\xff"}',
    '{"a": ' + "9" * 5_000 + "}", " " * (LONGEST_LINE + 1),
])  # fmt: skip
def test_a_line_that_is_no_object_is_named(line: bytes | str) -> None:
    assert load_row(line) == NOT_JSON


@pytest.mark.parametrize("line", ["", "\n", b" \r\n"])
def test_an_empty_line_is_no_row(line: bytes | str) -> None:
    assert load_row(line) is None


@given(st.binary(max_size=80) | st.text(max_size=80))
def test_no_line_raises(line: bytes | str) -> None:
    found = load_row(line)
    assert found in (None, NOT_JSON) or isinstance(found, dict)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(ROW)), json_values))
def test_no_object_raises_and_each_row_is_sound(changes: dict[str, Any]) -> None:
    row = read(**changes)
    assert row is None or row in REASONS if not isinstance(row, Row) else True
    if isinstance(row, Row):
        assert row.id and (row.version is not None or row.digest is not None)
        assert all(0 <= score <= 1 for score in row.scores.values())
        assert not row.scores or row.sampled


@given(st.datetimes().map(lambda at: at.isoformat()), st.timedeltas(-DAY, DAY))
def test_each_time_that_is_read_can_be_written(at: str, offset: timedelta) -> None:
    minutes = round(offset / timedelta(minutes=1))
    text = f"{at}{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    found = read_time(text)
    if found is not None:
        again = read_time(format_instant(found))
        assert again == pytest.approx(found, abs=0.002)


@pytest.mark.parametrize(("faults", "rows", "is_arm", "lost"), [
    (0, 0, False, False), (1, 100, False, False), (1, 99, False, True), (11, 1000, False, True),
    (1, 3, True, False), (2, 3, True, True), (2, 200, True, False), (3, 200, True, True),
])  # fmt: skip
def test_more_than_one_percent_is_too_much_except_one_row_of_an_arm(
    faults: int, rows: int, is_arm: bool, lost: bool
) -> None:
    assert has_lost(faults, rows, is_arm=is_arm) is lost


def test_every_reason_has_words() -> None:
    named = {value for name, value in vars(traffic_rows).items() if name.isupper() and isinstance(value, str)}
    assert named == set(REASONS)
    assert set(REASONS) > FAULTS


def test_times_are_read_and_written() -> None:
    assert (
        read_time("2026-01-31T13:00:00+01:00")
        == read_time("2026-01-31T12:00:00Z")
        == find_instant(datetime(2026, 1, 31, 12, tzinfo=UTC))
    )
    assert format_instant(1769860800.25) == "2026-01-31T12:00:00.250Z"
    assert format_instant(-1e12) == "0001-01-01T00:00:00.000Z" and format_instant(1e12).startswith("9999-12-31T23:59")
    for wrong in ("yesterday", datetime(2026, 1, 31)):  # noqa: DTZ001
        with pytest.raises(ValueError, match="UTC"):
            find_instant(wrong)
