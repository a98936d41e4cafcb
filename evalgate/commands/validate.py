"""`validate`: find all faults of configuration, prompts, datasets and recorded outputs, without a call."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from evalgate.change.workspace import Workspace
from evalgate.domain import STRICT_LEVEL, ChangeLevel, Gate, GatePlan, Level
from evalgate.errors import FaultCollector, make_all
from evalgate.gate.plans import collect_recorded_faults, refuse_unknown_tags
from evalgate.inputs import datasets, prompts
from evalgate.plan import gate_plan


def validate(workspace: Workspace) -> tuple[GatePlan, ...]:
    """Check every gate's prompt, dataset and recorded outputs against its criteria, at the strictest change level.

    Uses no model, no network and no git. Raises one error with all faults of all gates.
    """
    config, tree = workspace.config, workspace.tree
    everything = replace(config.policy, levels=dict.fromkeys(Level, STRICT_LEVEL))
    strictest = ChangeLevel(declared=None, minimum=Level.MAJOR, effective=Level.MAJOR)

    def validate_gate(gate: Gate) -> GatePlan:
        read = FaultCollector()
        candidate = read.take(partial(prompts.load_prompt, tree, gate.prompt))
        baseline = read.take(partial(prompts.load_prompt, tree, gate.baseline)) if gate.baseline is not None else None
        dataset = read.take(partial(datasets.load_dataset, tree, gate.dataset, gate.columns))
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
