"""The PASS of a version that a change goes back to, among the stored verdicts."""

from __future__ import annotations

from dataclasses import replace

from evalgate.domain import Config, GatePlan, GateReport, ReportKind, Verdict
from evalgate.domain.report_criteria import list_criteria
from evalgate.errors import EvalgateError
from evalgate.gate.options import CallMode
from evalgate.store.store import Store


def add_pass(plan: GatePlan, config: Config, calls: CallMode, store: Store) -> GatePlan:
    """Return the plan of a revert with the place that its PASS is from: the pin, else a stored verdict.

    There is none for a run that is to use no earlier answer, nor for a part of the cases.
    """
    revert = plan.revert
    if revert is None:
        return plan
    passed = ""
    if not (calls.is_fresh or calls.is_part):
        from evalgate.gate import adapted_targets

        replayed = calls.answers == "replay"
        known = adapted_targets.add_known_to_config(config, store, replayed=replayed)
        passed = revert.passed or _find_stored_pass(plan, known, store)
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

    Who answered, how often, the cases, thresholds and policy are those of the plan. The criteria are among those of its
    gate, and all by which the plan decides are there: a lower level may have asked no judges. The baseline, its lost
    cases and the level may differ: they belong to the change that brought the version.
    """
    from evalgate.gate import adapted_targets

    evidence = gate.evidence
    now = {one.name: one for one in list_criteria(plan.gate, plan.gate.judges, config.targets, plan.dataset)}
    then = {criterion.name: criterion for criterion in evidence.criteria}
    return (
        gate.decision is Verdict.PASS
        and evidence.kind is ReportKind.GATE
        and (evidence.revert is None or not evidence.revert.passed)
        and evidence.verdict_key == name
        and evidence.name == plan.gate.name
        and evidence.candidate is not None
        and evidence.candidate.digest == plan.candidate.digest
        and evidence.answering == adapted_targets.digest_answering(plan, config.targets)
        and evidence.dataset.digest == plan.dataset.digest
        and evidence.clusters == {case.id: case.cluster for case in plan.dataset.cases if case.cluster is not None}
        and all(now.get(name) == criterion for name, criterion in then.items())
        and _list_deciding(plan, config) <= then.keys()
        and (dict(gate.thresholds), gate.policy) == (dict(plan.gate.thresholds), config.policy)
    )


def _list_deciding(plan: GatePlan, config: Config) -> set[str]:
    """Return the names of the criteria by which a run of the plan decides, at its level."""
    from evalgate.decide.roles import assign_roles

    asked = list_criteria(plan.gate, plan.judges, config.targets)
    roles = assign_roles(asked, plan.gate.thresholds, config.policy, with_baseline=plan.baseline is not None)
    return {*roles.compared, *roles.blocking, *roles.floors, *roles.judges}
