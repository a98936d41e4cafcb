"""Blocking checks, compared with the baseline: what fails, what holds, what is undecided."""

from __future__ import annotations

from dataclasses import replace

import pytest
from decide.small_evidence import CHECK, decide, drawn, results, ruled

from evalgate.domain import Arm, Level, Threshold, Verdict


def test_a_blocking_check_fails_for_good_in_seven_draws_of_seven() -> None:
    gate = ruled(drawn({29: [0.0] * 7}))
    assert (gate.decision, gate.exit_code) == (Verdict.FAIL, 1)
    assert gate.findings[0].cases == gate.blocking[0].for_good == ("case-029",)
    held = ruled(drawn({29: [0.0] * 6 + [1.0]}))
    assert (held.decision, held.blocking[0].wavered) == (Verdict.PASS, ("case-029",))
    assert "Failed once and held when asked again: case-029" in held.findings[0].sentence


def test_a_check_that_the_baseline_fails_as_well_is_not_the_changes_fault() -> None:
    gate = ruled(drawn({5: [0.0] * 7}, {5: [0.0, 1.0, 1.0]}))
    assert (gate.decision, gate.blocking[0].both) == (Verdict.PASS, ("case-005",))
    assert "Failed by both versions: case-005" in gate.findings[0].sentence


def test_more_failures_than_the_baseline_has_are_a_fail_without_one_case_for_good() -> None:
    wavering = {case: [0.0, 1.0] for case in (3, 4, 5)}
    gate = ruled(drawn(wavering))
    assert (gate.decision, gate.blocking[0].for_good) == (Verdict.FAIL, ())
    assert "proven to fail more often than the baseline" in gate.findings[0].sentence
    both = {case: [0.0, 1.0, 1.0] for case in (7, 8, 9)}
    assert ruled(drawn(wavering, both)).decision is Verdict.PASS


@pytest.mark.parametrize("level", list(Level))
def test_a_new_failure_of_recorded_outputs_is_undecided(level: Level) -> None:
    gate = ruled(replace(drawn({29: [0.0]}), redraws=False), level)
    assert (gate.decision, gate.exit_code) == (Verdict.INCONCLUSIVE, 4)
    assert "recorded outputs cannot be drawn again" in gate.findings[0].sentence


def test_one_draw_of_an_endpoint_that_always_answers_the_same_settles_a_case() -> None:
    found = replace(drawn({29: [0.0]}, {29: [1.0]}), deterministic=(Arm.CANDIDATE, Arm.BASELINE))
    assert ruled(found).blocking[0].for_good == ("case-029",)


def test_a_strict_check_must_hold_in_every_draw() -> None:
    found = drawn({29: [0.0, 1.0]})
    strict = replace(found, criteria=(replace(CHECK, strict=True),))
    assert (ruled(found).decision, ruled(strict).decision) == (Verdict.PASS, Verdict.FAIL)


def test_a_check_that_holds_nowhere_compares_nothing() -> None:
    nowhere = {case: [0.0] * 3 for case in range(30)}
    gate = ruled(drawn({case: [0.0] for case in range(30)}, nowhere))
    assert (gate.decision, gate.exit_code) == (Verdict.INCONCLUSIVE, 4)


@pytest.mark.parametrize("kept", [0, 1, 20])
@pytest.mark.parametrize("level", list(Level))
def test_a_check_is_not_known_to_hold_where_the_candidate_has_no_result(kept: int, level: Level) -> None:
    """The baseline's stored samples are there for every case; they say nothing about the candidate."""
    found = drawn({29: [0.0] * 7})
    results = tuple(r for r in found.results if r.arm is Arm.BASELINE or int(r.case[-3:]) < kept)
    gate = ruled(replace(found, results=results, confirmations=()), level)
    assert (gate.decision, gate.exit_code) == (Verdict.INCONCLUSIVE, 4)
    assert "the candidate has no result of case-0" in gate.findings[0].sentence


def test_an_allowed_drop_on_a_blocking_check_needs_a_baseline_to_take_its_place() -> None:
    drops = {"is_json": Threshold(max_drop=0.1)}
    found = results([1.0] * 60, [1.0] * 59 + [0.0], "is_json")
    assert decide(found, criteria=(CHECK,), thresholds=drops).decision is Verdict.PASS
    alone = [r for r in found if r.arm is Arm.CANDIDATE]
    unsettled = decide(alone, criteria=(CHECK,), thresholds=drops, baseline=False)
    assert (unsettled.decision, unsettled.blocking[0].open) == (Verdict.INCONCLUSIVE, ("case-059",))
    again = [replace(alone[59], repeat=repeat) for repeat in range(1, 7)]
    assert decide([*alone, *again], criteria=(CHECK,), baseline=False).decision is Verdict.FAIL
