"""Make the plans of a run: each gate's versions, change level, dataset and trials."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path

from evalgate.change import reverts, versions
from evalgate.change.gate_change import compare_gate, compare_gate_cases, find_workspace_base
from evalgate.change.merge_base import Base
from evalgate.change.pins import Pin
from evalgate.change.production import BaselineArm
from evalgate.change.workspace import PullRequest, Workspace
from evalgate.domain import (
    BECAUSE,
    Case,
    Check,
    Config,
    Gate,
    GatePlan,
    GoldenDataset,
    PromptVersion,
    Revert,
    applies,
    as_text,
)
from evalgate.domain.field_paths import dig
from evalgate.domain.langfuse_reference import is_langfuse
from evalgate.domain.numbers import show_count
from evalgate.domain.placeholders import describe_placeholders
from evalgate.errors import (
    EvalgateError,
    Fault,
    FaultCollector,
    InputError,
    MissingSecretError,
    NothingToCompareError,
    Place,
    make_all,
)
from evalgate.gate import released
from evalgate.gate.function_changes import describe_edited_functions
from evalgate.gate.included_files import find_measuring_includes
from evalgate.gate.list_pricing import add_price_notes, require_prices
from evalgate.gate.options import CallMode, Selection
from evalgate.gate.revert_proof import add_pass
from evalgate.inputs import case_images, datasets, recorded_outputs
from evalgate.inputs.langfuse_names import find_gates, parse_option
from evalgate.inputs.schema_keywords import find_written_fault
from evalgate.inputs.tree import Tree
from evalgate.plan import gate_plan, target_changes
from evalgate.plan import level as levels
from evalgate.plan.faults import find_tag_faults
from evalgate.plan.given_answers import describe_given_fields
from evalgate.plan.prompt_notes import describe_unasked, describe_unsent
from evalgate.score import case_options
from evalgate.store.store import Store


def select_gates(workspace: Workspace, selection: Selection) -> tuple[Gate, ...]:
    """Return the gates to run, without those that a change has no prompt of.

    A candidate in Langfuse without a named gate is that of the gates of this prompt.

    Raises InputError for an unknown name, or if one file is given as the version of several gates.
    """
    config = workspace.config
    names = [gate.name for gate in config.gates]
    for name in selection.gates:
        if name not in names:
            raise InputError(f'no gate is named "{name}"', hint=f"the gates are: {', '.join(names)}")
    chosen = tuple(gate for gate in config.gates if not selection.gates or gate.name in selection.gates)
    if isinstance(workspace, PullRequest):
        return tuple(gate for gate in chosen if gate.name in workspace.change.prompts)
    if selection.candidate is not None and is_langfuse(selection.candidate) and not selection.gates:
        chosen = find_gates(config, parse_option(selection.candidate, "--candidate").name) or chosen
    for flag, value in (("--candidate", selection.candidate), ("--baseline", selection.baseline)):
        # a file is counted from the current folder or from the tree's root, as `versions.resolve` does
        if value is None or len(chosen) == 1:
            continue
        if is_langfuse(value) or Path(value).is_file() or workspace.tree.exists(value):
            what = "prompt" if is_langfuse(value) else "file"
            raise InputError(
                f"{flag} {value} is one {what}, but {len(chosen)} gates are configured", hint="add --gate NAME"
            )
    return chosen


def make_plans(
    workspace: Workspace, gates: Sequence[Gate], selection: Selection, calls: CallMode, store: Store
) -> tuple[GatePlan, ...]:
    """Make each gate's versions, change level and trials. Raises one error with the faults of all gates."""
    base = find_workspace_base(workspace, gates, selection.default_branch)
    # a registry that the change itself configures takes effect once it is merged
    rules = workspace.config if base is None or base.config is None else base.config
    change = workspace if isinstance(workspace, PullRequest) else None
    finder = released.make_finder(rules, workspace.folder, store, copies=calls.release_copies, change=change)
    plans = tuple(
        add_price_notes(
            _add_samples(add_pass(plan, workspace.config, calls, store), workspace.config, calls, store),
            workspace.config,
            is_replayed=calls.answers == "replay",
        )
        for plan in _make_all_plans(workspace, gates, selection, base, finder)
    )
    refuse_unknown_tags(plans, workspace)
    require_prices(plans, workspace.config)
    return plans


def require_variables(config: Config, gates: Sequence[Gate]) -> None:
    """Raise MissingSecretError if a target of these gates has a variable in its URL or model that is not set."""
    named = [name for gate in gates for name in (gate.candidate_target, gate.baseline_target)]
    named += [judge.target for gate in gates for judge in gate.judges]
    named += [gate.similarity.target for gate in gates if gate.similarity is not None]
    faults = [variable.fault for name in dict.fromkeys(named) for variable in config.targets[name].unset]
    if faults:
        raise MissingSecretError(faults=faults)


