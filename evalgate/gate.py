"""The corridor: from a configuration to a report. It wires the rooms; it neither waits nor decides on its own.

What answers and decides is imported where there is something to run: most changes touch no gate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from evalgate.domain import STRICT_LEVEL, ChangeLevel, Config, Gate, GatePlan, GateReport, GoldenDataset, Level, Report
from evalgate.errors import EvalgateError, Fault, GitError, InputError, Place
from evalgate.gathering import Gathered, all_of
from evalgate.inputs import changes, golden, judged, pins, prompts, versions
from evalgate.inputs.base import Base, find_base
from evalgate.options import Options, opened
from evalgate.plan import level as levels
from evalgate.plan import serving, trials
from evalgate.plan.faults import tag_faults
from evalgate.services.commit_view import CommitView
from evalgate.workspace import Workspace, workspace_at

if TYPE_CHECKING:
    from evalgate import outlook
    from evalgate.execute.engine import Event


def run(config_path: Path, options: Options, on_event: Callable[[Event], None]) -> Report:
    """The whole gate: versions, plan, answers, scores, comparison, verdict."""
    # versions that were named are to be compared, whatever the working tree has in common with the merge base
    narrow = options.changed and options.candidate is None and options.baseline is None
    workspace = opened(config_path, options, verify=not narrow)
    selected = select(workspace, options)
    if workspace.judged is not None:
        return _judged(workspace, selected, options, on_event, narrow=narrow)
    removed = _removed(workspace, options)
    if narrow:
        args = (workspace.tree, workspace.git, workspace.config, options.default_branch)
        names = {gate.name for gate in changes.changed(selected, *args)}
        if not names:
            from evalgate import conclude

            return conclude.report_of((), removed)
        workspace = opened(config_path, options)
        selected = tuple(gate for gate in workspace.config.gates if gate.name in names)
    return decided(workspace, make_plans(workspace, selected, options), options, on_event, removed)


def _judged(
    workspace: Workspace,
    selected: Sequence[Gate],
    options: Options,
    on_event: Callable[[Event], None],
    *,
    narrow: bool,
) -> Report:
    """The verdict on a change by its base's policy; where no prompt is to be judged, on its policy changes alone."""
    change, git = workspace.judged, workspace.git
    assert change is not None and git is not None
    name = workspace.config.path
    if (change.changes or change.is_moved) and git.exists(change.sides.head, name):
        after = workspace_at(CommitView(git, change.sides.head), name)
        validate(after)  # what is merged has to be sound
        if pins.pins_path(name) in {edit.path for edit in change.changes}:
            _require_pinned(after)
    if narrow:
        selected = judged.edited_prompts(selected, change, git)
    if not selected:
        from evalgate import conclude

        return conclude.report_of((), change.remarks, change.changes)
    return decided(workspace, make_plans(workspace, selected, options), options, on_event, change.remarks)


def _require_pinned(workspace: Workspace) -> None:
    """Each pin names a release that is there: one that does not would be an error for every later change."""
    git, own = workspace.git, workspace.pins
    assert git is not None
    pinned = [gate for gate in workspace.config.gates if gate.name in own]
    all_of(pinned, lambda gate: pins.pinned_prompt(own[gate.name], [gate.prompt], git))


def decided(
    workspace: Workspace,
    plans: Sequence[GatePlan],
    options: Options,
    on_event: Callable[[Event], None],
    remarks: Sequence[str] = (),
) -> Report:
    """The verdict on plans: the stored one where the content has one, else from answers; `remarks` go to the report."""
    from evalgate import conclude, verdicts

    if any(plan.level.findings for plan in plans):
        return _not_to_be_run(plans, workspace, remarks)
    _refuse_hopeless(plans, workspace.config)
    if options.engine == "batch":
        plans = _at_once(plans)
    if options.shard is not None:
        plans = tuple(trials.part(plan, options.shard) for plan in plans)
    keys = {plan.gate.name: _verdict_key(plan, workspace.config, options) for plan in plans}
    refuse_committed(workspace, options.store)
    known = {
        plan.gate.name: verdicts.find(options.store, keys[plan.gate.name], plan, workspace.config) for plan in plans
    }
    fresh, warnings = _decide(workspace, [p for p in plans if known[p.gate.name] is None], options, on_event)
    fresh = {
        name: replace(gate, evidence=replace(gate.evidence, verdict_key=keys[name])) for name, gate in fresh.items()
    }
    decided = {name: gate for name, gate in (known | fresh).items() if gate is not None}
    edited = workspace.judged.changes if workspace.judged is not None else ()
    unkept = verdicts.unkept(plans, workspace.config)
    report = conclude.report_of([decided[plan.gate.name] for plan in plans], (*remarks, *unkept, *warnings), edited)
    report = replace(report, texts=workspace.config.texts)
    for name, gate in fresh.items():
        verdicts.keep(options.store, keys[name], gate, report)
    return report


