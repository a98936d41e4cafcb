from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from release.rollout.lives import RULES, Life

from evalgate.release.rollout.assessment import assess_rollout
from evalgate.release.rollout.decision_record import (
    encode_decision,
    encode_word,
    find_gaps,
    find_rollback_gaps,
    is_proven,
    list_watched,
)
from evalgate.release.rollout.state import RolloutState


def prove() -> tuple[RolloutState, dict[str, Any]]:
    """Return the first stage of a rollout and the evidence of its proof at hour 25."""
    import json

    life = Life()
    life.start()
    rows = [json.dumps(row) for row in life.make_rows(4000, 0.3, 24)]
    found = assess_rollout(life.document, life.state, rows, "2026-02-01T13:00:00Z")
    return life.state, encode_decision(found.decision, life.state, found.evidence)


STATE, PROOF = prove()
AT = "2026-02-01T13:00:00Z"


def change(**values: Any) -> dict[str, Any]:
    return {"decision": {**PROOF["decision"], **values}}


def test_a_proof_and_a_word_have_no_gaps() -> None:
    assert is_proven(PROOF) and not is_proven(encode_word(STATE)) and not is_proven(None)
    assert list(find_gaps(PROOF, STATE, AT, 24)) == []
    assert list(find_gaps(encode_word(STATE), STATE, "2026-01-31T12:00:00Z", 24)) == []
    assert dict(list_watched(STATE)) == {"helpful": 0.10, "errors": 0.05, "unscored": 0.05}
    assert dict(list_watched(replace(STATE, stage=0, slow=1.0))) == {"errors": 0.05}, "staging has no floors"
    assert dict(list_watched(replace(STATE, slow=1.0, expensive=1.0))).keys() == {
        "helpful", "errors", "slow", "expensive", "unscored",
    }  # fmt: skip


@pytest.mark.parametrize(("evidence", "at", "hours", "problem"), [
    (None, AT, 24, "its evidence is none"),
    ({}, AT, 24, "its evidence is none"),
    ({**PROOF, "more": 1}, AT, 24, "must be all that there is"),
    (change(proven="yes"), AT, 24, "must be true or false"),
    (change(proven=False), AT, 24, "not on a person's word"),
    (change(code="person"), AT, 24, 'its decision is "person", and says that it is proven'),
    (change(stage=2), AT, 24, "for stage 2, and the rollout is in stage 1"),
    (change(watched=[]), AT, 24, "must be an object"),
    (change(last="2026-02-01T10:00:00Z"), AT, 24, "its rows end before the hours of its stage"),
    (change(last=None), AT, 24, "must be a time in UTC"),
    (change(log_e_deal=math.inf), AT, 24, "must be a number"),
    (change(log_e_deal=math.log(1000)), AT, 24, "not assigned as the share says"),
    (PROOF, AT, 48, "its stage lasted 25 hours, and 48 are required"),
    (PROOF, "2026-01-31T12:30:00Z", 0, "its stage lasted 0.5 hours, and 24 are required"),
])  # fmt: skip
def test_a_gap_is_named(evidence: dict[str, Any] | None, at: str, hours: float, problem: str) -> None:
    assert any(problem in one for one in find_gaps(evidence, STATE, at, hours))


@pytest.mark.parametrize("name", ["helpful", "errors", "unscored"])
@pytest.mark.parametrize("value", [None, True, "9", 2.9957])
def test_each_thing_that_is_watched_has_to_be_proven(name: str, value: object) -> None:
    watched = {**PROOF["decision"]["watched"]}
    watched[name] = {**watched[name], "log_e_fine": value}
    assert list(find_gaps(change(watched=watched), STATE, AT, 24))
    del watched[name]
    assert list(find_gaps(change(watched=watched), STATE, AT, 24))


def test_only_a_person_ends_a_comparison_and_a_holdback() -> None:
    for state in (
        replace(STATE, kind="ab", rules=replace(RULES, stages=RULES.stages[:1])),
        replace(STATE, rules=replace(RULES, stages=RULES.stages[:1], holdback=9500)),
    ):
        assert "only a person ends this stage" in list(find_gaps(PROOF, state, AT, 24))
        assert list(find_gaps(encode_word(state), state, AT, 24)) == []