def _make_all_plans(
    workspace: Workspace,
    gates: Sequence[Gate],
    selection: Selection,
    base: Base | None,
    finder: Callable[[str], Pin | None] | None,
) -> tuple[GatePlan, ...]:
    """Return the plans in order. A gate whose prompt was never different does not stop the others."""
    without: set[str] = set()
    named = selection.candidate is not None or selection.baseline is not None
    back = {} if named else reverts.find_reverts(workspace, gates, selection.default_branch)

    def make(gate: Gate) -> GatePlan | None:
        try:
            return _make_plan(workspace, gate, selection, base, finder, revert=back.get(gate.name))
        except NothingToCompareError:
            without.add(gate.name)
            return None

    plans = {plan.gate.name: plan for plan in make_all(gates, make) if plan is not None}
    left = [gate for gate in gates if gate.name in without]
    is_beside = bool(plans) or selection.first
    beside = make_all(left, lambda gate: _make_plan(workspace, gate, selection, base, finder, is_beside=is_beside))
    plans |= {plan.gate.name: plan for plan in beside}
    return tuple(plans[gate.name] for gate in gates)


def refuse_unknown_tags(plans: Sequence[GatePlan], workspace: Workspace) -> None:
    """Raise InputError for a configured tag that no case has: it is supposed to protect cases but protects none."""
    config, seen = workspace.config, {plan.gate.name for plan in plans}
    known = [plan.dataset for plan in plans]
    others = [gate for gate in config.gates if gate.name not in seen]
    with suppress(EvalgateError):  # faults in the dataset of a gate that is not run do not affect this run
        known += [datasets.load_dataset(workspace.tree, gate.dataset, gate.columns) for gate in others]
    faults = list(find_tag_faults(known, config.policy, config.path, are_all=len(known) == len(config.gates)))
    if faults:
        raise InputError(faults=faults)


def _make_plan(
    workspace: Workspace,
    gate: Gate,
    selection: Selection,
    base: Base | None,
    finder: Callable[[str], Pin | None] | None,
    *,
    is_beside: bool = False,
    revert: Revert | None = None,
) -> GatePlan:
    config, tree = workspace.config, workspace.tree
    change = compare_gate(
        workspace,
        gate,
        base,
        candidate=selection.candidate,
        baseline=selection.baseline,
        default_branch=selection.default_branch,
        is_beside=is_beside,
        revert=None if gate.baseline is not None else revert,
        released=finder,
    )
    found, arm = change.versions, change.arm
    served, notes = _compare_targets(config, gate, found, base)
    notes += change.notes
    if found.baseline is not None:
        notes += target_changes.describe_unmeasured(gate, found.candidate, found.baseline, config.targets)
    if not isinstance(workspace, PullRequest):  # which is answered by the code of the base
        notes += tuple(describe_edited_functions(gate, config, base))
    moved = () if served else _compare_published(config, gate, found, arm)
    goes_back = change.revert if not (served or moved) else None
    dataset = load_cases(tree, gate, [found.candidate, *([] if arm.version is None else [arm.version])], config)
    became = compare_gate_cases(workspace, gate, dataset, base, found.since)
    sent = _compare_fields(gate, found, base) if became.edited else ()
    notes += tuple(f"{why}: both arms were asked with the present fields" for why in sent)
    level = levels.decide_level(
        found.candidate,
        found.baseline,
        policy=config.policy,
        history=found.history,
        served=served,
        edited=(*change.reasons, *moved),
        sent=sent,
        reverts=goes_back is not None and goes_back.version == found.candidate.version,
        published=arm.find_published_number(found.baseline),
    )
    made = collect_recorded_faults(workspace, gate, dataset, baseline=arm.version is not None)
    args = (gate, found.candidate, arm.version, dataset, level, config.targets, config.policy)
    plan = made.take(partial(gate_plan.make_plan, *args, remedy=arm.remedy))
    made.faults += find_option_faults(gate, dataset)
    made.faults += find_measuring_includes(found.candidate, config, tree, selection.candidate)
    if plan is None or made.faults:
        raise made.error()
    why = (f"{BECAUSE}{found.reason}",) if found.reason else ()
    notes += (*describe_unsent(found.candidate, found.baseline), *describe_placeholders(dataset, found.candidate))
    notes += describe_given_fields(gate, found.candidate, arm.version)
    notes += describe_unasked(gate, config.policy, level.effective)
    similarity = gate.similarity_at(config.policy.levels[level.effective])
    notes = (*arm.notes, *notes, *why)
    return replace(plan, notes=notes, cases=became, revert=goes_back, similarity=similarity)


