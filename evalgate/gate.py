"""The corridor: from a configuration to a report. It wires the rooms; it neither waits nor decides on its own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from evalgate import answering, conclude
from evalgate.domain import (
    ChangeLevel,
    Check,
    Config,
    Failure,
    Gate,
    GatePlan,
    Judge,
    Level,
    LevelPolicy,
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
from evalgate.errors import EvalgateError, InputError
from evalgate.execute.engine import Event
from evalgate.inputs import golden, prompts, versions
from evalgate.inputs.config import load_config
from evalgate.inputs.tree import WorkTree
from evalgate.plan import estimate as estimates
from evalgate.plan import level as levels
from evalgate.plan import trials
from evalgate.plan.estimate import CallEstimate
from evalgate.score import checks, judges
from evalgate.services.git import Git

ALL = LevelPolicy(judges=True, inconclusive="block")

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a door asks of a run, besides the configuration.

    `candidate` and `baseline` are a git ref or a file. `gates` keeps only gates of these names. `changed` leaves out
    what does not differ from the merge base. `answers`: "replay" uses a target's recordings where it has some, "live"
    ignores them, "record" runs live and writes them. `environment` holds the secrets that the configuration names.
    `store` is the folder of cache and journal, `home` that of downloaded models.
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

    def surroundings(self, workspace: Workspace) -> answering.Surroundings:
        """What the engine needs to know of the machine."""
        return answering.Surroundings(
            environment=self.environment, store=self.store, home=self.home, folder=workspace.folder
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
    workspace = open_workspace(config_path, verify=not options.changed)
    selected = select(workspace.config, options)
    if options.changed:
        args = (workspace.tree, workspace.git, workspace.config, options.default_branch)
        names = {gate.name for gate in versions.changed(selected, *args)}
        if not names:
            return conclude.report_of(())
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
    return conclude.report_of(reports, warnings)


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
                if isinstance(scores[judge.name], Unscored) and isinstance(answer, Output)
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


def select(config: Config, options: Options) -> tuple[Gate, ...]:
    """The gates to run. Raises InputError for an unknown name, or one file offered to several gates."""
    names = [gate.name for gate in config.gates]
    for name in options.gates:
        if name not in names:
            raise InputError(f'no gate is named "{name}"', hint=f"the gates are: {', '.join(names)}")
    chosen = tuple(gate for gate in config.gates if not options.gates or gate.name in options.gates)
    for flag, value in (("--candidate", options.candidate), ("--baseline", options.baseline)):
        if value is not None and len(chosen) > 1 and Path(value).is_file():
            raise InputError(
                f"{flag} {value} is one file, but {len(chosen)} gates are configured", hint="add --gate NAME"
            )
    return chosen


def make_plans(workspace: Workspace, gates: Sequence[Gate], options: Options) -> tuple[GatePlan, ...]:
    """Each gate's versions, change level and trials. Raises one error with the faults of all gates."""
    return _all(gates, lambda gate: _make_plan(workspace, gate, options))


def _make_plan(workspace: Workspace, gate: Gate, options: Options) -> GatePlan:
    config, tree, git = workspace.config, workspace.tree, workspace.git
    before = None
    if options.baseline is None and gate.baseline is None:
        before = versions.base_prompt(gate, tree, git, config, options.default_branch)
    found = versions.resolve(
        gate,
        tree,
        git,
        candidate=options.candidate,
        baseline=options.baseline,
        default_branch=options.default_branch,
        immutability=config.policy.immutability,
        base_gate_prompt=before,
    )
    level = levels.change_level(found.candidate, found.baseline, policy=config.policy, history=found.history)
    dataset = golden.load_dataset(tree, gate.dataset)
    plan = trials.make_plan(gate, found.candidate, found.baseline, dataset, level, config.targets, config.policy)
    return replace(plan, notes=(found.baseline_note,) if found.baseline_note else ())


def validate(workspace: Workspace) -> tuple[GatePlan, ...]:
    """Every gate's prompt and dataset against its criteria, as the strictest level would use them.

    No model, no network, no git. Raises one error with all faults of all gates.
    """
    config = workspace.config

    def checked(gate: Gate) -> GatePlan:
        strictest = ChangeLevel(declared=None, minimum=Level.MAJOR, effective=Level.MAJOR)
        everything = replace(config.policy, levels=dict.fromkeys(Level, ALL))
        found = _all(
            (gate.prompt, *([gate.baseline] if gate.baseline else [])),
            lambda path: prompts.load_prompt(workspace.tree, path),
        )
        dataset = golden.load_dataset(workspace.tree, gate.dataset)
        baseline = found[1] if len(found) > 1 else None
        return trials.make_plan(gate, found[0], baseline, dataset, strictest, config.targets, everything)

    return _all(config.gates, checked)


def estimate(config_path: Path, options: Options) -> tuple[tuple[GatePlan, CallEstimate], ...]:
    """What a run would take, gate by gate: calls that cache or recordings do not answer, tokens, dollars."""
    workspace = open_workspace(config_path)
    plans = make_plans(workspace, select(workspace.config, options), options)
    known = answering.known_answers(workspace.config, plans, workspace.tree, options.surroundings(workspace))
    return tuple((plan, estimates.estimate(plan, workspace.config.targets, known)) for plan in plans)


def _all(items: Sequence[_Item], make: Callable[[_Item], _Made]) -> tuple[_Made, ...]:
    """Makes them all, or raises one error with the faults of all that could not be made."""
    made, faults = [], []
    first: EvalgateError | None = None
    for item in items:
        try:
            made.append(make(item))
        except EvalgateError as error:
            faults += [fault for fault in error.faults if fault not in faults]
            first = first or error
    if first is not None:
        raise type(first)(faults=faults)
    return tuple(made)
