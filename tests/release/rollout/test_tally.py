from __future__ import annotations

import json
import random
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from release.rollout.slow_forms import deal_slowly, means_slowly
from release.rollout.traffic import (
    CANDIDATE,
    CONTROL,
    NAME,
    VERSIONS,
    clock,
    is_candidates,
    make_row,
    make_stages,
    make_state,
    make_traffic,
)

from evalgate.release.rollout import e_values
from evalgate.release.rollout.state import RolloutState
from evalgate.release.rollout.tally import StageEvidence, Watched, tally_stage

EVEN = make_stages(5000)


def tally(rows: Iterable[Any], state: RolloutState | None = None, hours: float = 30) -> StageEvidence:
    return tally_stage(rows, name=NAME, state=state or make_state(), versions=VERSIONS, now=clock(hours))


def find(evidence: StageEvidence, name: str) -> Watched:
    (found,) = (one for one in evidence.watched if one.name == name)
    return found


def count_left_out(row: dict[str, Any], **changes: Any) -> dict[str, int]:
    evidence = tally([row], **changes)
    assert evidence.keys == (0, 0) and evidence.last is None
    return dict(evidence.left_out)


def find_key(*, candidate: bool, share: int = 500) -> str:
    return next(key for key in map(str, range(10_000)) if is_candidates(make_row(key, 1, share=share)) is candidate)


def test_everything_that_is_watched_is_what_the_rule_says() -> None:
    def change(row: dict[str, Any], rng: random.Random) -> dict[str, Any]:
        row["seconds"], row["cost_usd"] = rng.choice([1, 6]), rng.choice([0.01, 0.05])
        if rng.random() < 0.1:
            row |= {"error": "TimeoutError", "seconds": None, "scores": {}}
        elif rng.random() < 0.2:
            row["scores"] = {}
        return row

    state = make_state(rules={"stages": EVEN})
    rows = make_traffic(400, share=5000, change=change)
    evidence = tally(rows, state)
    arms = [int(is_candidates(row)) for row in rows]
    answered = [row["error"] is None for row in rows]
    scored = [bool(row["scores"]) for row in rows]
    assert evidence.keys == (arms.count(0), arms.count(1))
    assert evidence.log_e_deal == pytest.approx(deal_slowly(arms.count(0), arms.count(1), 0.5), abs=1e-9)
    assert (evidence.rows, evidence.left_out, evidence.last) == (400, {}, "2026-02-01T11:56:25.800Z")
    for name, allowed, among, bad in (
        ("helpful", 0.10, scored, [1 - row["scores"].get("helpful", 0) for row in rows]),
        ("errors", 0.05, [True] * 400, [float(not one) for one in answered]),
        ("slow", 0.10, answered, [float(row["seconds"] == 6) for row in rows]),
        ("expensive", 0.10, answered, [float(row["cost_usd"] == 0.05) for row in rows]),
        ("unscored", 0.05, answered, [float(not one) for one in scored]),
    ):
        own = [(arm, value) for arm, value, chosen in zip(arms, bad, among, strict=True) if chosen]
        worse, fine, blocks = means_slowly(own, allowed)
        found = find(evidence, name)
        assert (found.allowed, found.blocks) == (allowed, blocks)
        assert found.n == tuple(sum(arm == one for arm, _ in own) for one in (0, 1))
        assert found.log_e_fine == pytest.approx(fine, abs=1e-9)
        if name in ("errors", "slow", "expensive"):
            worse = e_values.rates([arm for arm, value in own if value], 0.5)
        assert found.log_e_worse == pytest.approx(worse, abs=1e-9)
        for arm in (0, 1):
            values = [(1 - value if name == "helpful" else value) for one, value in own if one == arm]
            assert found.mean[arm] == pytest.approx(sum(values) / len(values))


def test_a_key_counts_once_by_its_first_row_and_its_later_ones_of_both_versions_alike() -> None:
    rows = make_traffic(200)
    again = [{**row, "id": f"{row['id']} {i}", "at": clock(25), "error": "X"} for row in rows for i in range(3)]
    evidence = tally(again + rows)
    assert evidence.rows == 800 and evidence.last == "2026-02-01T13:00:00.000Z"
    once = tally(rows)
    assert evidence.arm_rows == tuple(4 * count for count in once.arm_rows)
    same = {"rows": 200, "last": None, "ends": (None, None), "arm_rows": once.arm_rows}
    assert replace(evidence, **same) == replace(once, **same)  # type: ignore[arg-type]


