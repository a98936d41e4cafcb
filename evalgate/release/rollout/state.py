"""The rollout of a release document as values: where it is, since when, and by which rules."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, cast

from evalgate.domain.numbers import show_count
from evalgate.domain.rollout import RolloutRules, Stage, WhenHeld
from evalgate.release.checked_value import Value
from evalgate.release.document import KINDS, ReleaseDocument
from evalgate.release.rollout.traffic_rows import read_time

STAGING: Final = 0
"""The number of the stage in which only staging has the candidate. The stages of the rules are counted from 1."""

LEAST_ON_STAGING: Final = 10
"""The answers, and the values of each score, that staging needs at least."""

WHOLE: Final = 10_000
"""All keys, in basis points."""

SETTLING_SECONDS: Final = 600.0
"""The longest beginning of a stage that is not compared: readers see a share after their time to live, 300 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutState:
    """A rollout in progress.

    `share` is in basis points; 0 on staging and while the rollout is paused. `stage` counts from 1, `STAGING` is
    before the first one. `started` and `began` are the times in UTC at which the rollout and its stage began. Answers
    of more than `slow` seconds or `expensive` dollars are watched; None: there was nothing to fix them by. `hold` is
    the code of the reason for which the last tick that wrote something held, None if it did not.
    """

    kind: str
    candidate: str
    control: str
    share: int
    salt: str
    stage: int
    started: str
    began: str
    rules: RolloutRules
    slow: float | None = None
    expensive: float | None = None
    paused: bool = False
    hold: str | None = None

    @property
    def is_holdback(self) -> bool:
        """Whether this is the last stage, in which some keys keep the control for as long as people like."""
        return self.rules.holdback > 0 and self.is_last

    @property
    def is_last(self) -> bool:
        return self.stage == len(self.rules.stages)


def parse_state(document: ReleaseDocument) -> RolloutState | None:
    """Return the rollout of a document; None without one. Raises DocumentError, with the path of a wrong value."""
    if document.rollout is None:
        return None
    read_moment(Value(document.at, "at"))
    given = Value(dict(document.rollout), "rollout")
    state = RolloutState(
        kind=given["kind"].one_of(KINDS),
        candidate=given["candidate"].digest(),
        control=given["control"].digest(),
        share=given["share"].integer(most=WHOLE),
        salt=given["salt"].text(),
        stage=given["stage"].integer(),
        started=read_moment(given["started"]),
        began=read_moment(given["began"]),
        rules=_parse_rules(given["rules"]),
        slow=given["slow"].optional(lambda one: _read_number(one, least=0)),
        expensive=given["expensive"].optional(lambda one: _read_number(one, least=0)),
        paused=given["paused"].flag(),
        hold=given["hold"].optional(Value.text),
    )
    if state.stage > len(state.rules.stages):
        given["stage"].fail(f"the rollout has {show_count(len(state.rules.stages), 'stage')}")
    if state.share != find_share(state):
        given["share"].fail(f"must be {find_share(state)} in this stage")
    if state.candidate == state.control:
        given["candidate"].fail("must differ from the control")
    if state.kind == "ab" and (len(state.rules.stages) > 1 or state.stage == STAGING or state.rules.holdback):
        given["kind"].fail("a comparison has one stage, and neither staging nor a holdback")
    return state


def read_moment(given: Value) -> str:
    """Return a time in UTC that is in the calendar, which readers do not look at."""
    text = given.time()
    if read_time(text) is None:
        given.fail("is not a valid date")
    return text


def find_share(state: RolloutState) -> int:
    """Return the share that a state gives the candidate by its stage, and whether it is paused."""
    return 0 if state.paused or state.stage == STAGING else state.rules.stages[state.stage - 1].share


def encode_state(state: RolloutState) -> dict[str, Any]:
    """Return the rollout of a document as data of JSON. Readers need `kind` to `salt` and ignore the other keys."""
    return {one.name: getattr(state, one.name) for one in fields(state)} | {"rules": encode_rules(state.rules)}