def _not_to_be_run(plans: Sequence[GatePlan], workspace: Workspace, remarks: Sequence[str]) -> Report:
    """The verdict where version numbers are not in order: that fails whatever is answered, so nothing is asked."""
    from evalgate import conclude

    wrong = [plan for plan in plans if plan.level.findings]
    others = [plan.gate.name for plan in plans if not plan.level.findings]
    left = tuple(f'the gate "{name}" was not run: the versions have to be in order first' for name in others)
    edited = workspace.judged.changes if workspace.judged is not None else ()
    return conclude.report_of([conclude.unasked(plan, workspace.config) for plan in wrong], (*remarks, *left), edited)


def _at_once(plans: Sequence[GatePlan]) -> tuple[GatePlan, ...]:
    """The plans by batch: a look may take a day, and would save half-price calls."""
    return tuple(replace(plan, sequential=False) for plan in plans)


def _decide(
    workspace: Workspace, plans: Sequence[GatePlan], options: Options, on_event: Callable[[Event], None]
) -> tuple[dict[str, GateReport], tuple[str, ...]]:
    """The verdicts of plans by the name of their gate, and what did not work beside them."""
    if not plans:
        return {}, ()
    from evalgate import answering, evaluate

    with answering.open_engine(
        workspace.config,
        plans,
        workspace.tree,
        options.surroundings(workspace),
        answers=options.answers,
        use_cache=options.use_cache,
        on_event=on_event,
        way=options.engine,
        offline=options.offline,
        partial=options.partial,
    ) as engine:
        reports = {plan.gate.name: evaluate.decided(engine, plan, workspace.config) for plan in plans}
        engine.finish()
        return reports, engine.warnings


def _verdict_key(plan: GatePlan, config: Config, options: Options) -> str | None:
    """No key when recording: that asks for other answers on purpose, and shows them in the change itself."""
    from evalgate import verdicts

    if options.answers == "record" or options.shard is not None:
        return None
    return verdicts.key(plan, config, replayed=options.answers == "replay")


def refuse_committed(workspace: Workspace, store: Path) -> None:
    """A store that a change can bring along holds whatever answers and verdicts its author likes. Raises InputError."""
    if workspace.git is not None and workspace.git.tracks(store):
        raise InputError(
            f"{store} is under version control: whoever commits to it could commit verdicts",
            hint=f"git rm -r --cached {store}",
        )


def _refuse_hopeless(plans: Sequence[GatePlan], config: Config) -> None:
    """Says before a call is spent that a level which needs a PASS has too few cases for one. Raises InputError."""
    from evalgate import conclude

    faults = []
    for plan in plans:
        needed = conclude.cases_lacking(plan, config)
        if needed is not None:
            cases, limit = needed
            faults.append(
                Fault(
                    message=f'gate "{plan.gate.name}": a {plan.level.effective.name} change needs a proven PASS, and '
                    f"{limit}: at least {cases} are needed",
                    place=Place(path=plan.dataset.path),
                    hint="add cases, or allow a larger drop",
                )
            )
    if faults:
        raise InputError(faults=faults)


def _removed(workspace: Workspace, options: Options) -> tuple[str, ...]:
    """A sentence for each gate that a change took out of the configuration: what is not gated always passes."""
    if workspace.git is None:
        return ()
    path = workspace.config.path
    names = changes.removed_gates(workspace.tree, workspace.git, workspace.config, options.default_branch)
    return tuple(
        f'the gate "{name}" was removed from {path} since the merge base: it decides nothing' for name in names
    )


