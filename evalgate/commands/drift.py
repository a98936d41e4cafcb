"""`drift`: run the version in production again and compare its answers with its stored samples.

A provider can change a model without notice. Then nothing is edited and no gate runs, but the answers get worse.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from evalgate.change import pins, production, versions
from evalgate.change.workspace import Workspace
from evalgate.decide import statistics
from evalgate.decide.roles import is_blocking
from evalgate.domain import (
    Arm,
    BaselineSample,
    ChangeLevel,
    Config,
    Gate,
    GatePlan,
    GateReport,
    Level,
    PromptVersion,
    Report,
    ReportKind,
    Result,
    StoredBaseline,
    Threshold,
    Verdict,
)
from evalgate.domain.lists import name_some
from evalgate.domain.numbers import show, show_count
from evalgate.errors import Fault, GitError, InputError, ServiceError
from evalgate.execute.engine import Engine, ProgressEvent
from evalgate.gate import engine_setup, evaluate, released, reports, stored_samples
from evalgate.gate.options import CallMode, Machine, Selection, open_for_run
from evalgate.gate.pipeline import refuse_committed
from evalgate.gate.plans import load_cases, require_variables, select_gates
from evalgate.gate.unanswered_draws import UnansweredDraws
from evalgate.inputs import prompts
from evalgate.inputs.tree import CommitTree, Tree
from evalgate.plan import gate_plan
from evalgate.report import view
from evalgate.services.git import Git
from evalgate.store import baseline_json as files
from evalgate.store.store import Store

# An interrupted run is continued only within the same day's model; a nightly run starts from the beginning.
_FRESH = datetime.timedelta(hours=12)
_FIXED_LEVEL = ChangeLevel(declared=None, minimum=Level.MINOR, effective=Level.MINOR)
_JUDGE_TOLERANCE = 0.005
_NAMED = 3  # gates in the title of an issue


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watch:
    """A gate's plan, the samples it is compared with, and what else has changed since these were drawn."""

    plan: GatePlan
    stored: StoredBaseline
    changed: tuple[str, ...]


def run(
    config_path: Path,
    selection: Selection,
    machine: Machine,
    limits: CallMode,
    on_event: Callable[[ProgressEvent], None] = lambda event: None,
) -> Report:
    """Ask the version in production again, and compare it, case by case, with its stored samples of any age.

    FAIL: proven worse than the samples. PASS: proven not worse by more than the allowed drop. INCONCLUSIVE, which
    always blocks: neither. The stored outputs are scored again by the current checks and judges, so that only the
    target's behaviour differs. Floors are ignored: a mean that was below one before has not drifted. Neither the cache
    nor a stored verdict is read or written, and the stored samples stay unchanged. An interrupted run can be continued
    for 12 hours.

    Of `selection`, `gates` and `default_branch` count; of `limits`, `max_cost_usd` and `max_concurrency`.

    Raises InputError where no gate's answers can drift (recorded outputs; a function without a version); ServiceError,
    before a call is made, where a gate has no samples to compare with.
    """
    workspace = open_for_run(config_path, selection, limits, environment=machine.environment)
    config = workspace.config
    refuse_committed(workspace, machine.store)
    chosen = select_gates(workspace, replace(selection, candidate=None, baseline=None))
    require_variables(config, chosen)
    reasons = {gate.name: stored_samples.explain_not_kept(gate, config.targets) for gate in chosen}
    skipped = tuple(
        f'the gate "{name}" was not watched for drift: {reason}' for name, reason in reasons.items() if reason
    )
    if len(skipped) == len(chosen):
        raise InputError(faults=[Fault(message=sentence, hint=stored_samples.ASKED) for sentence in skipped])
    watched = _plan_watches(workspace, [gate for gate in chosen if not reasons[gate.name]], selection, machine.store)
    plans = [one.plan for one in watched]
    _, journal = engine_setup.find_journal(f"drift-{engine_setup.compute_run_key(plans)}", machine.store, _FRESH)
    with engine_setup.open_engine(
        workspace, plans, machine, CallMode(answers="live", use_cache=False), on_event=on_event, journal=journal
    ) as engine:
        draws = [
            UnansweredDraws(journal.with_suffix(f".{number}.unanswered"), plan, config.targets, controls=False)
            for number, plan in enumerate(plans)
        ]
        gates = [_decide(engine, one, config, own) for one, own in zip(watched, draws, strict=True)]
        if not any(stored_samples.list_incomplete(gate.evidence.results) for gate in gates):
            engine.finish()  # else the journal is kept: the same command requests the rest
            for own in draws:
                own.forget()
        return replace(reports.make_report(gates, (*skipped, *engine.warnings)), texts=config.texts)


