"""`run`: the complete gate, from the versions to the verdict."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from evalgate.change import changed_gates, pins, prompt_edits
from evalgate.change.merged_tree import MergedTree
from evalgate.change.sparse_prompts import refuse_left_out
from evalgate.change.ungated_files import refuse_ungated
from evalgate.change.workspace import Commit, PullRequest, WorkingTree, Workspace
from evalgate.commands.validate import validate
from evalgate.domain import Config, Gate, GatePlan, Report
from evalgate.domain.lists import name_some
from evalgate.errors import EvalgateError, Fault, InputError, ServiceError, make_all
from evalgate.gate import moved_sources, pipeline
from evalgate.gate.options import CallMode, Machine, Selection, open_for_run
from evalgate.gate.plans import make_plans, select_gates
from evalgate.services.user_files import resolve_path
from evalgate.store.store import Store

if TYPE_CHECKING:
    from evalgate.execute.engine import ProgressEvent
    from evalgate.gate.experiment_upload import ExperimentUpload, SentExperiment

OnPlans: TypeAlias = Callable[[Workspace, Sequence[GatePlan]], None]
"""What is called with the plans of a run, before its first model call."""

_NAMED = 3
_MOST_FORMS = 3
"""How often a run starts again because an endpoint accepts another form of requests than before."""


@dataclass(slots=True, kw_only=True)
class PlansOfRun:
    """The plans of a run, which it hands over before its first call; `then` is called with them as well."""

    then: OnPlans | None = None
    workspace: Workspace | None = None
    plans: Sequence[GatePlan] = ()

    def __call__(self, workspace: Workspace, plans: Sequence[GatePlan]) -> None:
        self.workspace, self.plans = workspace, plans
        if self.then is not None:
            self.then(workspace, plans)


def run(
    config_path: Path,
    selection: Selection,
    machine: Machine,
    calls: CallMode,
    on_event: Callable[[ProgressEvent], None],
    *,
    on_plans: OnPlans | None = None,
) -> Report:
    """Run the whole gate: versions, plan, answers, scores, comparison, verdict.

    If an endpoint begins to refuse the form of earlier answers, the gate runs again in the form that it accepts.
    """
    for _ in range(_MOST_FORMS):
        try:
            return _run_once(config_path, selection, machine, calls, on_event, on_plans=on_plans)
        except ServiceError as error:
            from evalgate.execute.request_forms import FormChangedError  # the engine is imported already

            if not isinstance(error, FormChangedError):
                raise
            machine.note(f"{error.faults[0].message}; the run starts again in the accepted form")
    return _run_once(config_path, selection, machine, calls, on_event, on_plans=on_plans)


def _run_once(
    config_path: Path,
    selection: Selection,
    machine: Machine,
    calls: CallMode,
    on_event: Callable[[ProgressEvent], None],
    *,
    on_plans: OnPlans | None,
) -> Report:
    # versions that were named are to be compared, whatever the working tree has in common with the merge base
    narrow = selection.changed and selection.candidate is None and selection.baseline is None
    workspace = open_for_run(config_path, selection, calls, environment=machine.environment, verify=not narrow)
    selected = select_gates(workspace, selection)
    if isinstance(workspace, PullRequest):
        return _decide_change(
            workspace, selected, selection, machine, calls, on_event=on_event, on_plans=on_plans, narrow=narrow
        )
    removed = (*_describe_removed(workspace, selection), *refuse_ungated(workspace.config, workspace.tree))
    if narrow:
        args = (workspace.tree, workspace.git, workspace.config, selection.default_branch)
        names = {gate.name for gate in changed_gates.find_changed_gates(selected, *args)}
        if not names:
            from evalgate.gate import reports

            return reports.make_report((), removed)
        workspace = open_for_run(config_path, selection, calls, environment=machine.environment)
        selected = tuple(gate for gate in workspace.config.gates if gate.name in names)
    return _decide(
        workspace, selected, selection, machine, calls, on_event=on_event, on_plans=on_plans, remarks=removed
    )


def run_and_keep(config_path: Path, selection: Selection, machine: Machine, calls: CallMode) -> Report:
    """`run`, with its report kept in the store; where it cannot be kept, a warning in it says so."""
    forget_reports(machine.store, calls)
    ran = PlansOfRun()
    report = run(config_path, selection, machine, calls, lambda event: None, on_plans=ran)
    try:
        keep_report(report, ran, machine, calls)
    except OSError as error:
        path = choose_place(machine.store, calls)
        report = replace(report, warnings=(*report.warnings, f"{path}: cannot be written: {error.strerror}"))
    return report


def forget_reports(store: Store, calls: CallMode) -> None:
    """Remove the last run's report: a run that ends without a verdict must not leave an old one behind.

    A run of a part of the cases leaves the report of the last run of all cases as it is.
    """
    for path in [store.last_part] if calls.part is not None else [store.last_report, store.last_part]:
        for one in (path, store.find_prompts(path)):
            with contextlib.suppress(OSError):
                one.unlink(missing_ok=True)


def choose_place(store: Store, calls: CallMode) -> Path:
    """Return where the report of a run is kept: that of a part beside that of the last run of all cases."""
    return store.last_report if calls.part is None else store.last_part


def keep_report(report: Report, ran: PlansOfRun, machine: Machine, calls: CallMode) -> None:
    """Keep the report of this run for the verbs that work from it, unless it had no gate. Raises OSError.

    The prompts that were sent are kept beside it, and the log of runs gets a line for each gate.
    """
    from evalgate.domain.history_rows import list_runs
    from evalgate.store import report_json, run_log
    from evalgate.store.atomic import write_file

    if not report.gates and not report.policy_changes:
        return
    path = choose_place(machine.store, calls)
    run_log.append_runs(machine.store.run_log, list_runs(report))
    write_file(path, report_json.pieces(report))
    if ran.workspace is not None:
        from evalgate.gate.requests_shown import keep_prompts

        keep_prompts(machine.store.find_prompts(path), report, ran.workspace, ran.plans, machine, calls)


def send_experiments(upload: ExperimentUpload, report: Report) -> list[SentExperiment]:
    """Send the answers and scores of a report to Langfuse, with the texts that the configuration lets out.

    Raises LangfuseError, and ServiceError that names what is missing there.
    """
    from evalgate.decide import policy
    from evalgate.report.case_selection import select_cases
    from evalgate.report.withhold import withhold_texts

    kept: dict[str, Collection[str] | None] = {gate.evidence.name: None for gate in report.gates}
    if report.texts != "all":
        is_shown = report.texts == "failing"
        kept = {g.evidence.name: {one.case for one in select_cases(g)} if is_shown else () for g in report.gates}
    return upload.send(withhold_texts(report, policy.decide), kept)


def _decide_change(
    workspace: PullRequest,
    selected: Sequence[Gate],
    selection: Selection,
    machine: Machine,
    calls: CallMode,
    *,
    on_event: Callable[[ProgressEvent], None],
    on_plans: OnPlans | None,
    narrow: bool,
) -> Report:
    """Return the verdict on a pull request by its base's policy; without prompts, on its policy edits alone."""
    change, remarks = workspace.change, workspace.change.remarks
    _refuse_added_store(workspace, machine.store)
    if workspace.merged is not None:
        remarks += _refuse_ungated_when_merged(workspace.merged, workspace.config)
        if change.changes or change.is_moved:
            _validate_merged(workspace, workspace.merged)
    if narrow:
        selected = prompt_edits.find_edited_prompts(selected, change, workspace.git)
    if not selected:
        from evalgate.gate import reports

        return reports.make_report((), remarks, change.changes)
    return _decide(
        workspace, selected, selection, machine, calls, on_event=on_event, on_plans=on_plans, remarks=remarks
    )