@settings(deadline=None, max_examples=25)
@given(st.randoms(use_true_random=False), st.integers(1, 5))
def test_the_order_of_lines_does_not_matter(rng: random.Random, seed: int) -> None:
    rows: list[Any] = make_traffic(60, seed=seed, share=5000)
    rows += [*rows[:5], "{", {**rows[0], "scores": {"helpful": 7}}, {**rows[1], "at": clock(2)}]
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    state = make_state(rules={"stages": EVEN})
    first = tally(lines, state)
    rng.shuffle(lines)
    assert tally(lines, state) == first


def test_lines_and_objects_count_alike() -> None:
    rows = make_traffic(50)
    lines = [json.dumps(row) for row in rows]
    assert tally(rows) == tally(lines) == tally(f"{line}\n".encode() for line in lines) == tally([*lines, "\n", ""])


@pytest.mark.parametrize(("reason", "changes"), [
    ("before", {"at": clock(-0.001)}),
    ("before", {"at": clock(-1), "scores": {"helpful": 7}}),
    ("settling", {"at": clock()}),
    ("future", {"at": clock(30.1)}),
    ("unknown_version", {"digest": "c" * 64}),
    ("unknown_version", {"digest": CANDIDATE}),
    ("unknown_version", {"digest": None, "version": "0.9.0"}),
    ("other_label", {"variant": "staging"}),
    ("no_key", {"key": None}),
    ("no_key", {"key": ""}),
    ("bad_score", {"scores": {"helpful": float("nan")}}),
    ("incomplete", {"seconds": None}),
    ("incomplete", {"cost_usd": None}),
    ("wrong_type", {"sampled": "yes"}),
])  # fmt: skip
def test_a_row_is_left_out_and_counted(reason: str, changes: dict[str, Any]) -> None:
    row = make_row(find_key(candidate=False), 1, share=500)
    assert tally([row]).left_out == {}
    assert count_left_out({**row, **changes}) == {reason: 1}


def test_a_row_of_another_arm_than_its_key_is_dealt_is_left_out() -> None:
    for key, variant, digest in (
        (find_key(candidate=False), "candidate", CANDIDATE),
        (find_key(candidate=True), "production", CONTROL),
        (None, "candidate", CANDIDATE),
    ):
        row = make_row(key, 1, share=500, variant=variant, digest=digest)
        assert count_left_out(row) == {"mismatch": 1}


def test_a_key_that_had_the_candidate_at_a_smaller_share_keeps_it() -> None:
    row = make_row(find_key(candidate=True, share=500), 1, share=500)
    assert tally([row], make_state(stage=3)).keys == (0, 1)


def test_a_clock_that_is_a_little_ahead_is_no_fault() -> None:
    row = make_row(find_key(candidate=False), 30.01, share=500)
    assert tally([row]).keys == (1, 0)


def test_rows_without_a_digest_are_known_by_their_version() -> None:
    rows = [{key: value for key, value in row.items() if key != "digest"} for row in make_traffic(50)]
    assert tally(rows) == tally(make_traffic(50))


def test_failures_need_no_seconds_and_what_is_not_watched_may_lack() -> None:
    row = make_row(find_key(candidate=False), 1, share=500, error="X", seconds=None, cost_usd=None)
    assert tally([row]).keys == (1, 0)
    row["error"] = None
    evidence = tally([row], make_state(slow=None, expensive=None))
    assert evidence.keys == (1, 0)
    assert [one.name for one in evidence.watched] == ["helpful", "errors", "unscored"]


def test_without_scores_nothing_can_be_unscored() -> None:
    evidence = tally(make_traffic(20), make_state(rules={"scores": {}}))
    assert [one.name for one in evidence.watched] == ["errors", "slow", "expensive"]


