"""Run a part of the cases, which a person chose: its answers are kept for the run of all cases, and it decides nothing.

A choice of cases must not be a second chance to pass. So a part makes the requests of a run of all cases, shares its
answers with that run, and counts draws without an answer in the same way. No verdict is stored, and none is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from evalgate.change.gate_change import list_policy_changes
from evalgate.change.workspace import Workspace
from evalgate.domain import CasePart, Config, GatePlan, Report
from evalgate.domain.names import suggest_closest
from evalgate.errors import Fault, InputError, Place
from evalgate.gate import (
    adapted_targets,
    engine_setup,
    evaluate,
    pipeline,
    reports,
    similarity_run,
    unanswered_draws,
    verdict_cache,
)
from evalgate.gate.options import CallMode, Machine
from evalgate.gate.plans import require_variables
from evalgate.plan.gate_plan import select_part

if TYPE_CHECKING:
    from evalgate.execute.engine import ProgressEvent


def run_part(
    workspace: Workspace,
    plans: Sequence[GatePlan],
    machine: Machine,
    calls: CallMode,
    on_event: Callable[[ProgressEvent], None],
    *,
    remarks: Sequence[str] = (),
) -> Report:
    """Return the report on the cases that `calls.part` chooses, of the gates that have any of them.

    Raises InputError for an id or a tag that no case has.
    """
    part = calls.part
    assert part is not None
    _refuse_unknown(plans, part)
    pairs = [(plan, chosen) for plan in plans if (chosen := select_part(plan, part)) is not None]
    if not pairs:
        raise InputError("--case, --tag and --first choose no case")
    config = workspace.config
    require_variables(config, [plan.gate for plan, _ in pairs])
    pipeline.refuse_committed(workspace, machine.store)
    whole, chosen_plans = [plan for plan, _ in pairs], [chosen for _, chosen in pairs]
    _mark(whole, config, machine, calls)
    # an interrupted run of all cases keeps its answers in this journal: they are its first draw
    journal = machine.store.find_journal(engine_setup.compute_run_key(_list_undecided(whole, config, machine, calls)))
    is_resumed = journal.exists()
    replayed = calls.answers == "replay"
    gates = []
    with engine_setup.open_engine(
        workspace, chosen_plans, machine, calls, on_event=on_event, journal=journal
    ) as engine:
        for plan in chosen_plans:
            draws = unanswered_draws.open_draws(machine.store, plan, config, replayed=replayed)
            ask = unanswered_draws.ask_target if draws is None else draws.ask
            gate = evaluate.evaluate_plan(engine, plan, config, ask)
            gates.append(gate if draws is None else draws.add_note(gate))
        named = {gate.evidence.name: gate for gate in gates}
        gates = list(similarity_run.add_similarities(engine, chosen_plans, named, config.targets).values())
        if not is_resumed:
            engine.finish()
        warnings = engine.warnings
    _mark(whole, config, machine, calls)  # the run may have learned what an endpoint accepts, which is part of the keys
    wrong = [f"gate {plan.gate.name}: {found.sentence}" for plan in whole for found in plan.level.findings]
    unstored = verdict_cache.describe_unkept(whole, config)
    report = reports.make_report(gates, (*remarks, *wrong, *unstored, *warnings), list_policy_changes(workspace))
    return replace(report, texts=config.texts)


def _list_undecided(plans: Sequence[GatePlan], config: Config, machine: Machine, calls: CallMode) -> list[GatePlan]:
    """Return the plans that a run of all cases would run; all of them if it would run none."""
    replayed = calls.answers == "replay"
    known = adapted_targets.add_known_to_config(config, machine.store, replayed=replayed)
    left = [
        plan
        for plan in plans
        if verdict_cache.find(machine.store, verdict_cache.compute_keys(plan, known, replayed=replayed), plan, known)
        is None
    ]
    return left or list(plans)


def _mark(plans: Sequence[GatePlan], config: Config, machine: Machine, calls: CallMode) -> None:
    """Store that a part of these answers is asked for: without the cache they would be drawn a second time."""
    replayed = calls.answers == "replay"
    known = adapted_targets.add_known_to_config(config, machine.store, replayed=replayed)
    for plan in plans:
        verdict_cache.mark_part_drawn(machine.store, verdict_cache.compute_keys(plan, known, replayed=replayed))


def _refuse_unknown(plans: Sequence[GatePlan], part: CasePart) -> None:
    """Raise InputError with each id and each tag that no case of these gates has, and the closest one that exists."""
    cases = [case for plan in plans for case in plan.dataset.cases]
    ids, tags = {case.id for case in cases}, sorted({tag for case in cases for tag in case.tags})
    paths = sorted({plan.dataset.path for plan in plans})
    where = Place(path=paths[0]) if len(paths) == 1 else None
    faults = [
        Fault(
            message=f'no case has the id "{name}"',
            place=where,
            hint=suggest_closest(name, sorted(ids), otherwise=f"the ids are those of {', '.join(paths)}"),
        )
        for name in part.cases
        if name not in ids
    ]
    faults += [
        Fault(
            message=f'no case has the tag "{tag}"',
            place=where,
            hint=suggest_closest(
                tag, tags, otherwise=f"the tags are: {', '.join(tags)}" if tags else "no case has a tag"
            ),
        )
        for tag in part.tags
        if tag not in tags
    ]
    if faults:
        raise InputError(faults=faults)