def _decide(
    workspace: Workspace,
    gates: Sequence[Gate],
    selection: Selection,
    machine: Machine,
    calls: CallMode,
    *,
    on_event: Callable[[ProgressEvent], None],
    on_plans: OnPlans | None,
    remarks: Sequence[str],
) -> Report:
    """Return the verdict on gates; of answers drawn again, or of a part of the cases, a report that decides nothing."""
    if calls.part is not None:
        from evalgate.gate import partial_run

        plans = make_plans(workspace, gates, selection, calls, machine.store)
        if on_plans is not None:
            on_plans(workspace, plans)
        return partial_run.run_part(workspace, plans, machine, calls, on_event, remarks=remarks)
    if calls.draws_again is None:
        plans = make_plans(workspace, gates, selection, calls, machine.store)
        if on_plans is not None:
            on_plans(workspace, plans)
        report = pipeline.decide_plans(workspace, plans, machine, calls, on_event, remarks=remarks)
        return moved_sources.add_moved(report, workspace, plans)
    from evalgate.gate import redraw

    stored, bare = (
        make_plans(workspace, gates, selection, replace(calls, use_cache=use_cache), machine.store)
        for use_cache in (True, False)
    )
    if on_plans is not None:
        on_plans(workspace, stored)
    report = redraw.decide_and_draw_again(workspace, stored, bare, machine, calls, on_event, remarks=remarks)
    return moved_sources.add_moved(report, workspace, stored)