def test_a_score_counts_when_its_answer_is_older_than_the_settle_time_and_lacks_from_then_on() -> None:
    key = find_key(candidate=False)
    for scores, names in (({"helpful": 0.5}, {"helpful": 1, "unscored": 1}), ({}, {"helpful": 0, "unscored": 1})):
        row = make_row(key, 10, share=500, scores=scores)
        early, late = tally([row], hours=10.49), tally([row], hours=10.51)
        assert {name: find(early, name).n[0] for name in names} == {"helpful": 0, "unscored": 0}
        assert {name: find(late, name).n[0] for name in names} == names
        assert find(late, "unscored").mean[0] == (0 if scores else 1)
        assert find(early, "errors").n[0] == 1


@given(st.lists(st.tuples(st.sampled_from([True, False, None]), st.booleans(), st.booleans()), max_size=60))
def test_answers_without_a_score_whose_rows_do_not_say_sampled_are_compared(
    rows: list[tuple[bool | None, bool, bool]],
) -> None:
    made, lacking = [], []
    for number, (sampled, has_score, fails) in enumerate(rows):
        changes = {"sampled": sampled, "scores": {"helpful": 1.0} if has_score else {}, "error": "X" if fails else None}
        made.append(make_row(f"user-{number}", 1, share=500, **changes))
        if sampled is None and not has_score and not fails:
            lacking.append(int(is_candidates(made[-1])))
    expected = e_values.compare_lacking(np.array(lacking, dtype=np.int8), 0.05)
    assert tally(made).log_e_unsaid == expected
    assert tally(made, make_state(rules={"scores": {}})).log_e_unsaid == 0


def test_an_answer_that_was_not_sampled_or_failed_is_not_unscored() -> None:
    key = find_key(candidate=False)
    for changes in ({"sampled": False}, {"error": "X"}):
        assert find(tally([make_row(key, 1, share=500, **changes)]), "unscored").n == (0, 0)


def test_an_answer_that_lacks_one_of_two_scores_is_unscored() -> None:
    row = make_row(find_key(candidate=False), 1, share=500)
    evidence = tally([row], make_state(rules={"scores": {"helpful": 0.1, "short": 0.1}}))
    assert find(evidence, "helpful").n == (1, 0) and find(evidence, "short").n == (0, 0)
    assert find(evidence, "unscored").mean == (1.0, None)


def test_staging_compares_nothing_and_holds_means_to_their_floors() -> None:
    rules = {"floors": {"helpful": 0.7}}
    staging = [
        make_row(None, 1, share=0, id=str(i), variant="staging", digest=CANDIDATE, scores={"helpful": 0.5})
        for i in range(40)
    ]
    rows = [*staging, *make_traffic(10), {**staging[0], "id": "x", "digest": CONTROL}]
    evidence = tally(rows, make_state(rules=rules, stage=0))
    assert evidence.keys == (0, 40) and evidence.log_e_deal == 0
    assert evidence.left_out == {"other_label": 10, "unknown_version": 1}
    assert [one.name for one in evidence.watched] == ["helpful", "errors", "unscored"]
    helpful = find(evidence, "helpful")
    assert helpful.mean == (None, 0.5) and helpful.n == (0, 40) and helpful.allowed == 0.7
    assert helpful.log_e_worse == pytest.approx(e_values.exceed([0.5] * 40, 0.3))


def test_users_of_staging_count_once_where_they_have_keys() -> None:
    rows = [
        make_row("ada", 1, share=0, id=str(i), variant="staging", digest=CANDIDATE, version="1.1.0") for i in range(9)
    ]
    assert tally(rows, make_state(stage=0)).keys == (0, 1)


def test_rows_of_another_prompt_are_ignored() -> None:
    rows = [{**row, "prompt": "other"} for row in make_traffic(20)]
    evidence = tally(rows)
    assert (evidence.rows, evidence.keys, evidence.left_out) == (0, (0, 0), {})


def test_lines_that_cannot_be_parsed_are_faults() -> None:
    evidence = tally(["{", "[]", '{"prompt": 7}', *make_traffic(10)])
    assert evidence.left_out == {"not_json": 2, "wrong_type": 1}
    assert (evidence.faults, evidence.rows) == (3, 13)
