"""Make the plans of a run: each gate's versions, change level, dataset and trials."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from evalgate.change import versions
from evalgate.change.gate_change import compare_gate, compare_gate_cases, find_workspace_base
from evalgate.change.merge_base import Base
from evalgate.change.workspace import PullRequest, Workspace
from evalgate.domain import Config, Gate, GatePlan, GoldenDataset
from evalgate.errors import EvalgateError, FaultCollector, InputError, make_all
from evalgate.gate.options import Options
from evalgate.inputs import datasets
from evalgate.plan import gate_plan, target_changes
from evalgate.plan import level as levels
from evalgate.plan.faults import find_tag_faults


def select_gates(workspace: Workspace, options: Options) -> tuple[Gate, ...]:
    """Return the gates to run, without gates of which a pull request has no prompt.

    Raises InputError for an unknown name, or if one file is given as the version of several gates.
    """
    config = workspace.config
    names = [gate.name for gate in config.gates]
    for name in options.gates:
        if name not in names:
            raise InputError(f'no gate is named "{name}"', hint=f"the gates are: {', '.join(names)}")
    chosen = tuple(gate for gate in config.gates if not options.gates or gate.name in options.gates)
    if isinstance(workspace, PullRequest):
        return tuple(gate for gate in chosen if gate.name in workspace.change.prompts)
    for flag, value in (("--candidate", options.candidate), ("--baseline", options.baseline)):
        # a file is relative to the current folder or to the tree's root, as in `versions.resolve`
        if value is not None and len(chosen) > 1 and (Path(value).is_file() or workspace.tree.exists(value)):
            raise InputError(
                f"{flag} {value} is one file, but {len(chosen)} gates are configured", hint="add --gate NAME"
            )
    return chosen


def make_plans(workspace: Workspace, gates: Sequence[Gate], options: Options) -> tuple[GatePlan, ...]:
    """Make the plan of each gate: versions, change level and trials. Raises one error with the faults of all gates."""
    base = find_workspace_base(workspace, gates, options.default_branch)
    plans = make_all(gates, lambda gate: _make_plan(workspace, gate, options, base))
    refuse_unknown_tags(plans, workspace)
    return plans


def refuse_unknown_tags(plans: Sequence[GatePlan], workspace: Workspace) -> None:
    """Raise InputError for a configured tag that no case has: it is supposed to protect cases but protects none."""
    config, seen = workspace.config, {plan.gate.name for plan in plans}
    known = [plan.dataset for plan in plans]
    others = [gate for gate in config.gates if gate.name not in seen]
    with suppress(EvalgateError):  # faults in the dataset of a gate that is not run do not affect this run
        known += [datasets.load_dataset(workspace.tree, gate.dataset) for gate in others]
    faults = list(find_tag_faults(known, config.policy, config.path, are_all=len(known) == len(config.gates)))
    if faults:
        raise InputError(faults=faults)


def _make_plan(workspace: Workspace, gate: Gate, options: Options, base: Base | None) -> GatePlan:
    config, tree = workspace.config, workspace.tree
    change = compare_gate(
        workspace,
        gate,
        base,
        candidate=options.candidate,
        baseline=options.baseline,
        default_branch=options.default_branch,
    )
    found, arm = change.versions, change.arm
    served, notes = _compare_targets(config, gate, found, base)
    level = levels.decide_level(
        found.candidate,
        found.baseline,
        policy=config.policy,
        history=found.history,
        served=served,
        edited=change.reasons,
    )
    dataset = datasets.load_dataset(tree, gate.dataset)
    made = collect_recorded_faults(workspace, gate, dataset, baseline=arm.version is not None)
    args = (gate, found.candidate, arm.version, dataset, level, config.targets, config.policy)
    plan = made.take(partial(gate_plan.make_plan, *args, remedy=arm.remedy))
    if plan is None or made.faults:
        raise made.error()
    why = (f"changed because: {found.reason}",) if found.reason else ()
    became = compare_gate_cases(workspace, gate, dataset, base, found.since)
    plan = replace(plan, notes=(*arm.notes, *notes, *why), cases=became)
    if not _may_be_stored(plan, config, options):
        return plan
    from evalgate.gate import stored_samples

    return _add_repeats(stored_samples.add_stored_samples(plan, config, options.store), config)


def _add_repeats(plan: GatePlan, config: Config) -> GatePlan:
    """Add samples of the cases on which the stored baseline varies; deterministic targets need none."""
    if not plan.stored or config.targets[plan.gate.candidate_target].kind in ("local", "recorded"):
        return plan
    from evalgate.plan.gate_plan import add_repeats

    cases = _find_wavering_cases(plan, config)
    return add_repeats(plan, cases, plan.gate.wavering_samples, config.targets)


def _may_be_stored(plan: GatePlan, config: Config, options: Options) -> bool:
    """Return True if stored samples may be used: not if samples must be fresh, nor if recordings are replayed."""
    asked = [plan.gate.baseline_target, *(judge.target for judge in plan.judges)]
    replayed = options.answers == "replay" and any(config.targets[name].recordings for name in asked)
    return options.use_cache and options.answers != "record" and not replayed


def _compare_targets(
    config: Config, gate: Gate, found: versions.Versions, base: Base | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the reasons why the two versions run on different targets or settings, and notes for the report."""
    if found.baseline is None:
        return (), ()
    reasons = target_changes.compare_arms(gate, found.candidate, found.baseline, config.targets)
    before = base.gate_at_base(gate) if base is not None and base.edited else None
    if base is None or base.config is None or before is None:
        return reasons, ()
    edited, notes = target_changes.compare_targets(
        before, gate, found.candidate, found.baseline, then=base.config.targets, now=config.targets, path=config.path
    )
    return (*reasons, *edited), notes


def collect_recorded_faults(
    workspace: Workspace, gate: Gate, dataset: GoldenDataset | None, *, baseline: bool = True
) -> FaultCollector:
    """Collect the faults of the recorded outputs that a gate uses; each file must have an output for every case."""
    read = FaultCollector()
    roles = ((gate.candidate_target, gate.candidate_samples), (gate.baseline_target, gate.baseline_samples))
    for name, samples in roles if baseline else roles[:1]:
        target = workspace.config.targets[name]
        if target.kind == "recorded":
            read.take(partial(datasets.require_outputs, workspace.tree, target.location, dataset, samples))
    return read


def _find_wavering_cases(plan: GatePlan, config: Config) -> tuple[str, ...]:
    """Return the cases of which the candidate draws several samples, because the stored baseline varies on them."""
    from evalgate.decide import evidence as evidences
    from evalgate.decide import wavering
    from evalgate.decide.roles import assign_roles

    evidence = evidences.make_evidence(plan, config.targets)
    roles = assign_roles(
        evidence.criteria, plan.gate.thresholds, config.policy, with_baseline=plan.baseline is not None
    )
    return wavering.find_wavering_cases(plan.stored, plan.order, roles.compared)
