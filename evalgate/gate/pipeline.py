"""The pipeline that all verbs share: plans to answers, answers to scores, scores to a report.

The engine and the statistics are imported only when there is something to run: most changes affect no gate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from evalgate.change.gate_change import list_policy_changes
from evalgate.change.workspace import Workspace
from evalgate.domain import Config, GatePlan, GateReport, Report
from evalgate.errors import Fault, InputError, Place
from evalgate.gate.options import CallMode, Machine
from evalgate.gate.plans import require_variables
from evalgate.plan import gate_plan
from evalgate.store.store import Store

if TYPE_CHECKING:
    from evalgate.execute.engine import ProgressEvent
    from evalgate.gate.unanswered_draws import UnansweredDraws
    from evalgate.gate.verdict_cache import VerdictKeys


def decide_plans(
    workspace: Workspace,
    plans: Sequence[GatePlan],
    machine: Machine,
    calls: CallMode,
    on_event: Callable[[ProgressEvent], None],
    *,
    remarks: Sequence[str] = (),
) -> Report:
    """Return the report on plans, from stored verdicts where there are some, else from new answers, with `remarks`."""
    from evalgate.gate import adapted_targets, reports, unanswered_draws, verdict_cache

    if any(plan.level.findings for plan in plans):
        return _report_version_faults(plans, workspace, remarks)
    measured = [plan for plan in plans if plan.revert is None or not plan.revert.passed]
    require_variables(workspace.config, [plan.gate for plan in measured])
    _refuse_too_few_cases(measured, workspace.config)
    if calls.engine == "batch":
        plans = drop_looks(plans)
    if calls.shard is not None:
        plans = tuple(gate_plan.select_shard(plan, calls.shard) for plan in plans)
    refuse_committed(workspace, machine.store)
    replayed = calls.answers == "replay"
    config = adapted_targets.add_known_to_config(workspace.config, machine.store, replayed=replayed)
    known = {
        plan.gate.name: _find_verdict(plan, config, machine.store, calls)
        if plan.revert is None or not plan.revert.passed
        else reports.report_without_calls(plan, config)
        for plan in plans
    }
    undecided = [plan for plan in plans if known[plan.gate.name] is None]
    draws = {
        plan.gate.name: unanswered_draws.open_draws(machine.store, plan, workspace.config, replayed=replayed)
        for plan in undecided
        if calls.answers != "record"  # that asks for other answers on purpose
    }
    fresh, warnings = _decide_fresh(workspace, undecided, machine, calls, on_event, draws=draws)
    # the run may have learned what an endpoint accepts, which is part of the keys
    config = adapted_targets.add_known_to_config(workspace.config, machine.store, replayed=replayed)
    keys = {plan.gate.name: _compute_verdict_keys(plan, config, calls) for plan in plans}
    for plan in undecided:  # another run may have decided meanwhile, or this one has learned the key of a verdict
        standing = verdict_cache.find(machine.store, keys[plan.gate.name], plan, config)
        if standing is not None and standing.exit_code.blocks:
            known[plan.gate.name] = standing
            del fresh[plan.gate.name]
    names = {name: _choose_key(gate, keys[name], machine.store, calls) for name, gate in fresh.items()}
    fresh = {name: _add_keys(gate, names[name], keys[name]) for name, gate in fresh.items()}
    decided = {name: gate for name, gate in (known | fresh).items() if gate is not None}
    stored = [plan for plan in plans if plan.gate.name not in fresh]
    decided |= _complete_similarities(workspace, stored, decided, machine, calls, on_event=on_event)
    edited = list_policy_changes(workspace)
    unstored = verdict_cache.describe_unkept(plans, workspace.config)
    report = reports.make_report([decided[plan.gate.name] for plan in plans], (*remarks, *unstored, *warnings), edited)
    report = replace(report, texts=workspace.config.texts)
    for name, gate in fresh.items():
        kept = draws.get(name)
        verdict_cache.put(machine.store, names[name], gate, report, counting=() if kept is None else kept.load())
    return report


def _report_version_faults(plans: Sequence[GatePlan], workspace: Workspace, remarks: Sequence[str]) -> Report:
    """Report faults of version numbers. They fail regardless of any answer, so no call is made."""
    from evalgate.gate import reports

    wrong = [plan for plan in plans if plan.level.findings]
    others = [plan.gate.name for plan in plans if not plan.level.findings]
    left = tuple(f'the gate "{name}" was not run: fix the version numbers first' for name in others)
    edited = list_policy_changes(workspace)
    return reports.make_report(
        [reports.report_without_calls(plan, workspace.config) for plan in wrong], (*remarks, *left), edited
    )


def drop_looks(plans: Sequence[GatePlan]) -> tuple[GatePlan, ...]:
    """Return the plans without interim analyses: with a batch each may take a day, and would save half-price calls."""
    return tuple(replace(plan, sequential=False) for plan in plans)


def _decide_fresh(
    workspace: Workspace,
    plans: Sequence[GatePlan],
    machine: Machine,
    calls: CallMode,
    on_event: Callable[[ProgressEvent], None],
    *,
    draws: Mapping[str, UnansweredDraws | None],
) -> tuple[dict[str, GateReport], tuple[str, ...]]:
    """Return the verdicts of plans by the name of their gate, and the warnings of the engine.

    A baseline that has answers of a model that is gone is drawn anew.
    """
    if not plans:
        return {}, ()
    from evalgate.gate import model_changes

    found, warnings = _evaluate(workspace, plans, machine, calls, on_event, draws=draws)
    if calls.answers == "record":
        return found, warnings
    replayed = calls.answers == "replay"
    for _ in range(model_changes.ROUNDS):
        asked = {plan.gate.name: plan for plan in plans}
        anew = [
            model_changes.draw_anew(one, found[name], workspace.config, replayed=replayed)
            for name, one in asked.items()
        ]
        again = [plan for plan in anew if plan is not None]
        if not again:
            break
        fresh, more = _evaluate(workspace, again, machine, calls, on_event, draws=draws)
        # answers of the candidate that this run has drawn stay, whatever model answers a moment later
        plans = [
            gate_plan.keep_drawn(plan, asked[plan.gate.name].max_age, workspace.config.targets)
            for plan in again
            if not model_changes.has_new(found[plan.gate.name])
        ]
        found |= {name: model_changes.add_calls(gate, found[name]) for name, gate in fresh.items()}
        warnings = (*warnings, *(one for one in more if one not in warnings))
    return found, warnings


def _evaluate(
    workspace: Workspace,
    plans: Sequence[GatePlan],
    machine: Machine,
    calls: CallMode,
    on_event: Callable[[ProgressEvent], None],
    *,
    draws: Mapping[str, UnansweredDraws | None],
) -> tuple[dict[str, GateReport], tuple[str, ...]]:
    from evalgate.gate import engine_setup, evaluate, similarity_run, unanswered_draws

    with engine_setup.open_engine(workspace, plans, machine, calls, on_event=on_event) as engine:
        reports = {}
        for plan in plans:
            own = draws.get(plan.gate.name)
            gate = evaluate.evaluate_plan(
                engine, plan, workspace.config, unanswered_draws.ask_target if own is None else own.ask
            )
            reports[plan.gate.name] = gate if own is None else own.add_note(gate)
        reports = similarity_run.add_similarities(engine, plans, reports, workspace.config.targets)
        engine.finish()
        return reports, engine.warnings


def _complete_similarities(
    workspace: Workspace,
    plans: Sequence[GatePlan],
    decided: Mapping[str, GateReport],
    machine: Machine,
    calls: CallMode,
    *,
    on_event: Callable[[ProgressEvent], None],
) -> Mapping[str, GateReport]:
    """Return the stored verdicts among the decided gates with the similarities that are to be reported."""
    kept = [plan for plan in plans if plan.similarity is not None or decided[plan.gate.name].evidence.similarity]
    if not kept:
        return {}
    from evalgate.gate import similarity_run

    costs = [gate.evidence.cost_usd for gate in decided.values()]
    spent = None if None in costs else sum(cost for cost in costs if cost is not None)
    return similarity_run.complete_stored(workspace, kept, decided, machine, calls, on_event=on_event, spent=spent)


def _find_verdict(plan: GatePlan, config: Config, store: Store, calls: CallMode) -> GateReport | None:
    """Return the stored verdict on a plan; for a part only one that blocks, since a PASS is that of all cases."""
    from evalgate.gate import verdict_cache

    found = verdict_cache.find(store, _compute_verdict_keys(plan, config, calls), plan, config)
    return found if found is None or not calls.is_part or found.exit_code.blocks else None


def _choose_key(gate: GateReport, keys: VerdictKeys | None, store: Store, calls: CallMode) -> str | None:
    """Return the name to store a new verdict under; a part has none, and marks that these answers were asked for."""
    from evalgate.gate import verdict_cache

    if not calls.is_part:
        return verdict_cache.choose_key(store, keys, gate)
    verdict_cache.mark_drawn(store, keys)
    return None


def _add_keys(gate: GateReport, name: str | None, keys: VerdictKeys | None) -> GateReport:
    """Add the name that a verdict is stored under, and that of the shown text if it is another."""
    shown = None if keys is None or keys.shown == name else keys.shown
    return replace(gate, evidence=replace(gate.evidence, verdict_key=name, shown_key=shown))


def _compute_verdict_keys(plan: GatePlan, config: Config, calls: CallMode) -> VerdictKeys | None:
    """Return no keys when recording, which asks for new answers on purpose and writes them into the change."""
    from evalgate.gate import verdict_cache

    if calls.answers == "record":
        return None
    return verdict_cache.compute_keys(plan, config, replayed=calls.answers == "replay")


def refuse_committed(workspace: Workspace, store: Store) -> None:
    """Raise InputError if the store is under version control: then a change could include answers and verdicts."""
    if workspace.git is not None and workspace.git.tracks(store.root):
        raise InputError(
            f"{store.root} is under version control: everyone who can commit to it could commit verdicts",
            hint=f"git rm -r --cached {store.root}",
        )


def _refuse_too_few_cases(plans: Sequence[GatePlan], config: Config) -> None:
    """Raise InputError, before any call, if a level requires a PASS and the dataset has too few cases for one."""
    faults = []
    for plan in plans:
        needed = find_lacking_cases(plan, config)
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


def find_lacking_cases(plan: GatePlan, config: Config) -> tuple[int, str] | None:
    """Return how many cases a PASS needs at least, and why the present ones are not sufficient.

    Returns None if a PASS is possible, or if the level does not require one.
    """
    from evalgate.decide import evidence as evidences
    from evalgate.decide import policy, schedule

    evidence = evidences.make_evidence(plan, config.targets)
    if policy.find_level_policy(evidence, config.policy).inconclusive != "block":
        return None
    return schedule.find_lacking(evidence, plan.gate.thresholds, config.policy)
