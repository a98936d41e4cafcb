"""Make, stamp and verify reports: of decided gates, of an error, and those read from a file."""

from __future__ import annotations

import datetime
import io
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
from evalgate.services.user_files import open_user_file

_ENDED_EARLY = frozenset(admission for admission in Admission if not admission.was_evaluated)


def make_report(
    gates: Sequence[GateReport], warnings: Sequence[str] = (), policy_changes: Sequence[PolicyChange] = ()
) -> Report:
    """Make a new report of these gates, stamped with the current time; without gates it is a PASS.

    If the policy is edited, a PASS requires a sign-off, with or without gates.
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
    """Make the report of a run that ended before any verdict: faults become warnings, the exit code is the error's."""
    return Report(
        run_id=uuid.uuid4().hex[:12],
        created_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        tool_version=evalgate.__version__,
        decision=Verdict.INCONCLUSIVE,
        exit_code=Admission(error.exit_code),
        gates=(),
        warnings=tuple(str(fault) for fault in error.faults),
    )


def report_without_calls(plan: GatePlan, config: Config) -> GateReport:
    """Make the report of a gate for which no call was made."""
    evidence = evidences.make_evidence(plan, config.targets, cost_usd=0.0)
    return policy.decide_at_level(evidence, plan.gate.thresholds, config.policy)


def load_report(path: Path) -> Report:
    """Load and verify the report in a file. Raises InputError if it is missing or invalid."""
    from evalgate.store import results

    try:
        with io.TextIOWrapper(open_user_file(path), encoding="utf-8-sig") as file:
            report = results.read(file, str(path))
    except FileNotFoundError:
        raise InputError(
            f"{path}: there is no such report", hint="`evalgate run --output report.json` writes one"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    return verify_report(report, str(path))


def verify_report(report: Report, path: str) -> Report:
    """Return a stored report if its verdict follows from its own evidence and policy; else raise InputError.

    So a displayed verdict never contradicts the measurements. Sentences that are worded in another way are replaced by
    those of this version. A report of another version of the decision rule cannot be checked this way: it is decided
    again by the current rule, and a warning says so.
    """
    if report.rule != RULE:
        return _decide_by_this_rule(report)
    fault = verify.find_fault(report)
    if fault is not None:  # an earlier version of evalgate may have worded its findings in another way
        updated = verify.update_sentences(report)
        if verify.find_fault(updated) is None:
            return updated
        raise _explain_refused(report, fault, path)
    return report


def _explain_refused(report: Report, fault: str, path: str) -> InputError:
    if report.gates or report.exit_code not in _ENDED_EARLY or report.decision is not Verdict.INCONCLUSIVE:
        return InputError(fault, place=Place(path=path), hint="the file was edited: run the gate again")
    why = f": {report.warnings[0]}" if report.warnings else ""
    message = f"the report is of a run that ended before any verdict, with exit code {int(report.exit_code)}{why}"
    return InputError(message, place=Place(path=path), hint="run the gate again once the cause is mended")


def _decide_by_this_rule(report: Report) -> Report:
    """Decide the evidence of a report of another rule by the current one; its sign-off is dropped."""
    gates = []
    for gate in report.gates:
        evidence = gate.evidence
        if all(criterion.name != ANSWERED for criterion in evidence.criteria) and _has_outcomes(evidence):
            implicit = Criterion(name=ANSWERED, kind="check", blocking=True, digest=digest([ANSWERED, "fail"]))
            evidence = replace(evidences.score_answers(evidence, "fail"), criteria=(*evidence.criteria, implicit))
        gates.append(policy.decide(evidence, gate.thresholds, gate.policy, gate.level_policy))
    decision, exit_code = policy.conclude(gates, report.policy_changes)
    if not report.gates:  # nothing was decided: a run that ended early keeps its exit code
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
