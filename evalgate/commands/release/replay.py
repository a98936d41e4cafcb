"""`release replay`: the candidate answers rows of production, compared with what production answered.

No user sees these answers. The report is evidence for people: no command takes it for a verdict of the gate.
"""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from evalgate.change.pins import Pin, load_pinned_prompt
from evalgate.change.workspace import Workspace, open_workspace
from evalgate.domain import Arm, Case, Gate, GatePlan, Output, PromptVersion, Report, Request, Trial, digest
from evalgate.domain.masking import make_mask
from evalgate.domain.names import suggest_closest
from evalgate.domain.numbers import show_count
from evalgate.domain.replayed_rows import ReplayedRows
from evalgate.errors import EvalgateError, InputError, Place, ServiceError
from evalgate.gate.options import CallMode, Machine
from evalgate.gate.pipeline import refuse_committed
from evalgate.gate.plans import require_variables
from evalgate.gate.replay_plan import STREAM, ReplayedVersions, draw_apart, make_replay_plan
from evalgate.inputs.prompts import load_prompt
from evalgate.plan.estimate import CallEstimate, estimate_calls
from evalgate.plan.target_changes import compare_published
from evalgate.release.document import PublishedVersion, Variable
from evalgate.release.promotion import find_highest
from evalgate.release.published_prompt import rebuild_prompt
from evalgate.release.registry import Registry
from evalgate.release.rollout.replay_rows import ChosenRows, ReplayRow, choose_replay_rows
from evalgate.release.rollout.traffic_rows import find_instant, format_instant
from evalgate.release.version_lookup import find_version, read_last
from evalgate.score.criterion import validate_criterion
from evalgate.services.git_remote import hide_address

if TYPE_CHECKING:
    from evalgate.execute.engine import ProgressEvent
    from evalgate.gate.unanswered_draws import Asking, UnansweredDraws

