"""What a tick of a rollout does: go on, hold or roll back, from the counted rows of the stage and the time.

With K things watched and S stages, the candidate is rolled back at e >= K S / alpha: the chance that a whole rollout of
an equal version is rolled back is at most alpha. It goes on when each thing is proven, at e >= 1 / alpha, to have lost
less than it may: the chance that a stage takes a loss of that size for fine is at most alpha, for all of them together,
since each one has to be proven.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from evalgate.domain.numbers import show_count
from evalgate.release.rollout import e_values
from evalgate.release.rollout.decision_words import (
    Bounds,
    describe_left_out,
    describe_undecided,
    describe_unproven,
    describe_worse,
    format_e,
    format_hours,
    format_number,
)
from evalgate.release.rollout.silence import SILENCE_BOUND
from evalgate.release.rollout.stage_hours import begins_late, covers_stage
from evalgate.release.rollout.state import LEAST_ON_STAGING, STAGING, RolloutState
from evalgate.release.rollout.tally import AB, StageEvidence, Watched
from evalgate.release.rollout.traffic_rows import find_instant, has_lost

DEAL_BOUND: Final = e_values.DEAL_BOUND
MOST_UNSCORED: Final = 0.5
"""The share of the answers to be scored that may lack a score, also if both versions lack as many.

