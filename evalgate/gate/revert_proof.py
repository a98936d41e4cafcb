"""The PASS of a version that a change goes back to, among the stored verdicts."""

from __future__ import annotations

from dataclasses import replace

from evalgate.domain import Config, GatePlan, GateReport, Verdict
from evalgate.domain.report_criteria import list_criteria
from evalgate.errors import EvalgateError
from evalgate.gate.options import CallMode
from evalgate.store.store import Store


def add_pass(plan: GatePlan, config: Config, calls: CallMode, store: Store) -> GatePlan:
    """Return the plan of a revert with the place that its PASS is from: the pin, else a stored verdict.

    There is none for a run that is to use no earlier answer, nor for a shard.
    """
    revert = plan.revert
    if revert is None:
        return plan
    passed = (
        "" if calls.is_fresh or calls.shard is not None else revert.passed or _find_stored_pass(plan, config, store)
    )
    return replace(plan, revert=replace(revert, passed=passed))


def _find_stored_pass(plan: GatePlan, config: Config, store: Store) -> str:
    """Return the run of the last stored PASS of the candidate under the present rules; empty if there is none."""
    from evalgate.gate.reports import load_report

    found = []
    mark = plan.candidate.digest.encode("ascii")
    for path in store.list_verdicts():
        try:
            if mark not in path.read_bytes():
                continue
            report = load_report(path)
        except (OSError, EvalgateError):  # damaged: it proves nothing
            continue
        if len(report.gates) == 1 and _is_proof(report.gates[0], path.stem, plan, config):
            found.append((report.created_at, report.run_id))
    if not found:
        return ""
    created_at, run_id = max(found)
    return f"it passed in run {run_id} of {created_at}"


def _is_proof(gate: GateReport, name: str, plan: GatePlan, config: Config) -> bool:
    """Return True if a stored verdict, by the name it is stored under, is a PASS of the plan's candidate.

    The cases, thresholds and policy are those of the plan. The criteria are among those of its gate: a lower level may
    have asked no judges.
    """
    evidence = gate.evidence
    now = {criterion.name: criterion for criterion in list_criteria(plan.gate, plan.gate.judges, config.targets)}
    return (
        gate.decision is Verdict.PASS
        and (evidence.revert is None or not evidence.revert.passed)
        and evidence.verdict_key == name
        and evidence.name == plan.gate.name
        and evidence.candidate is not None
        and evidence.candidate.digest == plan.candidate.digest
        and evidence.dataset.digest == plan.dataset.digest
        and all(now.get(criterion.name) == criterion for criterion in evidence.criteria)
        and (dict(gate.thresholds), gate.policy) == (dict(plan.gate.thresholds), config.policy)
    )
