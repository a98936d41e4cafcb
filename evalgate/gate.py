"""The corridor: from a configuration to a report. It wires the rooms; it neither waits nor decides on its own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from evalgate import answering, conclude
from evalgate.domain import (
    STRICT_LEVEL,
    ChangeLevel,
    Check,
    Config,
    Failure,
    Gate,
    GatePlan,
    GoldenDataset,
    Judge,
    Level,
    Outcome,
    Output,
    Report,
    Request,
    Result,
    Score,
    Scored,
    Target,
    Trial,
    Unscored,
)
from evalgate.errors import EvalgateError, Fault, GitError, InputError
from evalgate.execute.elsewhere import EngineName
from evalgate.execute.engine import Event
from evalgate.inputs import changes, golden, prompts, versions
from evalgate.inputs.base import Base, find_base
from evalgate.inputs.config import load_config
from evalgate.inputs.tree import WorkTree
from evalgate.plan import estimate as estimates
from evalgate.plan import level as levels
from evalgate.plan import serving, trials
from evalgate.plan.estimate import CallEstimate
from evalgate.score import checks, judges
from evalgate.services.git import Git

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a door asks of a run, besides the configuration.

    `candidate` and `baseline` are a git ref or a file. `gates` keeps only gates of these names. `changed` leaves out
    what does not differ from the merge base. `answers`: "replay" uses a target's recordings where it has some, "live"
    ignores them, "record" runs live and writes them. `environment` holds the secrets that the configuration names.
    `store` is the folder of cache and journal, `home` that of downloaded models. `engine` is how endpoints are called:
    from this process, from a Ray cluster or by batch; `note` is told a sentence where that takes its time.
    """

    environment: Mapping[str, str]
    store: Path
    home: Path
    candidate: str | None = None
    baseline: str | None = None
    gates: tuple[str, ...] = ()
    changed: bool = False
    default_branch: str | None = None
    answers: answering.Answers = "replay"
    use_cache: bool = True
    engine: EngineName = "asyncio"
    note: Callable[[str], None] = lambda sentence: None

    def surroundings(self, workspace: Workspace) -> answering.Surroundings:
        """What the engine needs to know of the machine."""
        return answering.Surroundings(
            environment=self.environment,
            store=self.store,
            home=self.home,
            folder=workspace.folder,
            note=self.note,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """Where the configuration was found: the tree all inputs are read from, and the repository around it, if any."""

    tree: WorkTree
    git: Git | None
    config: Config
    folder: Path


def open_workspace(config_path: Path, *, verify: bool = True) -> Workspace:
    """Reads the configuration; the tree is the repository's, or the folder's where there is no repository.

    Without `verify` patterns and schemas are not compiled, which takes a while: enough to see what has changed.
    """
    folder = config_path.resolve().parent
    git = Git.find(folder)
    here = Path.cwd().resolve()
    root = git.root.resolve() if git else (here if folder.is_relative_to(here) else folder)
    tree = WorkTree(root)
    name = config_path.resolve().relative_to(root).as_posix()
    config = load_config(tree, name, verify=_verify if verify else None)
    return Workspace(tree=tree, git=git, config=config, folder=folder)


def _verify(criterion: Check | Judge) -> None:
    match criterion:
        case Check():
            checks.validate(criterion)
        case Judge():
            judges.validate(criterion)


def run(config_path: Path, options: Options, on_event: Callable[[Event], None]) -> Report:
    """The whole gate: versions, plan, answers, scores, comparison, verdict."""
    # versions that were named are to be compared, whatever the working tree has in common with the merge base
    narrow = options.changed and options.candidate is None and options.baseline is None
    workspace = open_workspace(config_path, verify=not narrow)
    selected = select(workspace, options)
    removed = _removed(workspace, options)
    if narrow:
        args = (workspace.tree, workspace.git, workspace.config, options.default_branch)
        names = {gate.name for gate in changes.changed(selected, *args)}
        if not names:
            return conclude.report_of((), removed)
        workspace = open_workspace(config_path)
        selected = tuple(gate for gate in workspace.config.gates if gate.name in names)
    config = workspace.config
    plans = make_plans(workspace, selected, options)
    with answering.open_engine(
        config,
        plans,
        workspace.tree,
        options.surroundings(workspace),
        answers=options.answers,
        use_cache=options.use_cache,
        on_event=on_event,
        way=options.engine,
    ) as engine:
        reports = []
        for plan in plans:
            done = engine.run(plan.trials, lambda trial, plan=plan: evaluate(plan, trial, config.targets))  # type: ignore[misc]
            evidence = conclude.evidence_of(
                plan, done.results, calls=done.calls, usage=done.usage, cost_usd=done.cost_usd
            )
            reports.append(conclude.judged(evidence, plan.gate.thresholds, config.policy))
        engine.finish()
        warnings = engine.warnings
    return conclude.report_of(reports, (*removed, *warnings))


def _removed(workspace: Workspace, options: Options) -> tuple[str, ...]:
    """A sentence for each gate that a change took out of the configuration: what is not gated always passes."""
    if workspace.git is None:
        return ()
    path = workspace.config.path
    names = changes.removed_gates(workspace.tree, workspace.git, workspace.config, options.default_branch)
    return tuple(
        f'the gate "{name}" was removed from {path} since the merge base: it decides nothing' for name in names
    )


def evaluate(
    plan: GatePlan, trial: Trial, targets: Mapping[str, Target]
) -> Generator[Sequence[Request], Sequence[Outcome], Result]:
    """One trial from its answer to its scores. Yields requests; the engine sends their outcomes back, in order.

    Judges are asked only about outputs that passed their blocking checks. A judge's request does not name the arm, so
    equal outputs share one answer. A reply that cannot be read is asked for once more, then it counts as unscored.
    """
    (outcome,) = yield [trial.request]
    scores: dict[str, Scored] = {c.name: _score(c, trial, outcome) for c in plan.gate.checks}
    replies: dict[str, tuple[Outcome, ...]] = {}
    verdict = _without_judges(plan.gate.checks, scores, outcome)
    if verdict is not None:
        scores |= {judge.name: verdict for judge in plan.judges}
    elif isinstance(outcome, Output):
        asked = plan.judges
        for attempt in range(2):
            if not asked:
                break
            answers = yield [
                judges.ask(judge, trial.case, outcome, targets[judge.target], attempt=attempt) for judge in asked
            ]
            for judge, answer in zip(asked, answers, strict=True):
                scores[judge.name] = judges.read(judge, answer)
                replies[judge.name] = (*replies.get(judge.name, ()), answer)
            asked = tuple(
                judge
                for judge, answer in zip(asked, answers, strict=True)
                if isinstance(scores[judge.name], Unscored)
                and not (isinstance(answer, Failure) and answer.kind == "infrastructure")  # the engine has retried it
            )
    return Result(
        case=trial.case.id,
        arm=trial.arm,
        repeat=trial.repeat,
        tags=trial.case.tags,
        outcome=outcome,
        scores=scores,
        replies=replies,
    )


def _score(check: Check, trial: Trial, outcome: Outcome) -> Scored:
    if isinstance(outcome, Output):
        return checks.score(check, trial.case, outcome)
    return _absent(outcome)


def _absent(failure: Failure) -> Scored:
    """An answer nobody can use counts 0; a call that failed for good leaves the case undecided."""
    if failure.kind == "unusable":
        return Score(value=0.0, reason=failure.message)
    return Unscored(reason=failure.message)


def _without_judges(criteria: Sequence[Check], scores: Mapping[str, Scored], outcome: Outcome) -> Scored | None:
    """What the judges' scores are when judges are not to be asked; None: ask them."""
    if isinstance(outcome, Failure):
        return _absent(outcome)
    for check in criteria:
        score = scores[check.name]
        if not check.blocking:
            continue
        if isinstance(score, Unscored):
            return Unscored(reason=f"not asked: the blocking check {check.name} is undecided: {score.reason}")
        if score.value < 1.0:
            return Score(value=0.0, reason=f"not asked: the blocking check {check.name} failed")
    return None


def select(workspace: Workspace, options: Options) -> tuple[Gate, ...]:
    """The gates to run. Raises InputError for an unknown name, or one file offered to several gates."""
    config = workspace.config
    names = [gate.name for gate in config.gates]
    for name in options.gates:
        if name not in names:
            raise InputError(f'no gate is named "{name}"', hint=f"the gates are: {', '.join(names)}")
    chosen = tuple(gate for gate in config.gates if not options.gates or gate.name in options.gates)
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
    if workspace.git is not None:
        try:
            base = find_base(workspace.tree, workspace.git, workspace.config, options.default_branch)
        except GitError:
            base = None  # a gate that needs the merge base says so when its versions are looked for
    return _all(gates, lambda gate: _make_plan(workspace, gate, options, base))


def _make_plan(workspace: Workspace, gate: Gate, options: Options, base: Base | None) -> GatePlan:
    config, tree, git = workspace.config, workspace.tree, workspace.git
    before = base.twin(gate) if base is not None else None
    found = versions.resolve(
        gate,
        tree,
        git,
        candidate=options.candidate,
        baseline=options.baseline,
        default_branch=options.default_branch,
        immutability=config.policy.immutability,
        base_gate_prompt=before.prompt if before is not None else None,
    )
    served, notes = _served(config, gate, found, base)
    level = levels.change_level(
        found.candidate, found.baseline, policy=config.policy, history=found.history, served=served
    )
    dataset = golden.load_dataset(tree, gate.dataset)
    made = _recorded(workspace, gate, dataset, baseline=found.baseline is not None)
    args = (gate, found.candidate, found.baseline, dataset, level, config.targets, config.policy)
    plan = made.take(partial(trials.make_plan, *args))
    if plan is None or made.faults:
        raise made.error()
    lost: tuple[str, ...] = ()
    if options.baseline is None and gate.baseline is None and base is not None and git is not None:
        lost = changes.lost_cases(gate, dataset, base, tree, git)
    return replace(plan, notes=(*([found.baseline_note] if found.baseline_note else []), *notes), lost=lost)


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
        read = _Gathered()
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

    return _all(config.gates, checked)


def _recorded(workspace: Workspace, gate: Gate, dataset: GoldenDataset | None, *, baseline: bool = True) -> _Gathered:
    """The faults of the recorded outputs a gate uses: each file is read, and answers every case of the dataset."""
    read = _Gathered()
    roles = ((gate.candidate_target, gate.candidate_samples), (gate.baseline_target, gate.baseline_samples))
    for name, samples in roles if baseline else roles[:1]:
        target = workspace.config.targets[name]
        if target.kind == "recorded":
            read.take(partial(golden.require_outputs, workspace.tree, target.location, dataset, samples))
    return read


def estimate(config_path: Path, options: Options) -> tuple[tuple[GatePlan, CallEstimate], ...]:
    """What a run would take, gate by gate: calls that cache or recordings do not answer, tokens, dollars."""
    workspace = open_workspace(config_path)
    plans = make_plans(workspace, select(workspace, options), options)
    known = answering.known_answers(workspace.config, plans, workspace.tree, options.surroundings(workspace))
    return tuple((plan, estimates.estimate(plan, workspace.config.targets, known)) for plan in plans)


class _Gathered:
    """Makes one thing after the other, and keeps the faults of all that could not be made."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self._first: EvalgateError | None = None

    def take(self, make: Callable[[], _Made]) -> _Made | None:
        """What `make` makes; None where it raised."""
        try:
            return make()
        except EvalgateError as error:
            self.faults += [fault for fault in error.faults if fault not in self.faults]
            self._first = self._first or error
            return None

    def error(self) -> EvalgateError:
        """One error with all faults, of the kind of the first."""
        return type(self._first or InputError())(faults=self.faults)


def _all(items: Sequence[_Item], make: Callable[[_Item], _Made]) -> tuple[_Made, ...]:
    """Makes them all, or raises one error with the faults of all that could not be made."""
    gathered, made = _Gathered(), []
    for item in items:
        one = gathered.take(partial(make, item))
        if one is not None:
            made.append(one)
    if gathered.faults:
        raise gathered.error()
    return tuple(made)
