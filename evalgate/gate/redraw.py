"""Draw answers again after a verdict, beside it: the verdict stays the one of the first answers.

A second draw that decides would be a second chance to pass. A run that draws again therefore decides first, as a run
without the option does: from the stored verdict, else from the answers that are known. What it draws then is reported,
and neither the verdicts nor the cache take it. Where no run has asked for these answers to the end there was no first
draw, and the run's own answers decide.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

from evalgate.change.gate_change import list_policy_changes
from evalgate.change.workspace import Workspace
from evalgate.decide.statistics import CASE_PASSES
from evalgate.domain import (
    REUSED,
    Arm,
    Config,
    Failure,
    GatePlan,
    GateReport,
    Outcome,
    Redrawn,
    Report,
    Request,
    Result,
)
from evalgate.domain.numbers import show_count
from evalgate.errors import EvalgateError
from evalgate.gate import adapted_targets, engine_setup, evaluate, pipeline, reports, similarity_run, verdict_cache
from evalgate.gate.options import CallMode, Machine
from evalgate.plan.gate_plan import make_fresh_trial
from evalgate.store.cache_entry import is_answer
from evalgate.store.store import Store

if TYPE_CHECKING:
    from evalgate.execute.engine import ProgressEvent

_NOTHING = {
    "failed": "no call failed",
    "broken": "no case newly fails",
    "all": "every answer is recorded in a file",
}


_PART_COUNTS = (
    "the answers of an earlier run of a part of the cases count: other answers to these cases would be a second draw"
)


def decide_and_draw_again(  # noqa: PLR0917 - everything that defines a run
    workspace: Workspace,
    plans: Sequence[GatePlan],
    unsampled: Sequence[GatePlan],
    machine: Machine,
    calls: CallMode,
    on_event: Callable[[ProgressEvent], None],
    *,
    remarks: Sequence[str] = (),
) -> Report:
    """Decide the plans, then draw again what `calls.draws_again` names.

    `plans` are those of a run that uses what is stored, `unsampled` the same without stored samples of the baseline.
    The report shows the answers drawn again, with the exit code of the verdict that stays.
    """
    what = calls.draws_again
    assert what is not None
    again = _draw_everything(calls)
    whole = plans if calls.use_cache and calls.redraw is None else unsampled
    can_draw = any(_can_draw(plan, workspace.config, again) for plan in plans)
    is_first = not any(_was_drawn(plan, workspace.config, machine.store, calls) for plan in plans)
    if what == "all" and can_draw and is_first:
        first = replace(again, first_draw=True)
        return pipeline.decide_plans(workspace, whole, machine, first, on_event, remarks=remarks)
    plain = replace(calls, use_cache=True, redraw=None)
    if what == "all" and can_draw and _was_part_drawn(plans, workspace.config, machine.store, calls):
        report = pipeline.decide_plans(workspace, plans, machine, plain, on_event, remarks=remarks)
        return replace(report, warnings=(*report.warnings, _PART_COUNTS))
    standing = pipeline.decide_plans(workspace, plans, machine, plain, on_event, remarks=remarks)
    decided = {gate.evidence.name: gate for gate in standing.gates}
    if any(plan.level.findings for plan in plans):
        return standing  # wrong version numbers fail whatever is answered
    drawn: list[_Draw] = []
    for plan, other in zip(plans, whole, strict=True):
        gate = decided[plan.gate.name]
        if what == "all":
            if _can_draw(plan, workspace.config, again):
                drawn.append(_Draw(plan=other))
        elif what == "failed":
            if any(note.startswith(REUSED) for note in gate.evidence.notes) and _list_failed(gate):
                drawn.append(_Draw(plan=plan, known=gate, cases=_list_failed(gate), keeps_answers=True))
        elif cases := _list_broken(gate):
            bare = next(one for one in unsampled if one.gate.name == plan.gate.name)
            drawn.append(_Draw(plan=_sample_again(plan, bare, cases), known=gate, cases=cases))
    if not drawn:
        warning = f"nothing is drawn again: {_NOTHING[what]}"
        is_told = calls.redraw is not None and what != "failed"
        return replace(standing, warnings=(*standing.warnings, warning)) if is_told else standing
    if what == "failed":
        again = replace(again, use_cache=True, answers=calls.answers)  # the first answers of these calls
    new, warnings = _draw(workspace, drawn, machine, again, on_event)
    gates = [new.get(gate.evidence.name, gate) for gate in standing.gates]
    report = reports.make_report(gates, (*remarks, *warnings), list_policy_changes(workspace))
    redrawn = Redrawn(
        what=what,
        decision=standing.decision,
        cases=tuple(dict.fromkeys(chain.from_iterable(draw.cases for draw in drawn))),
    )
    return replace(report, exit_code=standing.exit_code, texts=workspace.config.texts, redrawn=redrawn)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draw:
    """A plan to run again. The answers of `known` are used, but for those of `cases` unless `keeps_answers`."""

    plan: GatePlan
    known: GateReport | None = None
    cases: tuple[str, ...] = ()
    keeps_answers: bool = False


def _draw_everything(calls: CallMode) -> CallMode:
    """Return the mode of the second draw: no answer of an earlier run, and with `--redraw` no recording either."""
    return replace(calls, use_cache=False, redraw=None, answers="live" if calls.redraw else calls.answers)


def _was_drawn(plan: GatePlan, config: Config, store: Store, calls: CallMode) -> bool:
    """Return True if there was a first draw of the answers; recordings that `--redraw` does not use are one.

    So is a draw that was decided by other rules: after an edit of the policy, the same answers decide.
    """
    replays = calls.answers == "replay"
    config = adapted_targets.add_known_to_config(config, store, replayed=replays)
    keys = verdict_cache.compute_keys(plan, config, replayed=replays)
    if verdict_cache.was_drawn(store, keys) or (keys is not None and _was_decided(plan, config, store)):
        return True
    names = engine_setup.list_targets(plan)
    return calls.redraw is not None and replays and any(config.targets[name].recordings for name in names)


def _was_decided(plan: GatePlan, config: Config, store: Store) -> bool:
    """Return True if a stored verdict rests on these answers, whatever its criteria, thresholds, policy and level.

    Its candidate, cases and answering targets are those of the plan. A damaged verdict counts for nothing.
    """
    mark = plan.candidate.digest.encode("ascii")
    answering = adapted_targets.digest_answering(plan, config.targets)
    for path in store.list_verdicts():
        with contextlib.suppress(OSError, EvalgateError):
            if mark not in path.read_bytes():
                continue
            (gate, *others) = reports.load_report(path).gates
            evidence = gate.evidence
            if (
                not others
                and evidence.verdict_key == path.stem
                and evidence.name == plan.gate.name
                and evidence.candidate is not None
                and evidence.candidate.digest == plan.candidate.digest
                and evidence.answering == answering
                and evidence.dataset.digest == plan.dataset.digest
            ):
                return True
    return False


def _was_part_drawn(plans: Sequence[GatePlan], config: Config, store: Store, calls: CallMode) -> bool:
    """Return True if runs of a part of the cases asked for some of these answers, and no run of all cases did."""
    replayed = calls.answers == "replay"
    config = adapted_targets.add_known_to_config(config, store, replayed=replayed)
    keys = [verdict_cache.compute_keys(plan, config, replayed=replayed) for plan in plans]
    drawn = [one for one in keys if verdict_cache.was_drawn(store, one)]
    return bool(drawn) and all(verdict_cache.was_only_part_drawn(store, one) for one in drawn)


def _can_draw(plan: GatePlan, config: Config, again: CallMode) -> bool:
    targets = [config.targets[name] for name in engine_setup.list_targets(plan)]
    return any(t.kind != "recorded" and not (again.answers == "replay" and t.recordings) for t in targets)


def _list_failed(gate: GateReport) -> tuple[str, ...]:
    """Return the cases with a call that gave no answer, of the target or of a judge."""
    results = chain(gate.evidence.results, gate.evidence.confirmations)
    return tuple(dict.fromkeys(r.case for r in results if any(map(_is_failed, (r.outcome, *_list_last_replies(r))))))


def _list_last_replies(result: Result) -> list[Outcome]:
    return [replies[-1] for replies in result.replies.values() if replies]


def _is_failed(outcome: Outcome | None) -> bool:
    return isinstance(outcome, Failure) and not is_answer(outcome)


def _list_broken(gate: GateReport) -> tuple[str, ...]:
    """Return the cases that newly fail: on one criterion the baseline's samples all hold, and the candidate's do not.

    Without a baseline these are the cases that the candidate fails.
    """
    values: dict[tuple[str, str, Arm], list[float]] = defaultdict(list)
    for result in gate.evidence.results:
        for name, value in result.values.items():
            if value is not None:
                values[result.case, name, result.arm].append(value)
    with_baseline = gate.evidence.baseline is not None
    broken = set()
    for (case, name, arm), found in values.items():
        before = values.get((case, name, Arm.BASELINE), [])
        held = bool(before) and min(before) >= CASE_PASSES
        if arm is Arm.CANDIDATE and min(found) < CASE_PASSES and (held or not with_baseline):
            broken.add(case)
    return tuple(case for case in gate.evidence.order if case in broken)


def _sample_again(plan: GatePlan, bare: GatePlan, cases: Collection[str]) -> GatePlan:
    """Return the plan with trials of the baseline, from `bare`, in place of the stored samples of some cases."""
    has_trials = {trial.case.id for trial in plan.trials if trial.arm is Arm.BASELINE}
    more = [t for t in bare.trials if t.arm is Arm.BASELINE and t.case.id in cases and t.case.id not in has_trials]
    count = show_count(len(cases), "case")
    note = f"drawn again: the answers of candidate and baseline to {count}"
    return replace(
        plan,
        trials=(*plan.trials, *more),
        stored=tuple(result for result in plan.stored if result.case not in cases),
        notes=(*plan.notes, note),
    )


def _draw(
    workspace: Workspace,
    drawn: Sequence[_Draw],
    machine: Machine,
    calls: CallMode,
    on_event: Callable[[ProgressEvent], None],
) -> tuple[Mapping[str, GateReport], tuple[str, ...]]:
    """Run the plans; the journal is one of its own, so that no other run takes these answers."""
    config, plans = workspace.config, [draw.plan for draw in drawn]
    if calls.engine == "batch":
        plans = list(pipeline.drop_looks(plans))
    journal = machine.store.find_journal(f"{engine_setup.compute_run_key(plans)}-again")
    with engine_setup.open_engine(workspace, plans, machine, calls, on_event=on_event, journal=journal) as engine:
        for draw in drawn:
            for request, outcome in _list_known(draw, config):
                engine.put(request, outcome)
        gates = {plan.gate.name: evaluate.evaluate_plan(engine, plan, config) for plan in plans}
        gates = similarity_run.add_similarities(engine, plans, gates, config.targets)
        engine.finish()
        return gates, engine.warnings


def _list_known(draw: _Draw, config: Config) -> Iterator[tuple[Request, Outcome]]:
    """Yield the answers that are not drawn again; a failed call has none."""
    if draw.known is None:
        return
    cases = {trial.case.id: trial.case for trial in draw.plan.trials}
    evidence = draw.known.evidence
    for result in chain(evidence.results, evidence.confirmations):
        outcome = result.outcome
        if outcome is None or not is_answer(outcome) or result.case not in cases:
            continue
        if draw.keeps_answers or result.case not in draw.cases:
            trial = make_fresh_trial(draw.plan, cases[result.case], result.arm, result.repeat, config.targets)
            yield trial.request, replace(outcome, cached=True)
        for request, reply in evaluate.list_judgements(draw.plan, [result], config.targets):
            if is_answer(reply):
                yield request, replace(reply, cached=True)
