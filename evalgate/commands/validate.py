"""`validate`: find all faults of configuration, prompts, datasets and recorded outputs, without a call."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial

from evalgate.change.merge_base import find_base_commit, find_unchanged
from evalgate.change.workspace import Workspace
from evalgate.domain import STRICT_LEVEL, ChangeLevel, Gate, GatePlan, Level
from evalgate.errors import EvalgateError, FaultCollector, make_all
from evalgate.gate.options import CallMode, Selection
from evalgate.gate.plans import collect_recorded_faults, load_cases, make_plans, refuse_unknown_tags, require_variables
from evalgate.inputs import prompts
from evalgate.plan import gate_plan
from evalgate.store.store import Store


def validate(workspace: Workspace) -> tuple[GatePlan, ...]:
    """Check every gate's prompt, dataset and recorded outputs against its criteria, at the strictest change level.

    Uses no model, no network and no git. Raises one error with all faults of all gates.
    """
    config, tree = workspace.config, workspace.tree
    everything = replace(config.policy, levels=dict.fromkeys(Level, STRICT_LEVEL))
    strictest = ChangeLevel(declared=None, minimum=Level.MAJOR, effective=Level.MAJOR)

    def validate_gate(gate: Gate) -> GatePlan:
        read = FaultCollector()
        read.take(partial(require_variables, config, [gate]))
        candidate = read.take(partial(prompts.load_prompt, tree, gate.prompt))
        baseline = read.take(partial(prompts.load_prompt, tree, gate.baseline)) if gate.baseline is not None else None
        versions = [version for version in (candidate, baseline) if version is not None]
        dataset = read.take(partial(load_cases, tree, gate, versions, config))
        read.faults += collect_recorded_faults(workspace, gate, dataset).faults
        plan = None
        if candidate is not None and dataset is not None:
            args = (gate, candidate, baseline, dataset, strictest, config.targets, everything)
            plan = read.take(partial(gate_plan.make_plan, *args))
        if plan is None or read.faults:
            raise read.error()
        return plan

    plans = make_all(config.gates, validate_gate)
    refuse_unknown_tags(plans, workspace)
    return plans


def find_version_faults(workspace: Workspace, default_branch: str | None, store: Store) -> tuple[tuple[str, str], ...]:
    """Return the faults in the version numbers of changed prompts, as pairs of gate name and sentence, without a call.

    If the baseline cannot be determined (no repository, a clone without history), there are no faults.
    """
    selection = Selection(default_branch=default_branch)
    found: list[tuple[str, str]] = []
    for chosen in workspace.config.gates:
        with suppress(EvalgateError):
            if not _is_edited(workspace, chosen.prompt, default_branch):
                continue
            (plan,) = make_plans(workspace, [chosen], selection, CallMode(), store)
            found += [(chosen.name, finding.sentence) for finding in plan.level.findings]
    return tuple(found)


def _is_edited(workspace: Workspace, path: str, default_branch: str | None) -> bool:
    """Return whether a file differs from the merge base; False where there is no merge base."""
    git = workspace.git
    base = None if git is None else find_base_commit(git, default_branch)
    return git is not None and base is not None and path not in find_unchanged([path], workspace.tree, git, base)