def select(workspace: Workspace, options: Options) -> tuple[Gate, ...]:
    """The gates to run, without those that a change has no prompt of.

    Raises InputError for an unknown name, or one file offered to several gates.
    """
    config = workspace.config
    names = [gate.name for gate in config.gates]
    for name in options.gates:
        if name not in names:
            raise InputError(f'no gate is named "{name}"', hint=f"the gates are: {', '.join(names)}")
    chosen = tuple(gate for gate in config.gates if not options.gates or gate.name in options.gates)
    if workspace.judged is not None:
        return tuple(gate for gate in chosen if gate.name in workspace.judged.prompts)
    for flag, value in (("--candidate", options.candidate), ("--baseline", options.baseline)):
        # a file is counted from the current folder or from the tree's root, as `versions.resolve` does
        if value is not None and len(chosen) > 1 and (Path(value).is_file() or workspace.tree.exists(value)):
            raise InputError(
                f"{flag} {value} is one file, but {len(chosen)} gates are configured", hint="add --gate NAME"
            )
    return chosen


def make_plans(workspace: Workspace, gates: Sequence[Gate], options: Options) -> tuple[GatePlan, ...]:
    """Each gate's versions, change level and trials. Raises one error with the faults of all gates."""
    base = None
    if workspace.judged is not None and workspace.git is not None:
        judged.refuse_functions(gates, workspace.config)
        base = judged.policy_base(workspace.config, workspace.git, workspace.judged.sides)
    elif workspace.git is not None:
        try:
            base = find_base(workspace.tree, workspace.git, workspace.config, options.default_branch)
        except GitError:
            base = None  # a gate that needs the merge base says so when its versions are looked for
    plans = all_of(gates, lambda gate: _make_plan(workspace, gate, options, base))
    _refuse_unknown_tags(plans, workspace)
    return plans


def _refuse_unknown_tags(plans: Sequence[GatePlan], workspace: Workspace) -> None:
    """A tag that is to protect cases and stands nowhere would protect nothing. Raises InputError."""
    config, seen = workspace.config, {plan.gate.name for plan in plans}
    datasets = [plan.dataset for plan in plans]
    others = [gate for gate in config.gates if gate.name not in seen]
    with suppress(EvalgateError):  # what is wrong with the dataset of a gate that is not run is none of this run's
        datasets += [golden.load_dataset(workspace.tree, gate.dataset) for gate in others]
    faults = list(tag_faults(datasets, config.policy, config.path, are_all=len(datasets) == len(config.gates)))
    if faults:
        raise InputError(faults=faults)


def _make_plan(workspace: Workspace, gate: Gate, options: Options, base: Base | None) -> GatePlan:
    config, tree, git = workspace.config, workspace.tree, workspace.git
    before, change = base.twin(gate) if base is not None else None, workspace.judged
    file = None if change is None else change.prompts[gate.name]
    at_tip = git if change is None or git is None else CommitView(git, change.sides.policy)
    found = versions.resolve(
        gate,
        tree,
        git,
        candidate=options.candidate,
        baseline=options.baseline,
        default_branch=options.default_branch if change is None else change.sides.policy,
        immutability=config.policy.immutability,
        base_gate_prompt=file.base if file is not None else None if before is None else before.prompt,
        at=None if change is None or file is None else (change.sides.head, file.head),
        production=partial(pins.production, gate, base, at_tip),
        is_edited=lambda commit: git is not None and changes.is_edited(gate, tree, git, config, commit),
    )
    served, notes = _served(config, gate, found, base)
    level = levels.change_level(
        found.candidate,
        found.baseline,
        policy=config.policy,
        history=found.history,
        served=served,
        edited=() if change is None else change.reason,
    )
    dataset = golden.load_dataset(tree, gate.dataset)
    arm = pins.baseline_arm(gate, found, base, at_tip, named=options.baseline or gate.baseline)
    made = _recorded(workspace, gate, dataset, baseline=arm.version is not None)
    args = (gate, found.candidate, arm.version, dataset, level, config.targets, config.policy)
    plan = made.take(partial(trials.make_plan, *args, remedy=arm.remedy))
    if plan is None or made.faults:
        raise made.error()
    why = (f"changed because: {found.reason}",) if found.reason else ()
    became = changes.since(gate, dataset, base, found.since, tree, git, config, is_judged=change is not None)
    plan = replace(plan, notes=(*arm.notes, *notes, *why), cases=became)
    if not _may_be_stored(plan, config, options):
        return plan
    from evalgate import baselines

    return _with_repeats(baselines.supplied(plan, config, options.store), config)


