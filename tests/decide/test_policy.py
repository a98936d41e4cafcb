"""From evidence to verdict: fail closed, each level's demands, and the same answer every time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from decide.small_evidence import (
    CHECK,
    JUDGE,
    MIDDLE,
    NOISY,
    NOISY_BACK,
    NOT_SURELY_WORSE,
    PERHAPS_WORSE,
    RULES,
    SAME,
    decide,
    evidence,
    result,
    results,
)

from evalgate.decide import policy
from evalgate.domain import Arm, ChangeLevel, Level, LevelFinding, Output, Score, Threshold, Verdict


@pytest.mark.parametrize("level", list(Level))
def test_equal_scores_on_enough_cases_pass(level: Level) -> None:
    gate = decide(results(SAME, SAME), level=level)
    assert gate.decision is Verdict.PASS
    assert gate.exit_code == {Level.PATCH: 0, Level.MINOR: 0, Level.MAJOR: 5}[level]
    assert [r.kind for r in gate.requirements] == {
        Level.PATCH: [],
        Level.MINOR: ["canary"],
        Level.MAJOR: ["canary", "sign_off"],
    }[level]


@pytest.mark.parametrize("level", list(Level))
def test_a_proven_drop_fails_at_every_level(level: Level) -> None:
    gate = decide(results([1.0] * 60, [0.75] * 59 + [1.0]), level=level)
    assert (gate.decision, gate.exit_code) == (Verdict.FAIL, 1)
    finding = gate.findings[0]
    assert finding.kind == "max_drop"
    assert "proven worse than the baseline, and not proven to be within the allowed drop of 0.05" in finding.sentence
    assert gate.requirements == ()


@pytest.mark.parametrize(
    ("candidate", "baseline", "codes"),
    [
        (NOISY, NOISY_BACK, (0, 0, 4)),  # no observed drop, far too noisy to know
        (PERHAPS_WORSE, MIDDLE, (0, 4, 4)),  # more than 0.05 lower, p at most 2 alpha
        (NOT_SURELY_WORSE, MIDDLE, (0, 0, 4)),  # more than 0.05 lower, and chance explains it
    ],
)
def test_what_inconclusive_means_is_the_levels_policy(candidate, baseline, codes) -> None:
    found = results(baseline, candidate)
    gates = [decide(found, level=level) for level in Level]
    assert {gate.decision for gate in gates} == {Verdict.INCONCLUSIVE}
    assert tuple(gate.exit_code for gate in gates) == codes
    assert "no regression" not in gates[0].findings[0].sentence


@pytest.mark.parametrize(("level", "code"), [(Level.PATCH, 0), (Level.MINOR, 4), (Level.MAJOR, 4)])
def test_fewer_than_eight_cases_decide_nothing(level: Level, code: int) -> None:
    gate = decide(results([1.0] * 7, [0.5] * 7), level=level)
    assert (gate.decision, gate.exit_code) == (Verdict.INCONCLUSIVE, code)
    assert (
        "7 cases are too few to decide; 1 more could show a very large drop, 59 can prove a PASS"
        in gate.findings[0].sentence
    )
    assert decide(results([1.0] * 8, [0.5] * 8), level=level).decision is Verdict.FAIL


@pytest.mark.parametrize(("found", "criteria"), [([], (JUDGE,)), (results(SAME, SAME), ())])
def test_nothing_measured_is_never_a_pass(found, criteria) -> None:
    gate = decide(found, criteria=criteria)
    assert (gate.decision, gate.exit_code) == (Verdict.INCONCLUSIVE, 4)


def test_a_check_that_is_only_reported_decides_nothing() -> None:
    found = results([1.0] * 30, [1.0] * 29 + [0.0], "is_json")
    reported = decide(found, criteria=(replace(CHECK, blocking=False),), level=Level.PATCH)
    assert all(finding.criterion != "is_json" for finding in reported.findings)
    assert reported.comparisons[0].regressed == ("case-029",)


def test_reported_checks_alone_decide_nothing() -> None:
    found = results([1.0] * 60, [1.0] * 60, "is_json")
    gate = decide(found, criteria=(replace(CHECK, blocking=False),))
    assert (gate.decision, gate.exit_code) == (Verdict.INCONCLUSIVE, 4)


def test_some_cases_may_have_more_draws_than_others() -> None:
    extra = [result(i, Arm.CANDIDATE, {"faithfulness": Score(value=0.75)}, repeat=1) for i in range(20)]
    gate = decide([*results(SAME, SAME), *extra])
    assert (gate.decision, gate.comparisons[0].pairs) == (Verdict.PASS, 80)


def test_without_a_baseline_and_without_a_floor_nothing_decides() -> None:
    found = [r for r in results(SAME, SAME) if r.arm is Arm.CANDIDATE]
    gate = decide(found, baseline=False)
    assert (gate.decision, gate.exit_code) == (Verdict.INCONCLUSIVE, 4)
    found = [replace(one, outcome=Output(text=f"answer to {one.case}")) for one in found]
    floored = decide(found, baseline=False, thresholds={"faithfulness": Threshold(minimum=0.6)})
    assert floored.decision is Verdict.PASS
    assert any(f.kind == "no_baseline" and "absolute thresholds alone" in f.sentence for f in floored.findings)


def test_level_findings_fail_whatever_the_scores() -> None:
    level = ChangeLevel(
        declared=Level.PATCH,
        minimum=Level.MAJOR,
        effective=Level.MAJOR,
        findings=(LevelFinding(kind="level", sentence="declared PATCH, the schema changed"),),
    )
    gate = policy.decide(replace(evidence(results(SAME, SAME)), level=level), {}, RULES, RULES.levels[Level.MAJOR])
    assert (gate.decision, gate.exit_code) == (Verdict.FAIL, 1)
    assert gate.findings[0].kind == "level"


def test_the_same_evidence_gives_the_same_report() -> None:
    found = results(NOISY, NOISY_BACK)
    assert decide(found) == decide(found)


def test_the_most_severe_gate_decides() -> None:
    passed, failed = decide(results(SAME, SAME)), decide(results([1.0] * 60, [0.5] * 59 + [1.0]))
    unsure, waiting = (
        decide(results([1.0] * 5, [1.0] * 5), level=Level.MAJOR),
        decide(results(SAME, SAME), level=Level.MAJOR),
    )
    assert policy.combine_verdicts([]) == (Verdict.PASS, 0)
    assert policy.combine_verdicts([passed, waiting]) == (Verdict.PASS, 5)
    assert policy.combine_verdicts([waiting, unsure]) == (Verdict.INCONCLUSIVE, 4)
    assert policy.combine_verdicts([unsure, failed, waiting]) == (Verdict.FAIL, 1)
