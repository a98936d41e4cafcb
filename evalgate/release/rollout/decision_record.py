"""The evidence of a decision in the ledger: its numbers as JSON, and whether they prove what the decision says."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from evalgate.release.checked_value import DocumentError, Value
from evalgate.release.rollout import e_values
from evalgate.release.rollout.stage_hours import SLACK, count_hours, covers_stage, find_required
from evalgate.release.rollout.state import LEAST_ON_STAGING, STAGING, RolloutState
from evalgate.release.rollout.traffic_rows import FAULTS, has_lost

if TYPE_CHECKING:
    from evalgate.release.rollout.decision import RolloutDecision
    from evalgate.release.rollout.tally import StageEvidence

DEAL_BOUND: Final = math.log(e_values.DEAL_BOUND)
"""The logarithm of the e-value from which on the keys count as not assigned as the share says."""


def encode_decision(decision: RolloutDecision, state: RolloutState, evidence: StageEvidence | None) -> dict[str, Any]:
    """Return what an entry keeps of a decision and of the rows that it was made on."""
    found: dict[str, Any] = {"code": decision.code, "proven": decision.code == "proven", "stage": state.stage}
    if evidence is not None:
        found |= {
            "keys": list(evidence.keys),
            "rows": evidence.rows,
            "left_out": dict(evidence.left_out),
            "arm_rows": list(evidence.arm_rows),
            "arm_faults": list(evidence.arm_faults),
            "log_e_deal": evidence.log_e_deal,
            "last": evidence.covered,
            "watched": {
                one.name: {
                    "allowed": one.allowed,
                    "n": list(one.n),
                    "mean": list(one.mean),
                    "log_e_worse": one.log_e_worse,
                    "log_e_fine": one.log_e_fine,
                    "blocks": one.blocks,
                }
                for one in evidence.watched
            },
        }
    return {"decision": found}


def encode_word(state: RolloutState) -> dict[str, Any]:
    """Return the evidence of a person who goes on without a proof."""
    return {"decision": {"code": "person", "proven": False, "stage": state.stage}}


def is_proven(evidence: Mapping[str, Any] | None) -> bool:
    """Return whether evidence says that its decision was proven, and not a person's word."""
    decision = (evidence or {}).get("decision")
    return isinstance(decision, dict) and decision.get("proven") is True


def find_gaps(evidence: Mapping[str, Any] | None, state: RolloutState, at: str, hours: float) -> Iterator[str]:
    """Yield why the evidence of an entry does not carry its decision to go on from a stage at a time.

    A person's word has to say so, and has no numbers. A proof has numbers that reach the bounds of the rules for all
    that is watched, after the hours of the stage, of which the first one lasts `hours` at least.
    """
    try:
        given = Value(dict(evidence or {}), "entry.evidence")["decision"]
        if set(evidence or {}) != {"decision"}:
            given.fail("must be all that there is")
        stage, proven, code = given["stage"].integer(), given["proven"].flag(), given["code"].text()
        if stage != state.stage:
            yield f"its decision is for stage {stage}, and the rollout is in stage {state.stage}"
        if not proven:
            if code != "person" or set(given.object()) != {"code", "proven", "stage"}:
                yield "it goes on without a proof, and not on a person's word"
            return
        if code != "proven":
            yield f'its decision is "{code}", and says that it is proven'
        if state.kind == "ab" or state.is_holdback:
            yield "only a person ends this stage"
        yield from _find_unproven(given, state, at, hours)
    except DocumentError as error:
        yield f"its evidence is none: {error}"


def find_rollback_gaps(evidence: Mapping[str, Any] | None, state: RolloutState | None, at: str) -> Iterator[str]:
    """Yield why the evidence of a rollback at a time does not carry it.

    A person's has none. That of a tick has numbers that reach the bound, or is held for longer than the rules allow.
    """
    if evidence is None:
        return
    if state is None:
        yield "it has evidence of a rollout, and there is none"
        return
    try:
        given = Value(dict(evidence), "entry.evidence")["decision"]
        code = given["code"].text()
        if set(evidence) != {"decision"} or given["stage"].integer() != state.stage or given["proven"].flag():
            yield "its evidence is not that of a decision to roll back"
        if state.paused:
            yield "a tick decides nothing on a paused rollout"
        name = code.removeprefix("worse:")
        if name == code:
            limit = find_required(state, 0) + state.rules.hold_hours
            may = code == "held_too_long" and state.rules.when_held == "rollback" and state.kind != "ab"
            if not may or count_hours(state.began, at) <= limit + SLACK:
                yield f'a tick does not roll back for "{code}"'
            return
        yield from _find_other_names(given, state)
        if read_number(given["watched"][name]["log_e_worse"]) < _find_worse_bound(state) - SLACK:
            yield f"it says that {name} is worse, and its numbers do not"
    except DocumentError as error:
        yield f"its evidence is none: {error}"


