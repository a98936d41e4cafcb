from __future__ import annotations

import json
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from evalgate.release.rollout.replay_rows import ChosenRows, choose_replay_rows
from evalgate.release.rollout.traffic_rows import FAULTS, REASONS, find_instant

NOW = find_instant("2026-01-31T12:00:00Z")
DIGEST, VERSION = "b" * 64, "1.0.0"
VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=()), max_size=5)
)
JUNK = VALUES | st.lists(VALUES, max_size=2) | st.dictionaries(st.text(max_size=5), VALUES, max_size=2)


def make_row(number: int = 0, **changes: Any) -> dict[str, Any]:
    row = {
        "id": f"row-{number}", "at": f"2026-01-31T11:00:{number % 60:02}Z", "prompt": "support", "version": VERSION,
        "digest": DIGEST, "variant": "production", "key": f"user-{number}", "error": None, "seconds": 1.0,
        "fields": {"query": f"question {number}"}, "output": f"answer {number}",
    }  # fmt: skip
    return {**row, **changes}


def choose(rows: list[Any], first: int = 100, since: float = NOW - 86_400) -> ChosenRows:
    return choose_replay_rows(rows, name="support", digest=DIGEST, version=VERSION, since=since, until=NOW, first=first)


def test_one_row_of_each_key_is_chosen_and_it_is_its_first() -> None:
    rows = [make_row(number, key=f"user-{number % 10}") for number in range(40)]
    random.Random(1).shuffle(rows)
    found = choose(rows)
    assert {row.id for row in found.rows} == {f"row-{number}" for number in range(10)}
    assert (found.answers, found.faults) == (40, {}) and found.others == {"of a key that has another row": 30}


def test_a_row_without_a_key_is_one_of_its_own() -> None:
    found = choose([make_row(number, key=None) for number in range(5)] + [make_row(9)])
    assert sorted(row.has_key for row in found.rows) == [False] * 5 + [True]


def test_rows_without_a_digest_are_known_by_their_number() -> None:
    rows = [make_row(1, digest=None), make_row(2, digest=None, version="1.1.0"), make_row(3, digest="c" * 64)]
    assert [row.id for row in choose(rows).rows] == ["row-1"]


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 8) | st.none(), st.integers(0, 3)), max_size=40),
    st.integers(1, 12),
    st.randoms(use_true_random=False),
)
def test_the_choice_does_not_depend_on_the_order_of_the_rows(
    drawn: list[tuple[int, int | None, int]], first: int, rng: random.Random
) -> None:
    rows = [make_row(number, key=None if key is None else str(key), output=f"{text}") for number, key, text in drawn]
    shuffled = rng.sample(rows, len(rows))
    found = choose(rows, first)
    assert choose(shuffled, first) == found
    assert len(found.rows) <= first and len({row.id for row in found.rows}) == len(found.rows)
    doubled = len(rows) - len({row["id"] for row in rows})
    assert found.faults.get("an id that another row has", 0) == doubled


@given(st.integers(1, 30), st.integers(1, 30))
def test_more_rows_keep_those_that_fewer_have(few: int, more: int) -> None:
    rows = [make_row(number) for number in range(40)]
    chosen = [row.id for row in choose(rows, few + more).rows]
    assert [row.id for row in choose(rows, few).rows] == chosen[:few]


@given(st.lists(st.dictionaries(st.sampled_from([*make_row(), "scores", "sampled"]), JUNK, max_size=4), max_size=6))
def test_hostile_rows_are_left_out_and_counted(changes: list[dict[str, Any]]) -> None:
    rows = [json.dumps({**make_row(number), **change}).encode() for number, change in enumerate(changes)]
    found = choose([*rows, b"", b"{", b"[1]", b"\xff", make_row(99)])
    assert found.faults[REASONS["not_json"]] == 3
    for row in found.rows:
        json.dumps([row.id, dict(row.texts.fields), row.texts.output], allow_nan=False)
        row.texts.output.encode()
    assert len(found.rows) + sum(found.faults.values()) + sum(found.others.values()) <= len(rows) + 4


def test_each_reason_is_a_fault_or_not() -> None:
    cases = {
        "from the future": {"at": "2026-02-01T00:00:00Z"},
        "a key is missing or has a wrong type": {"fields": ["query"]},
        "older than the hours that are replayed": {"at": "2026-01-01T00:00:00Z"},
        "of another label": {"variant": "candidate"},
        "of another version than the one in production": {"digest": "c" * 64},
        "failed": {"error": "timeout"},
        "without `fields` or `output`": {"output": None},
    }
    for words, change in cases.items():
        found = choose([make_row(1, **change)])
        is_fault = words in {REASONS[reason] for reason in FAULTS}
        assert (found.faults if is_fault else found.others) == {words: 1} and not found.rows, words
    assert choose([make_row(1, output="\ud800")]).faults == choose([make_row(1, fields={"a": float("nan")})]).faults
    assert choose([make_row(1, prompt="other")]) == choose([])


def test_a_key_beyond_the_number_is_counted() -> None:
    found = choose([make_row(number) for number in range(30)], first=10)
    assert len(found.rows) == 10 and found.others == {"of keys beyond the number that is replayed": 20}
