"""Reports: what a look, a gate and a report say of themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalgate.domain import Admission, Look, Report, Verdict

LOOK = Look(number=1, of=4, cases=50, planned=200, level=0.01)


def test_a_look_before_the_last_case_is_early() -> None:
    assert LOOK.early and not replace(LOOK, cases=200).early


@pytest.mark.parametrize(
    ("decision", "code", "warns"),
    [
        (Verdict.PASS, Admission.PASS, False),
        (Verdict.INCONCLUSIVE, Admission.PASS, True),
        (Verdict.INCONCLUSIVE, Admission.INCONCLUSIVE, False),
        (Verdict.FAIL, Admission.FAIL, False),
    ],
)
def test_a_gate_only_warns_if_it_did_not_pass_and_lets_the_change_merge(
    samples, decision: Verdict, code: Admission, warns: bool
) -> None:
    (gate, *_) = samples.passing().gates
    assert replace(gate, decision=decision, exit_code=code).only_warns is warns


def test_a_cost_is_known_only_if_that_of_every_gate_is(samples) -> None:
    (gate, *_) = samples.passing().gates
    priced = [replace(gate, evidence=replace(gate.evidence, cost_usd=cost)) for cost in (0.1, 0.2, None)]

    def cost(*gates: object) -> float | None:
        report: Report = replace(samples.passing(), gates=gates)
        return report.cost_usd

    assert cost(*priced[:2]) == pytest.approx(0.3)
    assert cost(*priced) is None and cost() == 0.0