A judge that is down scores neither, and the scores that prove a stage are those of its first hours.
"""
_HOUR: Final = 3600.0

Action = Literal["advance", "finish", "hold", "roll_back"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutDecision:
    """What a tick does and why. `code` is one word for machines, with the name after a colon where there is one.

    `numbers` are data of JSON.
    """

    action: Action
    code: str
    sentence: str
    numbers: Mapping[str, Any]


def decide(
    state: RolloutState,
    evidence: StageEvidence,
    now: str | datetime,
    required_hours: float,
    *,
    written: str | None = None,
) -> RolloutDecision:
    """Decide on the present stage of a rollout that is not paused.

    The first stage lasts `required_hours` at least. `written` is the time of the document: a clock that is behind it,
    or behind the beginning of the stage, decides nothing.
    """
    at = find_instant(now)
    stage = _Stage.find(state, evidence, required_hours)
    for behind in (state.began, written):
        if behind is not None and at < find_instant(behind):
            sentence = f"this clock says {now}, and the document was written at {behind}: set the clock"
            return RolloutDecision(action="hold", code="clock", sentence=sentence, numbers=stage.numbers)
    found = _find_worse(state, evidence, stage) or _find_fault(evidence, stage)
    if found is None:
        found = _compare_versions(evidence, stage) if state.kind == AB else _go_on(state, evidence, stage, at)
    if found.action == "hold" and state.kind != AB and at > stage.limit:
        return _end_holding(state, found, stage)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    """The bounds of a stage: its hours, the times of its end and of its limit, and its e-values."""

    hours: float
    began: float
    limit: float
    bounds: Bounds
    numbers: dict[str, Any]

    @property
    def end(self) -> float:
        return self.began + _HOUR * self.hours

    @classmethod
    def find(cls, state: RolloutState, evidence: StageEvidence, required_hours: float) -> _Stage:
        rules, things = state.rules, max(1, len(evidence.watched))
        hours = rules.staging_hours if state.stage == STAGING else rules.stages[state.stage - 1].hours
        if state.stage == STAGING + 1:
            hours = max(hours, required_hours)
        began = find_instant(state.began)
        sides = 2 if state.kind == AB else 1
        bounds = Bounds(worse=sides * things * len(rules.stages) / rules.alpha, fine=1 / rules.alpha)
        return cls(
            hours=hours,
            began=began,
            limit=began + _HOUR * (hours + rules.hold_hours),
            bounds=bounds,
            numbers=_list_numbers(evidence, bounds, hours),
        )


def _find_worse(state: RolloutState, evidence: StageEvidence, stage: _Stage) -> RolloutDecision | None:
    """Return the rollback for the thing that is proven worst. Rows that are left out do not prevent it."""
    worst = max(evidence.watched, key=lambda one: one.log_e_worse, default=None)
    if worst is None or worst.log_e_worse < math.log(stage.bounds.worse):
        return None
    sentence = describe_worse(worst, stage.bounds, on_staging=state.stage == STAGING)
    return _make("roll_back", f"worse:{worst.name}", sentence, stage, worst)


def _find_fault(evidence: StageEvidence, stage: _Stage) -> RolloutDecision | None:
    """Return the hold for rows that are not a basis of a decision."""
    lost = zip(evidence.arm_faults, evidence.arm_rows, strict=True)
    if has_lost(evidence.faults, evidence.rows) or any(has_lost(*arm, is_arm=True) for arm in lost):
        return _make("hold", "left_out", describe_left_out(evidence), stage)
    if evidence.log_e_deal >= math.log(DEAL_BOUND):
        controls, candidates = evidence.keys
        sentence = (
            f"the keys are not assigned as the share says: the canary has {candidates:,} of {controls + candidates:,}, "
            f"e = {format_e(evidence.log_e_deal, DEAL_BOUND)} against {DEAL_BOUND:,.0f}: look for rows that are lost"
        )
        return _make("hold", "deal", sentence, stage)
    silence = evidence.silence
    if silence.log_e >= math.log(SILENCE_BOUND):
        arm = "the canary" if silence.arm == e_values.CANDIDATE else "production"
        sentence = (
            f"{arm} has none of {silence.keys:,} keys in a row since {silence.since}, "
            f"e = {format_e(silence.log_e, SILENCE_BOUND)} against {SILENCE_BOUND:,.0f}: look for rows that are lost"
        )
        return _make("hold", "silent", sentence, stage)
    if evidence.own.log_e_texts >= math.log(DEAL_BOUND):
        sentence = (
            "answers of one version lack `fields` or `output` more often than those of the other, "
            f"e = {format_e(evidence.own.log_e_texts, DEAL_BOUND)} against {DEAL_BOUND:,.0f}: log both alike"
        )
        return _make("hold", "texts", sentence, stage)
    if evidence.log_e_unsaid >= math.log(DEAL_BOUND):
        sentence = (
            "answers of one version have no score more often than those of the other, and their rows do not say "
            f"whether they are sampled, e = {format_e(evidence.log_e_unsaid, DEAL_BOUND)} against {DEAL_BOUND:,.0f}: "
            "write `sampled` into each row"
        )
        return _make("hold", "unsaid", sentence, stage)
    return None


def _go_on(state: RolloutState, evidence: StageEvidence, stage: _Stage, at: float) -> RolloutDecision:
    """Return what a stage without a fault does: it goes on when its hours are over and everything is proven."""
    name = "staging" if state.stage == STAGING else f"stage {state.stage} of {len(state.rules.stages)}"
    if not any(evidence.keys):
        return _make("hold", "no_rows", f"{name} has no row that counts", stage)
    if at < stage.end:
        passed = format_hours((at - stage.began) / _HOUR, below=stage.hours)
        counted = (
            show_count(evidence.keys[1], "answer counts", "answers count")
            if state.stage == STAGING
            else _count_keys(evidence)
        )
        sentence = f"{passed} of the {stage.hours:g} hours of {name} are over; {counted}"
        return _make("hold", "waiting", sentence, stage)
    if state.stage == STAGING:
        return _leave_staging(evidence, stage)
    gap = _find_gap(state, evidence, stage, name)
    if gap is not None:
        return gap
    unproven = _list_unproven(evidence, stage)
    if unproven or not evidence.watched:
        sentence = describe_unproven(unproven, stage.bounds)
        return _make("hold", "unproven", sentence, stage, *unproven)
    least = min(evidence.watched, key=lambda one: one.log_e_fine)
    sentence = (
        f"{name} is proven after {format_hours((at - stage.began) / _HOUR)} hours: all {len(evidence.watched)} things "
        f"that are watched lost less than they may, the least sure of them {least.name} with "
        f"e = {format_e(least.log_e_fine, stage.bounds.fine)} against {format_number(stage.bounds.fine)}; "
        f"{_count_keys(evidence)}"
    )
    last = state.stage == len(state.rules.stages)
    return _make("finish" if last else "advance", "proven", sentence, stage)


def _list_unproven(evidence: StageEvidence, stage: _Stage) -> list[Watched]:
    return [one for one in evidence.watched if one.log_e_fine < math.log(stage.bounds.fine)]


def _find_gap(state: RolloutState, evidence: StageEvidence, stage: _Stage, name: str) -> RolloutDecision | None:
    """Return the hold for rows, or for scores, that are not those of the whole stage."""
    first, last = evidence.first, evidence.last
    if last is None or not covers_stage(last, state.began, stage.hours):
        sentence = f"the newest row that counts is from {last}, before the end of {name}: look for rows that are lost"
        return _make("hold", "rows_end", sentence, stage)
    if first is not None and begins_late(first, last, state, stage.hours):
        sentence = (
            f"the rows of {name} are those from {first} to {last}, and not of {stage.hours:g} hours: let `rows` name "
            "the older files as well"
        )
        return _make("hold", "rows_begin", sentence, stage)
    if _list_unproven(evidence, stage):
        return None
    if not covers_stage(evidence.covered, state.began, stage.hours):
        whose = "the canary" if evidence.covered == evidence.ends[1] else "production"
        sentence = (
            f"the newest row of {whose} that counts is from {evidence.covered}, before the end of {name}: look for "
            "rows that are lost"
        )
        return _make("hold", "rows_end", sentence, stage)
    unscored = next((one for one in evidence.watched if one.name == "unscored"), None)
    missing = 0.0 if unscored is None else max(mean or 0.0 for mean in unscored.mean)
    if missing > MOST_UNSCORED:
        sentence = (
            f"{100 * missing:.3g} % of the answers of a version that were to be scored have no score: see the judge"
        )
        return _make("hold", "unscored", sentence, stage)
    return None


def _leave_staging(evidence: StageEvidence, stage: _Stage) -> RolloutDecision:
    """Return what staging does when its hours are over: nothing is compared, but means are held to their floors."""
    if evidence.keys[1] < LEAST_ON_STAGING:
        sentence = (
            f"staging has {show_count(evidence.keys[1], 'answer that counts', 'answers that count')}, and "
            f"needs {LEAST_ON_STAGING}"
        )
        return _make("hold", "unproven", sentence, stage)
    for one in evidence.watched:
        mean, is_rate = one.mean[1], one.name in ("errors", "unscored")
        if mean is None or (one.n[1] < LEAST_ON_STAGING and not is_rate):
            if is_rate:
                continue  # nothing was sampled yet: the score itself says so
            sentence = f"{one.name}: staging has {show_count(one.n[1], 'score')}, and needs {LEAST_ON_STAGING}"
            return _make("hold", "unproven", sentence, stage, one)
        if mean > one.allowed if is_rate else mean < one.allowed:
            sentence = describe_worse(one, stage.bounds, on_staging=True)
            return _make("hold", f"floor:{one.name}", sentence, stage, one)
    sentence = (
        f"staging is over: {show_count(evidence.keys[1], 'answer counts', 'answers count')}, and all means "
        "are within their limits"
    )
    return _make("advance", "proven", sentence, stage)


def _compare_versions(evidence: StageEvidence, stage: _Stage) -> RolloutDecision:
    """Return what an A/B test says. It never advances: a person ends it."""
    if not any(evidence.keys):
        return _make("hold", "no_rows", "the test has no row that counts", stage)
    best = max(evidence.watched, key=lambda one: one.log_e_better, default=None)
    if best is not None and best.log_e_better >= math.log(stage.bounds.worse):
        sentence = describe_worse(best, stage.bounds, on_staging=False, is_better=True)
        return _make("hold", f"better:{best.name}", sentence, stage, best)
    return _make("hold", "undecided", describe_undecided(evidence, stage.bounds), stage)


def _end_holding(state: RolloutState, found: RolloutDecision, stage: _Stage) -> RolloutDecision:
    """Return the end of a hold that is over its limit: it is an error, or a rollback where the rules say so."""
    hours = f"{stage.hours:g} + {state.rules.hold_hours:g}"
    return RolloutDecision(
        action="roll_back" if state.rules.when_held == "rollback" else "hold",
        code="held_too_long",
        sentence=f"held for longer than the {hours} hours of the rules: {found.sentence}",
        numbers={**found.numbers, "held_for": found.code},
    )


def _make(action: Action, code: str, sentence: str, stage: _Stage, *decisive: Watched) -> RolloutDecision:
    numbers = {**stage.numbers, "decisive": [one.name for one in decisive]}
    return RolloutDecision(action=action, code=code, sentence=sentence, numbers=numbers)


def _count_keys(evidence: StageEvidence) -> str:
    return f"{evidence.keys[0]:,} and {show_count(evidence.keys[1], 'key')}"


def _list_numbers(evidence: StageEvidence, bounds: Bounds, hours: float) -> dict[str, Any]:
    return {
        "hours": hours,
        "bound_worse": bounds.worse,
        "bound_fine": bounds.fine,
        "keys": list(evidence.keys),
        "rows": evidence.rows,
        "faults": evidence.faults,
        "log_e_deal": round(evidence.log_e_deal, 6),
        "watched": {
            one.name: {
                "allowed": one.allowed,
                "n": list(one.n),
                "mean": [None if mean is None else round(mean, 6) for mean in one.mean],
                "log_e_worse": round(one.log_e_worse, 6),
                "log_e_fine": round(one.log_e_fine, 6),
                "log_e_better": round(one.log_e_better, 6),
            }
            for one in evidence.watched
        },
    }