_SHORT_ID: Final = re.compile(r"[!-~]{1,100}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOptions:
    """What is replayed: the rows of the `hours` before `now` (in UTC), at most `first` of them.

    `version` is the candidate; None: the highest published one.
    """

    now: str
    hours: float
    first: int
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedReplay:
    """A replay before its first call: the plan, what production answered by case, and the calls that it may take."""

    workspace: Workspace
    plan: GatePlan
    outputs: Mapping[str, str]
    estimate: CallEstimate


def prepare_replay(
    config_path: Path,
    registry: Registry,
    name: str,
    rows: Callable[[], Iterable[bytes]],
    machine: Machine,
    *,
    options: ReplayOptions,
) -> PreparedReplay:
    """Choose the rows of production, and plan the candidate's answers to them. Nothing is called yet.

    `rows` opens the rows; it is called once the versions are known. Raises InputError for an unknown prompt,
    gate or version, for a candidate that is in production, and for targets that have changed since the candidate was
    published; ServiceError without a row that can be replayed; and RegistryError.
    """
    workspace = open_workspace(config_path, verify=validate_criterion, environment=machine.environment)
    refuse_committed(workspace, machine.store)
    gate = _find_gate(workspace, name)
    require_variables(workspace.config, [gate])
    versions, production = _load_versions(workspace, gate, registry, options.version)
    until = find_instant(options.now)
    since = until - 3600 * options.hours
    chosen = choose_replay_rows(
        rows(),
        name=name,
        digest=production.digest,
        version=production.version,
        since=since,
        until=until,
        first=options.first,
    )
    _require_rows(chosen, name, options.hours)
    replayed = ReplayedRows(
        since=format_instant(since),
        until=format_instant(until),
        rows=chosen.answers + sum(chosen.faults.values()),
        faults=chosen.faults,
        sampled=len(chosen.rows),
        unfit=0,
        redraws=versions.redraws,
    )
    named = {_make_case_id(row): row for row in chosen.rows}
    cases = [Case(id=case, fields=row.texts.fields) for case, row in named.items()]
    plan = make_replay_plan(gate, versions, cases, workspace.config, replayed)
    plan = replace(plan, notes=(*plan.notes, *_describe_rows(chosen)))
    outputs = {case: row.texts.output for case, row in named.items()}
    estimate = _estimate(workspace, plan, machine)
    return PreparedReplay(workspace=workspace, plan=plan, outputs=outputs, estimate=estimate)


def run_replay(
    prepared: PreparedReplay,
    machine: Machine,
    on_event: Callable[[ProgressEvent], None] = lambda event: None,
) -> Report:
    """Ask the candidate about the rows, score both arms, and decide by the rule of the gate.

    FAIL: proven worse than production. PASS: proven not worse by more than the allowed drop. INCONCLUSIVE, which always
    blocks: neither. Answers in the cache are used, so that the same replay costs nothing. No verdict is stored.
    """
    from evalgate.gate import engine_setup, evaluate, reports

    workspace, plan = prepared.workspace, prepared.plan
    config = workspace.config
    mask = make_mask(config, machine.environment, machine.secrets)
    answered = {case: Output(text=mask.text(text), cached=True) for case, text in prepared.outputs.items()}
    draws = _open_draws(workspace, plan, machine)

    def ask(trial: Trial) -> Asking:
        if trial.arm is Arm.BASELINE and trial.repeat == 0:
            return answered[trial.case.id]
        return (yield from draws.ask(draw_apart(trial)))

    calls = CallMode(answers="live")  # no recording has the answers to these rows
    with engine_setup.open_engine(workspace, [plan], machine, calls, on_event=on_event) as engine:
        gate = draws.add_note(evaluate.evaluate_plan(engine, plan, config, ask))
        engine.finish()
        return replace(reports.make_report([gate], engine.warnings), texts=config.texts)


def _find_gate(workspace: Workspace, name: str) -> Gate:
    gates = {gate.name: gate for gate in workspace.config.gates}
    if name not in gates:
        hint = suggest_closest(name, gates, otherwise=f"the gates are: {', '.join(gates)}")
        raise InputError(f'no gate of {workspace.config.path} is named "{name}"', hint=hint)
    return gates[name]


def _load_versions(
    workspace: Workspace, gate: Gate, registry: Registry, called: str | None
) -> tuple[ReplayedVersions, PublishedVersion]:
    """Return the prompts of the candidate and of the version in production, and the latter as it was published."""
    last = read_last(registry, gate.name)
    production = last.document.find_label("production")
    if production is None:
        raise InputError(
            f"{gate.name}: no version is in production, so there is nothing to compare with",
            hint=f"evalgate release promote {shlex.quote(gate.name)} --to production",
        )
    highest = find_highest(last.document)
    assert highest is not None  # a document with a label has a version
    chosen = highest if called is None else find_version(registry, last.document, called)
    if chosen.digest == production.digest:
        raise InputError(
            f"{gate.name}: {chosen} is in production, and is what the rows were answered with",
            hint="publish another version, or name one: --version V",
        )
    target = workspace.config.targets[gate.candidate_target]
    place = hide_address(registry.url)
    models = _list_models(workspace, gate)
    candidate, control = (_load_prompt(one, gate, workspace, place, models) for one in (chosen, production))
    changed = compare_published(target, candidate, chosen.model, chosen.parameters)
    if changed:
        raise InputError(
            f'{gate.name}: target "{target.name}" has changed since {chosen} was published ({", ".join(changed)}), so '
            "that it would not answer as users will be answered",
            hint=f"restore it in {workspace.config.path}, or publish the version anew with its model and parameters",
        )
    redraws = not compare_published(target, control, production.model, production.parameters)
    return ReplayedVersions(candidate=candidate, control=control, redraws=redraws), production


def _list_models(workspace: Workspace, gate: Gate) -> list[str | None]:
    """Return the model that the gate's prompt names here: its target may ask another one, as a local target does."""
    with contextlib.suppress(EvalgateError):
        return [load_prompt(workspace.tree, gate.prompt, gate.settings).model]
    return []


def _load_prompt(
    version: PublishedVersion, gate: Gate, workspace: Workspace, place: str, models: Sequence[str | None]
) -> PromptVersion:
    """Return the prompt of a published version: from the document if that tells it, else from its commit.

    Raises InputError if neither has the content with its digest.
    """
    found = rebuild_prompt(version, gate.name, models)
    if found is None and version.git_sha is None:
        raise InputError(
            f"{gate.name}: {version} is in no repository, and what the release document has of it is not the prompt "
            "with this digest",
            hint="name another version: --version V",
        )
    if found is None:
        pin = Pin(
            gate=gate.name,
            version=version.version,
            digest=version.digest,
            ref=version.git_sha,
            signed_off_by=version.author,
            at=version.at,
            place=Place(path=place),
            registry=place,
            path=version.source,
        )
        found = load_pinned_prompt(pin, [version.source, gate.prompt], workspace.git, gate.settings)
    last = version.messages[-1].parts if version.messages else None
    if not found.variables and found.user is None and last is not None and [type(one) for one in last] == [Variable]:
        found = replace(found, asked=next(one.name for one in last if isinstance(one, Variable)))
    published = {part.name for one in version.messages for part in one.parts or () if isinstance(part, Variable)}
    if published - found.variables:
        raise InputError(
            f"{gate.name}: {version} was published with the variables {', '.join(sorted(published))}, and the prompt "
            f"uses {', '.join(sorted(found.variables)) or 'none'}",
            hint="publish the version anew",
        )
    return found


def _require_rows(chosen: ChosenRows, name: str, hours: float) -> None:
    """Raise ServiceError if no row can be replayed, with the reasons."""
    if chosen.rows:
        return
    counts = {**chosen.faults, **chosen.others}
    why = ", ".join(f"{count:,} {reason}" for reason, count in counts.items()) or "there are none"
    raise ServiceError(
        f"{name}: no row of the last {f'{hours:g} hours' if hours != 1 else 'hour'} is an answer of production "
        f"with `fields` and `output`: {why}",
        hint="log both for some of the answers: see docs/rollout.md",
    )


def _describe_rows(chosen: ChosenRows) -> list[str]:
    """Return notes on the rows that are left out, and on those of which it is not known whose they are."""
    counts = {**chosen.faults, **chosen.others}
    notes = [f"rows left out: {', '.join(f'{count:,} {reason}' for reason, count in counts.items())}"] if counts else []
    keyless = sum(not row.has_key for row in chosen.rows)
    if keyless:
        keys = show_count(keyless, "row has", "rows have")
        notes.append(f"{keys} no key: each counts as one user, though they may be of a few")
    return notes


def _make_case_id(row: ReplayRow) -> str:
    """Return the id of a row as that of its case; a digest of one that is long or not plain."""
    return row.id if _SHORT_ID.fullmatch(row.id) else f"row-{digest(row.id)}"


def _estimate(workspace: Workspace, plan: GatePlan, machine: Machine) -> CallEstimate:
    from evalgate.gate.known_answers import open_known_answers

    targets = {name: replace(target, recordings=None) for name, target in workspace.config.targets.items()}
    config = replace(workspace.config, targets=targets)
    with open_known_answers(config, [plan], workspace.tree, machine.store) as known:

        def is_known(request: Request) -> bool:
            return request.stream != STREAM or known.has(request)  # production has answered the baseline's

        return estimate_calls(plan, config.targets, is_known)


def _open_draws(workspace: Workspace, plan: GatePlan, machine: Machine) -> UnansweredDraws:
    """Return the candidate's draws without an answer to any rows: they count in each later replay of this version."""
    from evalgate.gate import adapted_targets
    from evalgate.gate.unanswered_draws import UnansweredDraws as Draws

    answering = adapted_targets.digest_answering(plan, workspace.config.targets)
    key = digest(["replay", plan.gate.name, plan.candidate.digest, answering])
    return Draws(machine.store.find_unanswered(key), plan, workspace.config.targets, controls=False)