def _with_repeats(plan: GatePlan, config: Config) -> GatePlan:
    """The plan with more samples of the cases on which the stored baseline wavers; equal answers are not repeated."""
    if not plan.stored or config.targets[plan.gate.candidate_target].kind in ("local", "recorded"):
        return plan
    from evalgate import conclude
    from evalgate.plan.trials import with_repeats

    cases = conclude.wavering_cases(plan, config)
    return with_repeats(plan, cases, plan.gate.wavering_samples, config.targets)


def _may_be_stored(plan: GatePlan, config: Config, options: Options) -> bool:
    """Not where samples are to be drawn anew, nor where recordings are replayed: then both arms come from these."""
    asked = [plan.gate.baseline_target, *(judge.target for judge in plan.judges)]
    replayed = options.answers == "replay" and any(config.targets[name].recordings for name in asked)
    return options.use_cache and options.answers != "record" and not replayed


def _served(
    config: Config, gate: Gate, found: versions.Versions, base: Base | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Why the versions are not answered alike, and what the report has to say of it."""
    if found.baseline is None:
        return (), ()
    reasons = serving.between_arms(gate, found.candidate, found.baseline, config.targets)
    before = base.twin(gate) if base is not None and base.edited else None
    if base is None or base.config is None or before is None:
        return reasons, ()
    edited, notes = serving.since(
        before, gate, found.candidate, found.baseline, then=base.config.targets, now=config.targets, path=config.path
    )
    return (*reasons, *edited), notes


def validate(workspace: Workspace) -> tuple[GatePlan, ...]:
    """Every gate's prompt, dataset and recorded outputs against its criteria, as the strictest level would use them.

    No model, no network, no git. Raises one error with all faults of all gates.
    """
    config, tree = workspace.config, workspace.tree
    everything = replace(config.policy, levels=dict.fromkeys(Level, STRICT_LEVEL))
    strictest = ChangeLevel(declared=None, minimum=Level.MAJOR, effective=Level.MAJOR)

    def checked(gate: Gate) -> GatePlan:
        read = Gathered()
        candidate = read.take(partial(prompts.load_prompt, tree, gate.prompt))
        baseline = read.take(partial(prompts.load_prompt, tree, gate.baseline)) if gate.baseline is not None else None
        dataset = read.take(partial(golden.load_dataset, tree, gate.dataset))
        read.faults += _recorded(workspace, gate, dataset).faults
        plan = None
        if candidate is not None and dataset is not None:
            args = (gate, candidate, baseline, dataset, strictest, config.targets, everything)
            plan = read.take(partial(trials.make_plan, *args))
        if plan is None or read.faults:
            raise read.error()
        return plan

    plans = all_of(config.gates, checked)
    _refuse_unknown_tags(plans, workspace)
    return plans


def _recorded(workspace: Workspace, gate: Gate, dataset: GoldenDataset | None, *, baseline: bool = True) -> Gathered:
    """The faults of the recorded outputs a gate uses: each file is read, and answers every case of the dataset."""
    read = Gathered()
    roles = ((gate.candidate_target, gate.candidate_samples), (gate.baseline_target, gate.baseline_samples))
    for name, samples in roles if baseline else roles[:1]:
        target = workspace.config.targets[name]
        if target.kind == "recorded":
            read.take(partial(golden.require_outputs, workspace.tree, target.location, dataset, samples))
    return read


def estimate(config_path: Path, options: Options) -> tuple[outlook.Outlook, ...]:
    """What a run would take and could decide, gate by gate; nothing is called. A batch is cheaper, and has no looks."""
    from evalgate import answering, outlook

    workspace = opened(config_path, options)
    config = workspace.config
    plans = make_plans(workspace, select(workspace, options), options)
    answering.require_use(options.engine, config, plans, answers=options.answers)
    if options.engine == "batch":
        plans, config = _at_once(plans), answering.in_batches(config)
    around = options.surroundings(workspace)
    with answering.known_answers(config, plans, workspace.tree, around) as known:
        return tuple(outlook.look_ahead(plan, config, options.store, known) for plan in plans)