def test_a_rollback_by_a_tick_has_numbers_that_carry_it() -> None:
    assert list(find_rollback_gaps(None, None, AT)) == []
    assert list(find_rollback_gaps(PROOF, None, AT)) == ["it has evidence of a rollout, and there is none"]
    watched = {**PROOF["decision"]["watched"]}
    bound = math.log(len(watched) * 3 / 0.05)
    for log_e, problems in ((bound, 0), (bound - 0.01, 1)):
        watched["helpful"] = {**watched["helpful"], "log_e_worse": log_e}
        evidence = change(code="worse:helpful", proven=False, watched=watched)
        assert len(list(find_rollback_gaps(evidence, STATE, AT))) == problems
    assert list(find_rollback_gaps(change(code="worse:other", proven=False), STATE, AT))
    assert list(find_rollback_gaps(change(code="worse:helpful", proven=True), STATE, AT))
    assert list(find_rollback_gaps({"decision": 1}, STATE, AT))
    worse = {**watched, "helpful": {**watched["helpful"], "log_e_worse": 99.0}}
    evidence = change(code="worse:helpful", proven=False, watched=worse)
    assert list(find_rollback_gaps(evidence, STATE, AT)) == []
    assert list(find_rollback_gaps(evidence, replace(STATE, paused=True), AT))
    evidence = change(code="worse:helpful", proven=False, watched={"helpful": worse["helpful"]})
    assert list(find_rollback_gaps(evidence, STATE, AT)), "the bound is that of all that is watched"


@pytest.mark.parametrize(("code", "when", "at", "problems"), [
    ("held_too_long", "rollback", "2026-03-01T12:00:01Z", 0),
    ("held_too_long", "rollback", "2026-02-15T12:00:00Z", 1),
    ("held_too_long", "hold", "2026-03-01T12:00:01Z", 1),
    ("because", "rollback", "2026-03-01T12:00:01Z", 1),
])  # fmt: skip
def test_a_tick_rolls_back_for_numbers_or_after_the_longest_hold(code: str, when: Any, at: str, problems: int) -> None:
    state = replace(STATE, rules=replace(STATE.rules, when_held=when))
    assert len(list(find_rollback_gaps(change(code=code, proven=False), state, at))) == problems


@pytest.mark.parametrize(("changes", "problem"), [
    ({"rows": 100, "left_out": {"bad_score": 2}}, "too many of its rows are left out"),
    ({"rows": "x"}, "must be a whole number"),
    ({"arm_rows": [3800, 200], "arm_faults": [0, 3]}, "too many of its rows are left out"),
    ({"arm_rows": [3800], "arm_faults": [0, 3]}, "must be a list of two values"),
])  # fmt: skip
def test_a_proof_has_few_faults_of_each_arm(changes: dict[str, Any], problem: str) -> None:
    assert any(problem in one for one in find_gaps(change(**changes), STATE, AT, 24))
    fine = change(left_out={"before": 10_000}, arm_rows=[3800, 200], arm_faults=[38, 2])
    assert list(find_gaps(fine, STATE, AT, 24)) == []


def test_a_proof_has_all_that_is_watched_and_nothing_that_is_worse() -> None:
    watched = {**PROOF["decision"]["watched"]}
    more = {**watched, "other": watched["helpful"]}
    assert any("what it watched" in one for one in find_gaps(change(watched=more), STATE, AT, 24))
    watched["errors"] = {**watched["errors"], "log_e_worse": 20}
    found = list(find_gaps(change(watched=watched), STATE, AT, 24))
    assert found == ["it goes on, and its numbers say that errors is worse"]


@pytest.mark.parametrize(("errors", "helpful", "keys", "problem"), [
    (0.05, 0.7, 10, None),
    (0.05, 0.7, 9, "staging has less than 10"),
    (0.06, 0.7, 10, "more answers failed"),
    (0.05, 0.69, 10, "below its floor"),
])  # fmt: skip
def test_staging_is_left_with_its_means(errors: float, helpful: float, keys: int, problem: str | None) -> None:
    state = replace(STATE, stage=0, share=0, rules=replace(STATE.rules, floors={"helpful": 0.7}))
    one = {"log_e_worse": 0.0, "log_e_fine": 0.0}
    means = {"helpful": helpful, "errors": errors, "unscored": None}
    watched = {name: {**one, "mean": [None, mean]} for name, mean in means.items()}
    found = list(find_gaps(change(stage=0, keys=[0, keys], watched=watched), state, AT, 0))
    assert found == [] if problem is None else problem in found[0]