def list_watched(state: RolloutState) -> Iterator[tuple[str, float]]:
    """Yield the names of what each proof must have, with what the rules allow: scores, and shares of bad answers."""
    scores = state.rules.floors if state.stage == STAGING else state.rules.scores
    yield from scores.items()
    yield "errors", state.rules.max_errors
    if state.slow is not None and state.stage != STAGING:
        yield "slow", state.rules.max_slow
    if state.expensive is not None and state.stage != STAGING:
        yield "expensive", state.rules.max_expensive
    if scores:
        yield "unscored", state.rules.max_errors


def _find_low_means(given: Value, state: RolloutState) -> Iterator[str]:
    """Yield why the numbers of staging do not let a rollout go on."""
    watched = given["watched"]
    if Value(given["keys"].pair()[1], "keys").integer() < LEAST_ON_STAGING:
        yield f"staging has less than {LEAST_ON_STAGING} answers that count"
    for name, floor in state.rules.floors.items():
        mean = Value(watched[name]["mean"].pair()[1], name)
        if read_number(mean) < floor - SLACK:
            yield f"the mean of {name} on staging is below its floor"
    if read_number(Value(watched["errors"]["mean"].pair()[1], "errors")) > state.rules.max_errors + SLACK:
        yield "more answers failed on staging than may"


def _find_other_names(given: Value, state: RolloutState) -> Iterator[str]:
    """Yield the problem if evidence is not of all that the rules watch: the bound counts what is watched."""
    names = {name for name, _ in list_watched(state)}
    if {name for name, _ in given["watched"].members()} != names:
        yield f"what it watched is not what the rules say: {', '.join(sorted(names))}"


def _find_lost_rows(given: Value) -> Iterator[str]:
    """Yield the problem if more rows were left out than may be. Older evidence does not count them by arm."""
    faults = sum(one.integer() for reason, one in given["left_out"].members() if reason in FAULTS)
    lost = has_lost(faults, given["rows"].integer())
    if "arm_rows" in given.object():
        arms = zip(given["arm_faults"].pair(), given["arm_rows"].pair(), strict=True)
        lost |= any(has_lost(*(Value(one, "arm").integer() for one in arm), is_arm=True) for arm in arms)
    if lost:
        yield "too many of its rows are left out"


def _find_worse_bound(state: RolloutState) -> float:
    """Return the logarithm of the e-value from which on something is worse."""
    sides = 2 if state.kind == "ab" else 1
    return math.log(sides * len(list(list_watched(state))) * len(state.rules.stages) / state.rules.alpha)


def read_number(given: Value) -> float:
    """Return a number of a document. Raises DocumentError for any other value."""
    data = given.data
    if isinstance(data, bool) or not isinstance(data, int | float) or not math.isfinite(data):
        given.fail("must be a number")
    return data


def _find_unproven(given: Value, state: RolloutState, at: str, hours: float) -> Iterator[str]:
    required, passed = find_required(state, hours), count_hours(state.began, at)
    if passed < required - SLACK:
        yield f"its stage lasted {math.floor(10 * passed) / 10:g} hours, and {required:g} are required"
    watched = given["watched"]
    yield from _find_other_names(given, state)
    yield from _find_lost_rows(given)
    for name, one in watched.members():
        if read_number(one["log_e_worse"]) >= _find_worse_bound(state) + SLACK:
            yield f"it goes on, and its numbers say that {name} is worse"
    if state.stage == STAGING:
        yield from _find_low_means(given, state)
        return
    if not covers_stage(given["last"].time(), state.began, required):
        yield "its rows end before the hours of its stage"
    if read_number(given["log_e_deal"]) >= DEAL_BOUND:
        yield "its keys were not assigned as the share says"
    bound = math.log(1 / state.rules.alpha)
    for name, allowed in list_watched(state):
        one = watched[name]
        if read_number(one["allowed"]) != allowed:
            yield f"it allows {name} another loss than the rules of the rollout"
        if read_number(one["log_e_fine"]) < bound - SLACK:
            yield f"it says that {name} is proven, and its numbers do not"
