"""Floors and allowed drops that are decided by statistics."""

from __future__ import annotations

import pytest
from decide.small_evidence import MIDDLE, SLIGHTLY_WORSE, decide, result, results

from evalgate.domain import Arm, Criterion, Score, Threshold, Verdict


def test_a_drop_that_is_proven_fails_where_a_pass_is_out_of_reach_only_from_the_margin_on() -> None:
    assert decide(results(MIDDLE, SLIGHTLY_WORSE)).decision is Verdict.FAIL
    small = [0.48] * 29 + [0.5]
    assert decide(results(MIDDLE, small)).decision is Verdict.INCONCLUSIVE


def test_a_pass_below_zero_says_that_it_is_worse() -> None:
    gate = decide(results([0.5] * 200, [0.48] * 199 + [0.5]))
    assert gate.decision is Verdict.PASS
    assert "worse, but proven to be within the allowed drop of 0.05" in gate.findings[0].sentence


def test_a_small_set_says_what_it_can_show() -> None:
    gate = decide(results([0.75] * 8, [0.75] * 8))
    assert (gate.decision, gate.exit_code) == (Verdict.INCONCLUSIVE, 0)
    assert "8 cases can only show a very large drop; 59 can prove a PASS" in gate.findings[0].sentence


@pytest.mark.parametrize(
    ("values", "floor", "decision"),
    [([0.9] * 60, 0.75, Verdict.PASS), ([0.5] * 60, 0.75, Verdict.FAIL), ([1.0, 0.5] * 30, 0.75, Verdict.INCONCLUSIVE)],
)
def test_a_floor_on_a_judge_follows_the_rule(values, floor, decision) -> None:
    gate = decide(
        [r for r in results(values, values) if r.arm is Arm.CANDIDATE],
        baseline=False,
        thresholds={"faithfulness": Threshold(minimum=floor)},
    )
    finding = next(f for f in gate.findings if f.kind == "min")
    assert finding.decision is decision
    assert not finding.blocks or decision is Verdict.FAIL  # MINOR goes by the point estimate: 0.75 >= 0.75


def test_several_criteria_fail_by_holm() -> None:
    names = [f"judge-{i}" for i in range(5)]
    criteria = tuple(Criterion(name=name, kind="judge", blocking=False, digest="d") for name in names)
    steps = [0.25] * 12 + [-0.25] * 5 + [0.0] * 13  # -0.058, p = 0.04 alone
    found = []
    for arm in Arm:
        for i, step in enumerate(steps):
            value = 0.75 - (step if arm is Arm.CANDIDATE else 0.0)
            own = {name: Score(value=value if name == "judge-0" else 0.75) for name in names}
            found.append(result(i, arm, own))
    alone = decide(found, criteria=criteria[:1])
    together = decide(found, criteria=criteria)
    assert alone.findings[0].decision is Verdict.FAIL
    assert together.findings[0].decision is Verdict.INCONCLUSIVE
