"""Users who come back: a version that gets worse after its first answers, and equal ones."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from release.rollout.traffic import NAME, VERSIONS, clock, is_candidates, make_row, make_stages, make_state

from evalgate.release.rollout.decision import RolloutDecision, decide
from evalgate.release.rollout.state import RolloutState
from evalgate.release.rollout.tally import StageEvidence, tally_stage

Change = Callable[[dict[str, Any], float, random.Random], dict[str, Any] | None]
LATER: dict[str, dict[str, Any] | None] = {
    "fails": {"error": "TimeoutError", "scores": {}},
    "is slow": {"seconds": 60.0},
    "is expensive": {"cost_usd": 5.0},
    "is bad": {"scores": {"helpful": 0.2}},
    "has no score": {"scores": {}},
    "logs no more": None,
}


def visit(users: int, share: int, visits: int, change: Change, seed: int = 1) -> list[dict[str, Any]]:
    """Return the rows of users who all come in the first 6 hours, and again later, with a taste of their own."""
    rng, rows = random.Random(seed), []
    for user in range(users):
        taste = rng.choice([0.6, 0.75, 0.9])
        hours = [0.2 + 6 * rng.random(), *(6.2 + 18.7 * rng.random() for _ in range(visits - 1))]
        for at in hours:
            scores = {"helpful": sum(rng.random() < taste for _ in range(4)) / 4}
            row = change(make_row(f"{seed}-{user}", at, share=share, scores=scores), at, rng)
            rows += [] if row is None else [row]
    return rows


def tally(rows: list[dict[str, Any]], state: RolloutState, hours: float = 25) -> StageEvidence:
    return tally_stage(rows, name=NAME, state=state, versions=VERSIONS, now=clock(hours))


def follow(rows: list[dict[str, Any]], share: int) -> RolloutDecision:
    state = make_state(rules={"stages": make_stages(share)})
    return decide(state, tally(rows, state), clock(25), 0)


@settings(max_examples=15)
@given(
    st.sampled_from(sorted(LATER)),
    st.sampled_from([(500, 2000), (2500, 700), (5000, 500)]),
    st.integers(2, 9),
    st.floats(6.5, 15),
    st.integers(1, 10_000),
)
def test_a_candidate_that_gets_worse_after_its_first_answers_does_not_go_on(
    kind: str, size: tuple[int, int], visits: int, since: float, seed: int
) -> None:
    share, users = size

    def worsen(row: dict[str, Any], at: float, rng: random.Random) -> dict[str, Any] | None:
        later = LATER[kind]
        return row if not is_candidates(row) or at < since else None if later is None else {**row, **later}

    found = follow(visit(users, share, visits, worsen, seed), share)
    assert found.action in ("hold", "roll_back"), found.sentence


@pytest.mark.parametrize(("kind", "code"), [
    ("fails", "worse:errors"), ("is slow", "worse:slow"), ("is expensive", "worse:expensive"),
    ("is bad", "worse:helpful"), ("has no score", "worse:unscored"), ("logs no more", "rows_end"),
])  # fmt: skip
def test_what_gets_worse_is_named(kind: str, code: str) -> None:
    def worsen(row: dict[str, Any], at: float, rng: random.Random) -> dict[str, Any] | None:
        later = LATER[kind]
        return row if not is_candidates(row) or at < 7 else None if later is None else {**row, **later}

    assert follow(visit(600, 5000, 4, worsen), 5000).code == code
    assert follow(visit(600, 5000, 4, lambda row, at, rng: row), 5000).code == "proven"


def test_the_sentence_names_the_answers() -> None:
    def fail(row: dict[str, Any], at: float, rng: random.Random) -> dict[str, Any]:
        return {**row, "error": "X", "scores": {}} if is_candidates(row) and at > 6.2 else row

    found = follow(visit(400, 5000, 2, fail), 5000)
    assert found.code == "worse:errors"
    assert found.sentence.startswith("errors: the canary's 100.0 % against 0.0 % over ")
    assert " in the answers number 2 of each key, e = 10^" in found.sentence


def test_the_rows_of_each_version_reach_the_end_of_the_hours() -> None:
    def stop(row: dict[str, Any], at: float, rng: random.Random) -> dict[str, Any] | None:
        return row if not is_candidates(row) or at < 22 else None

    rows = visit(500, 5000, 6, stop)
    found = follow(rows, 5000)
    assert found.code == "rows_end"
    assert found.sentence.startswith("the newest row of the canary that counts is from 2026-02-01T09:")
    late = next(row for row in rows if is_candidates(row))
    assert follow([*rows, {**late, "id": "late", "at": clock(23.1)}], 5000).code == "proven"


@pytest.mark.parametrize("runs", [pytest.param(12, id="short"), pytest.param(200, id="long", marks=pytest.mark.long)])
def test_equal_versions_are_rolled_back_in_at_most_a_little_more_than_alpha(runs: int) -> None:
    """Some users fail, or wait, far more often than others; one look at each quarter of the stage."""
    state = make_state(rules={"stages": make_stages(5000), "settle_minutes": 0})
    ends = 0
    for seed in range(runs):
        draws = random.Random(seed)
        trouble = {f"{seed}-{user}": draws.choice([0.0, 0.0, 0.6]) for user in range(60)}

        def fail(
            row: dict[str, Any], at: float, rng: random.Random, trouble: dict[str, float] = trouble
        ) -> dict[str, Any]:
            if rng.random() < trouble[row["key"]]:
                return {**row, "error": "X", "scores": {}}
            return {**row, "seconds": 60.0} if rng.random() < trouble[row["key"]] else row

        rows = visit(60, 5000, 20, fail, seed)
        for hours in (7, 12, 18, 25):
            there = [row for row in rows if row["at"] <= clock(hours)]
            if decide(state, tally(there, state, hours), clock(hours), 0).action == "roll_back":
                ends += 1
                break
    assert ends <= 0.055 * runs


@settings(max_examples=15)
@given(st.sampled_from([2500, 5000]), st.floats(0.2, 0.4), st.floats(0.15, 0.3), st.integers(1, 10_000))
def test_a_candidate_that_answers_more_questions_at_once_is_not_rolled_back(
    share: int, hard: float, gain: float, seed: int
) -> None:
    """Who got a good answer asks no more, so the candidate's later questions are harder than those of production."""
    rng, rows = random.Random(seed), []
    for user in range(3000):
        at, is_hard = 0.2 + 23 * rng.random(), rng.random() < hard
        for _ in range(6):
            row = make_row(f"{seed}-{user}", at, share=share)
            mean = 0.4 if is_hard else 0.95 - (0.0 if is_candidates(row) else gain)
            helpful = sum(rng.random() < mean for _ in range(4)) / 4
            rows.append({**row, "scores": {"helpful": helpful}})
            if helpful >= 0.75:
                break
            at += 0.02 + 0.05 * rng.random()
    found = follow(rows, share)
    assert found.action != "roll_back", found.sentence


def test_later_answers_prove_nothing_fine() -> None:
    state = make_state(rules={"stages": make_stages(5000)})
    rows = visit(100, 5000, 8, lambda row, at, rng: row)
    firsts: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: row["at"]):
        firsts.setdefault(row["key"], row)
    once, often = tally(list(firsts.values()), state), tally(rows, state)
    assert [one.log_e_fine for one in often.watched] == [one.log_e_fine for one in once.watched]