def describe_title(report: Report) -> str:
    """Return the result in a few words, as the title of an issue. Names in it are raw text."""
    names = [gate.evidence.name for gate in report.gates if gate.decision is Verdict.FAIL]
    if names:
        since = min((_describe_then(gate) for gate in report.gates if gate.decision is Verdict.FAIL), default="")
        answers = "answers" if len(names) == 1 else "answer"
        return f"Drift: {name_some(names, _NAMED)} {answers} worse than on {since}, without any edit"
    if report.decision is Verdict.INCONCLUSIVE:
        return "Drift: neither proven nor ruled out"
    return "No drift: production answers as well as it did"


def describe(report: Report) -> str:
    """Return a line with the proof for each gate that has drifted; empty if none has. Text in it is raw."""
    return "\n".join(
        " ".join(
            f"{gate.evidence.name}, compared with its answers of {_describe_then(gate)}: "
            f"{view.find_deciding_sentence(gate)}".split()
        )
        for gate in report.gates
        if gate.decision is Verdict.FAIL
    )


def _describe_then(gate: GateReport) -> str:
    stored = gate.evidence.stored_baseline
    return "" if stored is None else stored.sampled_at[:10]


def _plan_watches(workspace: Workspace, gates: Sequence[Gate], selection: Selection, store: Store) -> list[_Watch]:
    """Return the plan of each gate. Raises one error with the faults of all gates that have nothing to compare with."""
    found: list[_Watch] = []
    faults: list[Fault] = []
    for gate in gates:
        version = _load_production(workspace, gate, selection, store)
        dataset = load_cases(workspace.tree, gate, [version], workspace.config)
        stored, told = stored_samples.find_past_samples(gate, version, dataset, workspace.config, store)
        if stored is None:
            named = " ".join(part for part in (version.name, version.version) if part)
            why = f" ({'; '.join(told)})" if told else ""
            message = f"no samples of {named}, digest {version.digest[:12]}, are stored for these cases and this target"
            faults.append(
                Fault(
                    message=f'gate "{gate.name}": {message}{why}',
                    hint="run `evalgate baseline sample`; drift can be detected from then on",
                )
            )
            continue
        plan = gate_plan.make_plan(
            _make_gate(gate, workspace.config, stored),
            version,
            version,
            dataset,
            _FIXED_LEVEL,
            workspace.config.targets,
            workspace.config.policy,
        )
        found.append(_Watch(plan=_make_plan(plan, stored), stored=stored, changed=told))
    if faults:
        raise ServiceError(faults=faults)
    return found


def _load_production(workspace: Workspace, gate: Gate, selection: Selection, store: Store) -> PromptVersion:
    """Load the version whose samples `evalgate baseline sample` keeps after a merge, whatever is edited here.

    It is the gate's `baseline:` file, else the registry's or the pinned release, else the default branch's; without a
    repository, the file's.
    """
    tree, git = workspace.tree, workspace.git
    if git is None or git.head() is None:
        own = partial(prompts.load_prompt, tree, gate.prompt, gate.settings)
        return production.load_production(gate, tree, None, own)
    tip = git.resolve(git.default_branch(selection.default_branch))
    finder = released.make_finder(workspace.config, workspace.folder, store)
    registry = production.ProductionVersions(find=finder or partial(_find_pin, workspace, git, tip), git=git)
    return production.load_production(gate, tree, registry, partial(_load_merged, gate, tree, git, tip))


def _find_pin(workspace: Workspace, git: Git, tip: str, name: str) -> pins.Pin | None:
    return pins.load_pins(CommitTree(git, tip), pins.pins_path(workspace.config.path)).get(name)


def _load_merged(gate: Gate, tree: Tree, git: Git, tip: str) -> PromptVersion:
    """Load the prompt of the default branch."""
    try:
        return versions.resolve_named(gate, tree, git, tip, "the default branch")
    except GitError as error:
        message = f'gate "{gate.name}": {error.faults[0].message}'
        raise GitError(message, hint="a prompt is in production once it is merged") from None


