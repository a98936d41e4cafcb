"""What a run read outside of the repository, read again at its end: a verdict is on what a name still has."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from evalgate.change.workspace import Workspace
from evalgate.decide import policy
from evalgate.domain import GatePlan, GateReport, Report, combine_admissions
from evalgate.inputs.langfuse_tree import find_langfuse_tree


def find_moved(workspace: Workspace, paths: Collection[str] | None = None) -> dict[str, str]:
    """Return a sentence for each name in Langfuse, or each of `paths`, that has another content than was read.

    Nothing is requested where nothing was read. Raises ServiceError.
    """
    tree = find_langfuse_tree(workspace.tree)
    return {} if tree is None else tree.list_moved(paths)


def add_moved(report: Report, workspace: Workspace, plans: Sequence[GatePlan]) -> Report:
    """Return a report whose gates are inconclusive where a label or a dataset of theirs moved during the run.

    A stored verdict of the same contents stays stored: it names the content, not the label.
    """
    moved = find_moved(workspace)
    if not moved:
        return report
    used = {plan.gate.name: _list_used(plan) for plan in plans}
    gates = tuple(
        _decide(gate, [moved[path] for path in moved if path in used[gate.evidence.name]]) for gate in report.gates
    )
    decision, code = policy.conclude(gates, report.policy_changes)
    return replace(report, gates=gates, decision=decision, exit_code=combine_admissions([report.exit_code, code]))


def _list_used(plan: GatePlan) -> set[str]:
    versions = (plan.candidate, plan.baseline)
    return {plan.dataset.path, *(version.path for version in versions if version is not None)}


def _decide(gate: GateReport, moved: Sequence[str]) -> GateReport:
    if not moved:
        return gate
    evidence = replace(gate.evidence, moved=tuple(moved))
    return policy.decide(evidence, gate.thresholds, gate.policy, gate.level_policy)