def encode_rules(rules: RolloutRules) -> dict[str, Any]:
    """Return rules as data of JSON, which `parse_rules` reads."""
    data = {one.name: getattr(rules, one.name) for one in fields(rules)}
    stages = [{"share": one.share, "hours": one.hours} for one in rules.stages]
    data |= {"scores": dict(rules.scores), "floors": dict(rules.floors), "stages": stages}
    criteria = data.pop("criteria")
    return {**data, "criteria": dict(criteria)} if criteria else data  # earlier documents have none


def parse_rules(data: Mapping[str, Any], path: str) -> RolloutRules:
    """Return the rules that JSON holds. Raises DocumentError with the path of a value that is wrong or unknown."""
    return _parse_rules(Value(dict(data), path))


def find_settling(rules: RolloutRules) -> float:
    """Return how many seconds from the beginning of each stage are not compared.

    Readers follow the earlier share until their time to live is over. Keys in between have the other arm for so long,
    and a comparison from the first second would have fewer of the candidate's keys than the share says. It is at most a
    hundredth of the longest stage, so that a rollout of minutes does not consist of beginnings.
    """
    return min(SETTLING_SECONDS, 36 * max((stage.hours for stage in rules.stages), default=0.0))


def _parse_rules(given: Value) -> RolloutRules:
    known = {one.name for one in fields(RolloutRules)}
    for key, value in given.members():
        if key not in known:
            value.fail("is not a rule of a rollout")
    rules = RolloutRules(
        scores={key: _read_number(one, above=0, most=1) for key, one in given["scores"].members()},
        stages=tuple(
            Stage(share=one["share"].integer(least=1, most=WHOLE - 1), hours=_read_number(one["hours"], least=0))
            for one in given["stages"].items()
        ),
        staging_hours=_read_number(given["staging_hours"], least=0),
        floors={key: _read_number(one, least=0, most=1) for key, one in given["floors"].members()},
        max_errors=_read_number(given["max_errors"], above=0, most=1),
        max_slow=_read_number(given["max_slow"], above=0, most=1),
        max_expensive=_read_number(given["max_expensive"], above=0, most=1),
        alpha=_read_number(given["alpha"], above=0, most=0.5),
        settle_minutes=_read_number(given["settle_minutes"], least=0),
        hold_hours=_read_number(given["hold_hours"], above=0),
        when_held=cast("WhenHeld", given["when_held"].one_of(("hold", "rollback"))),
        score_per_day=given["score_per_day"].integer(),
        criteria=dict(_parse_criteria(given)),
        holdback=given["holdback"].integer(most=WHOLE - 1),
    )
    if rules.criteria and not rules.score_per_day:
        given["score_per_day"].fail("must be above 0 where answers are scored")
    shares = [one.share for one in rules.stages]
    if not shares:
        given["stages"].fail("must have a stage")
    if any(later <= earlier for earlier, later in itertools.pairwise(shares)):
        given["stages"].fail("the shares must grow from stage to stage")
    if rules.holdback and shares[-1] != WHOLE - rules.holdback:
        given["holdback"].fail(f"the last stage must leave {rules.holdback} basis points to the control")
    return rules


def _parse_criteria(given: Value) -> Iterator[tuple[str, str]]:
    for name, one in given["criteria"].members() if "criteria" in given.object() else ():
        if name not in given["scores"].object() and name not in given["floors"].object():
            one.fail("is not a score that is watched")
        yield name, one.digest()


def _read_number(given: Value, *, least: float = -math.inf, above: float = -math.inf, most: float = math.inf) -> float:
    data = given.data
    is_number = isinstance(data, int | float) and not isinstance(data, bool) and math.isfinite(data)
    if not is_number or not (least <= data <= most and data > above):
        bounds = [f"from {least:g}"] if least > -math.inf else [f"above {above:g}"] if above > -math.inf else []
        given.fail(" ".join(["must be a number", *bounds, *([f"and at most {most:g}"] if most < math.inf else [])]))
    return data  # type: ignore[no-any-return]


def describe_stage(state: RolloutState) -> str:
    """Describe where a rollout is, such as "stage 1 of 3 (5 %)"."""
    if state.stage == STAGING:
        return "staging"
    share = f"{state.rules.stages[state.stage - 1].share / 100:g} %"
    if state.kind == "ab":
        return f"the comparison ({share})"
    return f"stage {state.stage} of {len(state.rules.stages)} ({share})"
