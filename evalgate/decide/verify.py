"""Verify that a stored report is consistent: its verdicts follow from its own evidence and policy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace

from evalgate.decide import attempts, policy
from evalgate.domain import Evidence, GateReport, Report, Result

_ROUNDING = 1e-9


def find_fault(report: Report) -> str | None:
    """Return a sentence that says why evalgate cannot have written a report; None if it is consistent.

    The verdict of each gate must follow from its evidence and policy, and that of the report from its gates and policy
    changes. A sign-off must belong to the same content, and the report must have awaited one. The number of attempts
    cannot be verified from the report.
    """
    fault = _find_attempts_fault(report)
    if fault is not None:
        return fault
    gates = []
    for gate in report.gates:
        fault = _find_gate_fault(gate)
        if fault is not None:
            return f"gate {gate.evidence.name}: {fault}"
        alone = policy.decide(gate.evidence, gate.thresholds, gate.policy, gate.level_policy)
        decided = attempts.apply_demands(alone, report.attempts)
        possible = (decided, policy.meet_requirement(decided) if report.sign_off is not None else decided)
        if not any(_is_same(gate, one) for one in possible):
            return f"gate {gate.evidence.name}: its verdict does not follow from its results and policy"
        gates.append(decided)
    decision, exit_code = policy.conclude(gates, report.policy_changes)
    if report.redrawn is not None:  # the exit code is that of the verdict that stays
        exit_code = report.exit_code
    expected = replace(report, gates=tuple(gates), decision=decision, exit_code=exit_code, sign_off=None)
    if report.sign_off is not None:
        try:
            expected = policy.apply_sign_off(expected, report.sign_off)
        except ValueError as error:
            return str(error)
    return None if _is_same(expected, report) else "the decision does not follow from its gates and policy changes"


def _is_same(one: object, other: object) -> bool:
    """Return whether two values are equal, numbers up to the last digits, which differ by machine and by library."""
    if one is other:
        return True
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=_ROUNDING, abs_tol=_ROUNDING)
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_is_same, one, other))
    if is_dataclass(one) and type(one) is type(other) and not isinstance(one, Evidence | Result):
        return all(_is_same(getattr(one, field.name), getattr(other, field.name)) for field in fields(one))
    return one == other


def update_sentences(report: Report) -> Report:
    """Return the report with its findings and requirements worded as this version words them.

    Only texts change: a finding of another criterion, kind, decision or case stays, for `find_fault` to report. So does
    a report whose evidence, policy or attempts are not consistent.
    """
    if _find_attempts_fault(report) is not None or any(_find_gate_fault(gate) is not None for gate in report.gates):
        return report
    return replace(report, gates=tuple(_update_sentences(gate, report) for gate in report.gates))


def _update_sentences(gate: GateReport, report: Report) -> GateReport:
    decided = policy.decide(gate.evidence, gate.thresholds, gate.policy, gate.level_policy)
    decided = attempts.apply_demands(decided, report.attempts)
    if report.sign_off is not None:
        decided = policy.meet_requirement(decided)
    if len(decided.findings) != len(gate.findings) or len(decided.requirements) != len(gate.requirements):
        return gate
    findings = zip(gate.findings, decided.findings, strict=True)
    requirements = zip(gate.requirements, decided.requirements, strict=True)
    return replace(
        gate,
        findings=tuple(replace(one, sentence=other.sentence) for one, other in findings),
        requirements=tuple(replace(one, detail=other.detail) for one, other in requirements),
    )


def _find_attempts_fault(report: Report) -> str | None:
    if report.attempts is None or report.attempts == attempts.restate(report.attempts, report.gates):
        return None
    return "the number of attempts is not possible, or it does not match the chance given with it"


def _find_gate_fault(gate: GateReport) -> str | None:
    """Return the first inconsistency in the evidence or policy of a gate; None if there is none."""
    results = (*gate.evidence.results, *gate.evidence.confirmations)
    fault = _find_misplaced(gate.evidence, results)
    if fault is not None:
        return fault
    scores = (value for result in results for value in result.values.values())
    if not all(score is None or 0.0 <= score <= 1.0 for score in scores):
        return "a score is outside [0, 1]"
    limits = [t.max_drop for t in gate.thresholds.values() if t.max_drop is not None]
    if not (0.0 < gate.policy.alpha < 0.5 and all(0.0 < limit <= 1.0 for limit in (gate.policy.max_drop, *limits))):
        return "its policy is out of range"
    return None


def _find_misplaced(evidence: Evidence, results: Sequence[Result]) -> str | None:
    if len({(r.case, r.arm, r.repeat) for r in results}) < len(results):
        return "one trial has two results"
    if len(set(evidence.order)) < len(evidence.order):
        return "a case is twice in the order"
    if evidence.order and len(evidence.order) != evidence.dataset.cases:
        return "the order does not contain every case"
    known = set(evidence.order) or {result.case for result in results}
    if not known >= {*(result.case for result in results), *evidence.clusters}:
        return "a case that was not planned has a result"
    return None