def _make_gate(gate: Gate, config: Config, stored: StoredBaseline) -> Gate:
    """Return the gate as drift runs it: one target, as many samples as are stored, and only the comparison decides.

    A missed floor or a failing blocking check may have existed before: it counts by its drop. A blocking check also
    fails for each case that it newly breaks (`decide.roles`), unless a threshold of its own replaces the blocking.
    Checks of latency are omitted, because a stored answer has no comparable latency.
    """
    checks = tuple(
        replace(check, blocking=is_blocking(check, gate.thresholds.get(check.name), with_baseline=True))
        for check in gate.checks
        if check.type != "latency"
    )
    thresholds: dict[str, Threshold] = {}
    for check in checks:
        own = gate.thresholds.get(check.name)
        if own is not None or check.blocking:
            drop = None if own is None else own.max_drop
            thresholds[check.name] = Threshold(max_drop=config.policy.max_drop if drop is None else drop)
    for judge in gate.judges:
        thresholds[judge.name] = Threshold(max_drop=gate.thresholds.get(judge.name, Threshold()).max_drop)
    return replace(
        gate,
        candidate_target=gate.baseline_target,
        baseline_samples=stored.samples,
        checks=checks,
        thresholds=thresholds,
    )


def _make_plan(plan: GatePlan, stored: StoredBaseline) -> GatePlan:
    assert plan.baseline is not None
    return replace(
        plan,
        candidate=replace(plan.candidate, source="now"),
        baseline=replace(plan.baseline, source=f"stored on {stored.sampled_at}"),
        judges=plan.gate.judges,
        stored_baseline=BaselineSample(
            digest=files.digest_results(stored), sampled_at=stored.sampled_at, samples=stored.samples
        ),
        kind=ReportKind.DRIFT,
    )


def _decide(engine: Engine, one: _Watch, config: Config, draws: UnansweredDraws) -> GateReport:
    """Decide one gate: the stored outputs are the baseline's answers; everything else runs as in a gate."""
    outcomes = {(result.case, result.repeat): result.outcome for result in one.stored.results}
    for trial in one.plan.trials:
        if trial.arm is Arm.BASELINE:
            outcome = outcomes[trial.case.id, trial.repeat]
            assert outcome is not None
            engine.put(trial.request, replace(outcome, cached=True))
    gate = evaluate.evaluate_plan(engine, one.plan, config, draws.ask)
    evidence = replace(gate.evidence, notes=_make_notes(one, gate.evidence.results))
    return replace(gate, evidence=evidence)


def _make_notes(one: _Watch, results: Sequence[Result]) -> tuple[str, ...]:
    """Return notes on what is compared, and on everything else that is known to differ."""
    stored = one.stored
    notes = [
        f"compared: new answers with those stored on {stored.sampled_at}; both are scored by the current checks and "
        "judges, so that only the target's behaviour differs"
    ]
    if one.changed:
        notes.append(f"also changed since the samples were stored, but not compared: {', '.join(one.changed)}")
    now = list(stored_samples.list_models(r for r in results if r.arm is Arm.CANDIDATE))
    then = list(stored.served_by)
    if now and then and now != then:
        notes.append(f"served then by {', '.join(then)}; now by {', '.join(now)}")
    notes += [
        note
        for judge in one.plan.judges
        if (note := _describe_moved_judge(judge.name, stored.results, results)) is not None
    ]
    if stored.samples < statistics.CONFIRMATIONS:
        notes.append(
            f"{show_count(stored.samples, 'stored sample')} of each case cannot prove a "
            f"single case broken, {statistics.CONFIRMATIONS} can: the means decide"
        )
    return tuple(notes)


def _describe_moved_judge(judge: str, then: Sequence[Result], results: Sequence[Result]) -> str | None:
    """Return a note if the judge now scores the stored outputs differently than it did then."""
    before = _index_scores(judge, then)
    after = _index_scores(judge, [result for result in results if result.arm is Arm.BASELINE])
    both = [key for key in after if key in before]
    if not both:
        return None
    old, new = (math.fsum(scores[key] for key in both) / len(both) for scores in (before, after))
    if abs(new - old) < _JUDGE_TOLERANCE:
        return None
    return (
        f"the judge {judge} scores the same {show_count(len(both), 'stored output')} {show(new)} now, and "
        f"{show(old)} then"
    )


def _index_scores(judge: str, results: Sequence[Result]) -> Mapping[tuple[str, int], float]:
    found = {(result.case, result.repeat): result.values.get(judge) for result in results}
    return {key: value for key, value in found.items() if value is not None}
