"""A rollout and its rows at one moment: the counted rows and the decision on them. Pure.

What `tick` acts on and `status` shows are the same: the same document, rows and time give the same decision.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from evalgate.release.document import ReleaseDocument
from evalgate.release.rollout.decision import RolloutDecision, decide
from evalgate.release.rollout.online_scores import ScoreAnswers
from evalgate.release.rollout.stage_hours import count_hours, find_required
from evalgate.release.rollout.state import RolloutState
from evalgate.release.rollout.tally import StageEvidence, tally_stage
from evalgate.release.rollout.verb_rules import find_required_hours

_FAULTS = ("left_out", "deal", "silent", "unscored", "texts", "unsaid", "clock", "held_too_long", "floor", "better")
"""The beginnings of the codes of holds that a person should know of. The others wait, and the next tick looks again."""

_SILENT_HOURS = 24
"""The hours without a new row after which a stage that waits for rows is a fault: some prompts are used by day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What the rows say about a rollout, and what follows. `hours` is how long the present stage lasts at least.

    A hold with `is_fault` is one that waiting does not end.
    """

    state: RolloutState
    hours: float
    evidence: StageEvidence
    decision: RolloutDecision
    is_fault: bool


def assess_rollout(
    document: ReleaseDocument,
    state: RolloutState,
    rows: Iterable[bytes | str],
    now: str,
    score: ScoreAnswers | None = None,
    *,
    looks: int = 0,
) -> Assessment:
    """Count the rows for the present stage of a rollout that is not paused, and decide. `now` is in UTC.

    `score` gives the scores of the criteria that evalgate scores itself; without it those answers wait. With
    `looks` the evidence has traces, which change no decision.
    """
    versions = {digest: document.versions[digest].version for digest in (state.candidate, state.control)}
    evidence = tally_stage(rows, name=document.name, state=state, versions=versions, now=now, score=score, looks=looks)
    required = find_required_hours(document, state)
    # a holdback has no end that it could be held beyond; a fault of its rows stays one
    ruled = replace(state, rules=replace(state.rules, hold_hours=math.inf)) if state.is_holdback else state
    decision = _respect_holdback(state, decide(ruled, evidence, now, required, written=document.at))
    hours = find_required(state, required)
    silent = count_hours(evidence.covered or state.began, now)
    had_rows = state.began != state.started or state.slow is not None or state.expensive is not None
    lacks_rows = {
        "no_rows": silent > hours,
        "rows_end": silent > _SILENT_HOURS,
        "rows_begin": had_rows,  # an earlier stage, or production before the start: they are gone
    }.get(decision.code, False)
    is_fault = decision.action == "hold" and (decision.code.partition(":")[0] in _FAULTS or lacks_rows)
    return Assessment(state=state, hours=hours, evidence=evidence, decision=decision, is_fault=is_fault)


def _respect_holdback(state: RolloutState, decision: RolloutDecision) -> RolloutDecision:
    """Return a decision as the last stage of a holdback takes it: only worse numbers end it, and else a person."""
    if not state.is_holdback or not (decision.action == "finish" or decision.code in ("unproven", "rows_begin")):
        return decision
    kept = f"{state.rules.holdback / 100:g} % of the users keep the control until a person ends that with `advance`"
    return replace(decision, action="hold", code="holdback", sentence=f"{kept}; {decision.sentence}")