def _refuse_added_store(workspace: PullRequest, store: Store) -> None:
    """Raise InputError if a change puts the store under version control: every later change would be refused."""
    git, sides = workspace.git, workspace.change.sides
    top = git.root.resolve()
    places = [place for place in {store.root.absolute(), resolve_path(store.root)} if place.is_relative_to(top)]
    wanted = [tuple(part.casefold() for part in place.relative_to(top).parts) for place in places]
    added = git.added(sides.base, sides.head) if wanted else []
    found = [path for path in added if any(tuple(path.casefold().split("/"))[: len(one)] == one for one in wanted)]
    if found:
        raise InputError(
            f"this change puts the store under version control: {name_some(found, _NAMED)}",
            hint=f"git rm -r --cached {store.root.name}, and name it in .gitignore",
        )


def _refuse_ungated_when_merged(merged: Commit, base: Config) -> tuple[str, ...]:
    """Return the sentence about ungated files, by the base's `ungated`; a change that sets `fail` has to meet it."""
    config = merged.config
    return refuse_ungated(config if config.ungated == "fail" else replace(config, ungated=base.ungated), merged.tree)


def _validate_merged(workspace: PullRequest, merged: Commit) -> None:
    """Raise InputError for what is invalid once a change is merged, but for the faults that the base has without it."""
    try:
        validate(merged)
    except EvalgateError as error:
        sides, config = workspace.change.sides, workspace.config
        tip = MergedTree(workspace.git, base=sides.policy, head=sides.policy, tip=sides.policy)
        known: Sequence[Fault] = ()
        try:
            validate(replace(merged, tree=tip, config=config, pins=workspace.pins))
        except EvalgateError as before:
            known = before.faults
        if not set(error.faults) <= set(known):
            raise
    if pins.pins_path(workspace.config.path) in {edit.path for edit in workspace.change.changes}:
        _require_pinned(merged)


def _require_pinned(workspace: Commit) -> None:
    """Raise InputError for a pin of a release that does not exist: it would break every later change."""
    git, own = workspace.git, workspace.pins
    pinned = [gate for gate in workspace.config.gates if gate.name in own]
    make_all(pinned, lambda gate: pins.load_pinned_prompt(own[gate.name], [gate.prompt], git, gate.settings))


def _describe_removed(workspace: Workspace, selection: Selection) -> tuple[str, ...]:
    """Return a sentence for each gate that a change took out of the configuration: what is not gated always passes."""
    if workspace.git is None:
        return ()
    path = workspace.config.path
    if isinstance(workspace, WorkingTree):
        refuse_left_out(workspace.tree, workspace.git, workspace.config)
    changed_gates.refuse_moved_out_of_patterns(
        workspace.tree, workspace.git, workspace.config, selection.default_branch
    )
    names = changed_gates.find_removed_gates(workspace.tree, workspace.git, workspace.config, selection.default_branch)
    return tuple(
        f'the gate "{name}" was removed from {path} since the merge base: it decides nothing' for name in names
    )
