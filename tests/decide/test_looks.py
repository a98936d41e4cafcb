"""A gate at its looks: when it stops, what it wants drawn again, and whether checks need every case."""

from __future__ import annotations

from dataclasses import replace

import pytest
from decide.small_evidence import CHECK, JUDGE, RULES, drawn, evidence, results

from evalgate.decide import policy
from evalgate.decide.looks import FreshDraw, GateState, evaluate_look, has_enough_pairs, measure
from evalgate.domain import Arm, Evidence, Level, Score, Threshold, Verdict


def part(cases: int, candidate: float, of: int = 200, **fields: object) -> Evidence:
    """Evidence after the first `cases` of a run that may stop early."""
    noise = [0.05 * (case % 3 - 1) for case in range(cases)]
    found = results([0.75] * cases, [candidate + step for step in noise])
    return replace(evidence(found, **fields), order=tuple(f"case-{n:03}" for n in range(of)), sequential=True)


def look(found: Evidence, drop: float = 0.2) -> GateState:
    return evaluate_look(found, {JUDGE.name: Threshold(max_drop=drop)}, RULES)


@pytest.mark.parametrize(("candidate", "decision"), [(0.75, Verdict.PASS), (0.4, Verdict.FAIL)])
def test_a_clear_comparison_ends_at_the_first_look(candidate: float, decision: Verdict) -> None:
    state = look(part(50, candidate))
    assert (state.final, state.look.cases, len(state.seen)) == (True, 50, 50)
    assert {ruling.decision for ruling in state.rulings} == {decision}
    assert state.fails is (decision is Verdict.FAIL)


def test_a_look_that_is_not_reached_is_not_taken() -> None:
    assert not look(part(49, 0.75)).final


def test_a_declared_blocking_check_owes_every_case_after_a_pass() -> None:
    found = part(50, 0.75, criteria=(JUDGE, CHECK))
    holding = tuple(replace(one, scores={**one.scores, "is_json": Score(value=1.0)}) for one in found.results)
    found = replace(found, results=holding)
    assert look(found).owes_all and not look(part(50, 0.75)).owes_all
    gate = policy.decide(found, {JUDGE.name: Threshold(max_drop=0.2)}, RULES, RULES.levels[Level.MINOR])
    assert gate.decision is Verdict.INCONCLUSIVE


def test_a_new_failure_of_a_check_wants_one_more_draw_of_the_candidate() -> None:
    state = look(drawn({29: [0.0]}))
    assert state.wanted == state.possible == (FreshDraw(case="case-029", arm=Arm.CANDIDATE),)
    assert look(drawn({29: [0.0, 1.0]})).wanted == ()
    assert look(replace(drawn({29: [0.0]}), redraws=False)).wanted == ()


def test_measured_values_can_be_given_while_only_fresh_draws_are_new() -> None:
    found = drawn({29: [0.0] * 7})
    known = measure(replace(found, confirmations=()), {}, RULES)
    again = evaluate_look(found, {}, RULES, replace(known, evidence=found))
    assert [ruling.check for ruling in again.blocking] == [ruling.check for ruling in look(found).blocking]


def test_half_of_the_cases_seen_need_a_pair() -> None:
    found = results([0.5] * 10, [0.5] * 10)
    for unscored, enough in ((5, True), (6, False)):
        kept = [one if n >= unscored else replace(one, scores={}) for n, one in enumerate(found)]
        known = measure(evidence(kept), {}, RULES)
        assert has_enough_pairs(known.draws, known.pairs[JUDGE.name], 10) is enough
