"""The plan of a replay: a gate whose cases are rows of production, and whose baseline is what production answered.

The rule is that of the gate. What rows cannot say is left out: criteria that need the expected answer, that measure
time, cost, tokens or tool calls, or that choose their cases by tags or ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from evalgate.domain import (
    NO_SETTINGS,
    Arm,
    Case,
    ChangeLevel,
    Check,
    Config,
    Gate,
    GatePlan,
    GoldenDataset,
    Judge,
    Level,
    PromptVersion,
    ReportKind,
    Request,
    Trial,
    applies,
)
from evalgate.domain.field_paths import dig
from evalgate.domain.numbers import show_count
from evalgate.domain.replayed_rows import ReplayedRows
from evalgate.errors import Fault, InputError, ServiceError
from evalgate.gate.plans import find_option_faults
from evalgate.gate.row_criteria import EXPECTED, explain_unscorable, list_needed_fields
from evalgate.plan import gate_plan
from evalgate.plan.case_fields import find_check_faults, list_used_fields
from evalgate.plan.faults import find_judge_faults, find_version_faults

DATASET = "rows of production"
"""The name of the cases in messages and reports."""
STREAM = "replay"
"""The stream of the candidate's samples."""

_NO_LEVEL = ChangeLevel(declared=None, minimum=Level.MINOR, effective=Level.MINOR)
"""The level of a replay, which has none of its own: it only says that the run may stop early."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedVersions:
    """The published version that answers, and the one in production, whose answers are in the rows.

    `redraws` says whether the latter can be asked again about single cases.
    """

    candidate: PromptVersion
    control: PromptVersion
    redraws: bool


def make_replay_plan(
    gate: Gate, versions: ReplayedVersions, cases: Sequence[Case], config: Config, rows: ReplayedRows
) -> GatePlan:
    """Return the plan of a replay of these cases, with one sample of each arm.

    The baseline's requests are those that production answered. All judges of the gate run. Cases whose fields do not
    fit the prompts or a criterion are left out, and counted in the rows of the plan. Raises InputError if no criterion
    is left or the candidate cannot answer rows, and ServiceError if no case fits.
    """
    target = config.targets[gate.candidate_target]
    if target.kind == "recorded":
        raise InputError(
            f'gate "{gate.name}": target "{target.name}" has recorded outputs alone, and cannot answer other cases',
            hint="give the gate a target that is asked, such as one of type openai",
        )
    bare = [replace(case, fields={k: v for k, v in case.fields.items() if k != EXPECTED}) for case in cases]
    fitted, notes = _select_criteria(gate, bare)
    if target.kind != "python":  # a function may read any field
        used = list_used_fields(fitted, [versions.candidate, versions.control])
        bare = [replace(case, fields={k: v for k, v in case.fields.items() if k in used}) for case in bare]
    faults = {case.id: next(_find_case_faults(fitted, versions, case, config), None) for case in bare}
    fit = tuple(case for case in bare if faults[case.id] is None)
    if not fit:
        first = next((fault for fault in faults.values() if fault is not None), None)
        why = "" if first is None else f"; of the first, {first.message}"
        raise ServiceError(
            f"{gate.name}: none of the {show_count(len(bare), 'chosen row')} has fields that fit the prompt{why}",
            hint="log the variables that the prompt was filled with: fields of `served.row`",
        )
    rows = replace(rows, sampled=len(bare), unfit=len(bare) - len(fit), redraws=versions.redraws)
    plan = gate_plan.make_plan(
        fitted,
        versions.candidate,
        versions.control,
        GoldenDataset(path=DATASET, cases=fit),
        _NO_LEVEL,
        config.targets,
        config.policy,
    )
    return replace(
        plan,
        trials=tuple(map(draw_apart, plan.trials)),
        judges=fitted.judges,
        kind=ReportKind.REPLAY,
        replay=rows,
        notes=(*plan.notes, *_describe(rows), *notes),
    )


def draw_apart(trial: Trial) -> Trial:
    """Return a trial of the candidate with draws of its own: those that let it pass its gate are not further evidence.

    A trial of the baseline is unchanged.
    """
    return trial if trial.arm is Arm.BASELINE else replace(trial, ask=partial(_ask_apart, trial.ask))


def _ask_apart(ask: Callable[[Case, int], Request], case: Case, repeat: int) -> Request:
    return replace(ask(case, repeat), stream=STREAM)


def _describe(rows: ReplayedRows) -> Iterator[str]:
    yield (
        f"a replay: the candidate answers rows of production from {rows.since} to {rows.until}, and the baseline is "
        "what production answered; it is not a verdict of the gate, and moves no label"
    )
    if rows.unfit:
        yield (
            f"{rows.unfit} of {show_count(rows.sampled, 'chosen row')} {'is' if rows.unfit == 1 else 'are'} left "
            "out: fields do not fit"
        )
    if not rows.redraws:
        yield (
            "the version in production cannot be asked again: its target has changed since it was published; single "
            "cases that newly fail a blocking check stay undecided"
        )


def _select_criteria(gate: Gate, cases: Sequence[Case]) -> tuple[Gate, list[str]]:
    """Return the gate with the criteria that rows can be scored by, and a note on each of the others.

    One sample of each arm is compared, on one target. Raises InputError if no criterion is left.
    """
    reasons = {one.name: _explain_left_out(one, cases) for one in gate.criteria}
    notes = [f"{name} is left out: {reason}" for name, reason in reasons.items() if reason]
    kept = {name for name, reason in reasons.items() if not reason}
    if not kept:
        raise InputError(
            f'gate "{gate.name}": there is no criterion that rows of production can be scored by: {"; ".join(notes)}',
            hint="add a check or a judge that needs no expected answer",
        )
    fitted = replace(
        gate,
        checks=tuple(check for check in gate.checks if check.name in kept),
        judges=tuple(judge for judge in gate.judges if judge.name in kept),
        thresholds={name: limits for name, limits in gate.thresholds.items() if name not in reasons or name in kept},
        baseline_target=gate.candidate_target,
        baseline=None,
        baseline_samples=1,
        candidate_samples=1,
        wavering_samples=1,
        settings=NO_SETTINGS,
        baseline_settings=NO_SETTINGS,
        similarity=None,
    )
    return fitted, notes


def _explain_left_out(criterion: Check | Judge, cases: Sequence[Case]) -> str:
    """Return why these rows cannot be scored by a criterion; empty if they can."""
    reason = explain_unscorable(criterion, replayed=True)
    if reason is not None:
        return reason
    for name in list_needed_fields(criterion):
        if not any(_has(case, name) for case in cases):
            return f"it needs the field {name}, which no row has"
    return "" if any(applies(criterion, case) for case in cases) else "it applies to no row"


def _has(case: Case, name: str) -> bool:
    try:
        dig(case.fields, name)
    except LookupError:
        return False
    return True


def _find_case_faults(gate: Gate, versions: ReplayedVersions, case: Case, config: Config) -> Iterator[Fault]:
    """Yield why a case cannot be asked or scored, by the rules for golden datasets."""
    alone = GoldenDataset(path=DATASET, cases=(case,))
    target = config.targets[gate.candidate_target]
    yield from find_version_faults(versions.candidate, target, alone)
    yield from find_version_faults(versions.control, target, alone, is_candidate=False)
    yield from find_check_faults(gate, alone)
    yield from find_option_faults(gate, alone)
    for judge in gate.judges:
        if applies(judge, case):
            yield from find_judge_faults(judge, config.targets[judge.target], alone)
