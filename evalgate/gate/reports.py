"""Reports made, stamped and verified: of gates that were decided, of an error, and those read from a file."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import evalgate
from evalgate.decide import evidence as evidences
from evalgate.decide import policy, verify
from evalgate.domain import (
    ANSWERED,
    RULE,
    Admission,
    Config,
    Criterion,
    Evidence,
    GatePlan,
    GateReport,
    PolicyChange,
    Report,
    Verdict,
    digest,
)
from evalgate.errors import EvalgateError, InputError, Place


def make_report(
    gates: Sequence[GateReport], warnings: Sequence[str] = (), policy_changes: Sequence[PolicyChange] = ()
) -> Report:
    """A new report of these gates, stamped with this moment; no gates is a pass with nothing to gate.

    Where the policy is edited, a pass waits for a sign-off, gates or none.
    """
    decision, exit_code = policy.conclude(gates, policy_changes)
    return Report(
        run_id=uuid.uuid4().hex[:12],
        created_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        tool_version=evalgate.__version__,
        decision=decision,
        exit_code=exit_code,
        gates=tuple(gates),
        warnings=tuple(warnings),
        policy_changes=tuple(policy_changes),
    )


def report_error(error: EvalgateError) -> Report:
    """The report of a run that ended before any verdict: its faults are warnings, its exit code the error's."""
    return Report(
        run_id=uuid.uuid4().hex[:12],
        created_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        tool_version=evalgate.__version__,
        decision=Verdict.INCONCLUSIVE,
        exit_code=Admission(error.exit_code),
        gates=(),
        warnings=tuple(str(fault) for fault in error.faults),
    )


def report_unasked(plan: GatePlan, config: Config) -> GateReport:
    """What is known of a gate of which nothing was asked."""
    evidence = evidences.make_evidence(plan, config.targets, cost_usd=0.0)
    return policy.decide_at_level(evidence, plan.gate.thresholds, config.policy)


def load_report(path: Path) -> Report:
    """The report in a file, verified. Raises InputError where there is no sound one."""
    from evalgate.store import results

    try:
        with path.open(encoding="utf-8-sig") as file:
            report = results.read(file, str(path))
    except FileNotFoundError:
        raise InputError(
            f"{path}: there is no such report", hint="`evalgate run --output report.json` writes one"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    return verify_report(report, str(path))


def verify_report(report: Report, path: str) -> Report:
    """A stored report, when it says what its own evidence and policy lead to. Raises InputError when it does not.

    What is displayed or decided from a file never contradicts what was measured. A report of another rule cannot be
    checked so: it is decided anew by this one, and says so in a warning.
    """
    if report.rule != RULE:
        return _decide_by_this_rule(report)
    fault = verify.find_fault(report)
    if fault is not None:
        raise InputError(fault, place=Place(path=path), hint="the file was edited: run the gate again")
    return report


def _decide_by_this_rule(report: Report) -> Report:
    """What this rule makes of the evidence of a report of another one; no sign-off holds for that."""
    gates = []
    for gate in report.gates:
        evidence = gate.evidence
        if all(criterion.name != ANSWERED for criterion in evidence.criteria) and _has_outcomes(evidence):
            implicit = Criterion(name=ANSWERED, kind="check", blocking=True, digest=digest([ANSWERED, "fail"]))
            evidence = replace(evidences.score_answers(evidence, "fail"), criteria=(*evidence.criteria, implicit))
        gates.append(policy.decide(evidence, gate.thresholds, gate.policy, gate.level_policy))
    decision, exit_code = policy.conclude(gates, report.policy_changes)
    if not report.gates:  # nothing was decided: a run that broke off keeps its exit code
        decision, exit_code = report.decision, report.exit_code
    warning = f"decided by rule {report.rule} then, and by rule {RULE} here: {report.decision} became {decision}"
    return replace(
        report,
        gates=tuple(gates),
        decision=decision,
        exit_code=exit_code,
        sign_off=None,
        rule=RULE,
        warnings=(*report.warnings, *([warning] if report.gates else [])),
    )


def _has_outcomes(evidence: Evidence) -> bool:
    return any(result.served_by or result.failure or result.outcome is not None for result in evidence.results[:1])