def find_option_faults(gate: Gate, dataset: GoldenDataset) -> list[Fault]:
    """Return a fault for each check that cannot use the values of a case's fields; the place is the first such case."""
    faults = []
    for check in gate.checks:
        if not any(each.from_case for each in check.nested):
            continue
        chosen = [case for case in dataset.cases if applies(check, case)]
        wrong = list(case_options.find_faults(check, iter(chosen))) or list(_find_idle_schemas(check, chosen))
        if wrong:
            case, why = wrong[0]
            more = f", and {show_count(len(wrong) - 1, 'more case')}" if len(wrong) > 1 else ""
            place = Place(path=dataset.path, line=case.line)
            faults.append(
                Fault(message=f"the check {check.name} cannot be used for case {case.id}{more}: {why}", place=place)
            )
    return faults


def _find_idle_schemas(check: Check, cases: Iterable[Case]) -> Iterator[tuple[Case, str]]:
    """Yield the cases with a JSON Schema for the check of which a part asks nothing, each with the reason."""
    fields = [each.from_case["schema"] for each in check.nested if "schema" in each.from_case]
    for case, field in product(cases, fields):
        with suppress(LookupError):  # another fault names a field that is missing
            fault = find_written_fault(as_text(dig(case.fields, field)))
            if fault is not None:
                yield case, f'the field "{field}": {fault.message}{f"; {fault.hint}" if fault.hint else ""}'


def load_cases(tree: Tree, gate: Gate, versions: Sequence[PromptVersion], config: Config) -> GoldenDataset:
    """Load a gate's dataset with the images of its requests. Recorded outputs have no requests."""
    dataset = datasets.load_dataset(tree, gate.dataset, gate.columns)
    if config.targets[gate.candidate_target].kind == config.targets[gate.baseline_target].kind == "recorded":
        return dataset
    return case_images.load_images(tree, dataset, versions)


def _add_samples(plan: GatePlan, config: Config, calls: CallMode, store: Store) -> GatePlan:
    """Return the plan with the stored samples of its baseline, where they may be used."""
    if not _may_be_stored(plan, config, calls):
        return plan
    from evalgate.gate import stored_samples

    return _add_repeats(stored_samples.add_stored_samples(plan, config, store), config)


def _add_repeats(plan: GatePlan, config: Config) -> GatePlan:
    """Add samples of the cases on which the stored baseline varies; deterministic targets need none."""
    if not plan.stored or config.targets[plan.gate.candidate_target].kind in ("local", "recorded"):
        return plan
    from evalgate.plan.gate_plan import add_repeats

    cases = _find_wavering_cases(plan, config)
    return add_repeats(plan, cases, plan.gate.wavering_samples, config.targets)


def _may_be_stored(plan: GatePlan, config: Config, calls: CallMode) -> bool:
    """Not where samples are to be drawn anew, nor where recordings are replayed: then both arms come from these."""
    asked = [plan.gate.baseline_target, *(judge.target for judge in plan.judges)]
    replayed = calls.answers == "replay" and any(config.targets[name].recordings for name in asked)
    return calls.use_cache and calls.answers != "record" and not replayed


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


def _compare_published(config: Config, gate: Gate, found: versions.Versions, arm: BaselineArm) -> tuple[str, ...]:
    """Return the reason for the level if the version in production was published with another model or parameters.

    An edit of the targets may have been merged before, without a version of its own: the next version brings it.
    """
    pin = arm.pin
    if pin is None or pin.registry is None:
        return ()
    version = next(
        (one for one in (arm.version, found.candidate) if one is not None and one.digest == pin.digest), None
    )
    if version is None:
        return ()
    target = config.targets[gate.candidate_target]
    changed = target_changes.compare_published(target, version, pin.model, pin.parameters)
    what = f'target "{target.name}": {", ".join(changed)} since {pin.version}, which is in production, was published'
    return (what,) if changed else ()


def _compare_fields(gate: Gate, found: versions.Versions, base: Base | None) -> tuple[str, ...]:
    """Return the reason for the level if other columns of the dataset are sent than at the merge base."""
    before = None if base is None else base.gate_at_base(gate)
    if before is None or before.columns == gate.columns:
        return ()
    asked = [version for version in (found.candidate, found.baseline) if version is not None]
    sent = {name for version in asked for name in version.variables}
    edited = {n for n in {*before.columns, *gate.columns} if before.columns.get(n) != gate.columns.get(n)}
    names = ", ".join(sorted(edited & sent))
    return (f"the columns of {names} changed in the gate's `fields`",) if names else ()


def collect_recorded_faults(
    workspace: Workspace, gate: Gate, dataset: GoldenDataset | None, *, baseline: bool = True
) -> FaultCollector:
    """Collect the faults of the recorded outputs that a gate uses; each file must have an output for every case."""
    read = FaultCollector()
    roles = ((gate.candidate_target, gate.candidate_samples), (gate.baseline_target, gate.baseline_samples))
    for name, samples in roles if baseline else roles[:1]:
        target = workspace.config.targets[name]
        if target.kind == "recorded":
            read.take(partial(recorded_outputs.require_outputs, workspace.tree, target.location, dataset, samples))
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
