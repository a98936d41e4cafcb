"""The state of each case agrees with the verdict."""

from __future__ import annotations

from dataclasses import replace

from evalgate.domain import Admission, Unscored
from evalgate.report import case_states


def states(gate, make=case_states.list_case_states) -> dict[str, str]:
    return {one.case: one.state for one in make(gate)}


def test_a_case_fails_only_where_the_change_is_blocked(samples) -> None:
    for name, sample in samples.SAMPLES.items():
        for gate in sample().gates:
            found = set(states(gate).values())
            assert gate.exit_code.blocks or not found & {"fails", "undecided"}, name
            assert gate.exit_code is Admission.FAIL or "fails" not in found, name


def test_the_cases_of_a_fail_have_its_sentences(samples) -> None:
    [gate] = samples.failing().gates
    [first] = [one for one in case_states.list_case_states(gate) if one.case == "refund-017"]
    assert first.state == "fails"
    assert [reason[:11] for reason in first.reasons] == ["FAIL: facts", "FAIL: faith"]
    assert states(gate)["refund-020"] == "fails"


def test_what_does_not_hold_without_blocking_is_tolerated(samples) -> None:
    [gate] = samples.failing().gates
    passed = replace(gate, exit_code=Admission.PASS)
    assert set(states(passed).values()) == {"tolerated"}


def test_a_part_looks_at_single_cases_alone(samples) -> None:
    [gate] = samples.failing().gates
    check, mean = gate.findings[1], gate.findings[2]
    assert set(states(gate, case_states.list_part_states).values()) == {"fails"}
    assert set(states(replace(gate, findings=(mean,)), case_states.list_part_states).values()) == {"tolerated"}
    warns = replace(gate, findings=(replace(check, blocks=False),))
    assert set(states(warns, case_states.list_part_states).values()) == {"tolerated"}


def test_a_case_without_a_score_or_a_result_never_holds(samples) -> None:
    [gate] = samples.passing().gates
    results = tuple(
        replace(one, scores={**one.scores, "facts": Unscored(reason="no reply")}) for one in gate.evidence.results
    )
    names = {one.case for one in results}
    bare = replace(gate, evidence=replace(gate.evidence, results=results, order=(*names, "later")), comparisons=())
    assert states(bare) == dict.fromkeys(names, "unscored") | {"later": "not run"}
