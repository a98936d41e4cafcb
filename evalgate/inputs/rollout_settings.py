"""Reader of the part `release` of evalgate.yml: the registry, and the rules by which versions are rolled out."""

from __future__ import annotations

from typing import Any

from evalgate.domain import ReleaseSettings
from evalgate.domain.rollout import (
    ALLOWED_DROP,
    LEAST_PER_DAY,
    RATES,
    LangfuseRowFilter,
    RolloutRules,
    RolloutSettings,
    RowSource,
    Stage,
)
from evalgate.inputs.formats.nodes import Node
from evalgate.inputs.schema_check import SchemaCheck

_HOURS = 24
_RULES = (
    "staging_hours", "max_errors", "max_slow", "max_expensive", "alpha", "settle_minutes", "hold_hours", "when_held",
    "score_per_day",
)  # fmt: skip


def read_release_settings(node: Node, checker: SchemaCheck) -> ReleaseSettings:
    """Return the settings of a node that fits the schema. What does not fit together becomes a fault of the checker."""
    given = {key: child.data for key, child in node.items() if key != "rollout"}
    rollout = node.get("rollout")
    settings = RolloutSettings() if rollout is None else _read_rollout(rollout, checker)
    return ReleaseSettings(**given, rollout=settings)


def read_stages(given: list[Any], holdback: int = 0) -> tuple[Stage, ...]:
    """Return stages from percentages, or objects of `share` and `hours`; a holdback makes a last one without hours.

    `holdback` is in basis points. Raises ValueError, with the position, for a share that is out of range or does not
    grow.
    """
    stages: list[Stage] = []
    for position, one in enumerate(given):
        share, hours = (one["share"], one.get("hours", _HOURS)) if isinstance(one, dict) else (one, _HOURS)
        points = round(share * 100) if 0 < share < 100 else 0
        if not 1 <= points <= 9_999 or abs(points - share * 100) > 1e-6:
            raise ValueError(position, f"{share:g} is not a share above 0 and below 100 %, in steps of 0.01")
        if stages and points <= stages[-1].share:
            raise ValueError(position, f"{share:g} % is not above the stage before it")
        stages.append(Stage(share=points, hours=hours))
    if holdback:
        last = 10_000 - holdback
        if stages and last <= stages[-1].share:
            raise ValueError(len(stages) - 1, f"the holdback leaves {last / 100:g} %: not above the last stage")
        stages.append(Stage(share=last, hours=0))
    return tuple(stages)


def _read_rollout(node: Node, checker: SchemaCheck) -> RolloutSettings:
    data = node.data
    scores = data.get("scores")
    for key in ("scores", "floors"):
        _refuse_rates(node.get(key), checker)
    holdback = round(data.get("holdback", 0) * 100)
    given: dict[str, Any] = {key: data[key] for key in _RULES if key in data}
    try:
        given["stages"] = read_stages(data.get("stages", [one.share / 100 for one in _DEFAULT.stages]), holdback)
    except ValueError as error:
        position, problem = error.args
        place = node.get("stages") or node["holdback"]
        checker.add_fault(list(place)[position] if place is node.get("stages") else place, problem)
    if 0 < data.get("score_per_day", 0) < LEAST_PER_DAY:
        checker.add_fault(node["score_per_day"], f"must be 0, or {LEAST_PER_DAY} or more: fewer prove nothing")
    named = dict.fromkeys(scores, ALLOWED_DROP) if isinstance(scores, list) else dict(scores or {})
    rules = RolloutRules(scores=named, floors=dict(data.get("floors", {})), holdback=holdback, **given)
    return RolloutSettings(
        rules=rules,
        watches_gate=scores is None,
        rows=_read_rows(node.get("rows"), checker),
        notify=tuple(data.get("notify", ())),
    )


def _refuse_rates(scores: Node | None, checker: SchemaCheck) -> None:
    """Add a fault for each score with the name of something that is watched beside the scores."""
    if scores is None:
        return
    keys = ((scores, key, key) for key, _ in scores.items())
    for node, name, key in (*keys, *((one, one.data, None) for one in scores)):
        if name in RATES:
            problem = f'a score cannot be called "{name}": such answers are watched beside the scores'
            checker.add_fault(node, problem, "rename the score", key=key)


_DEFAULT = RolloutRules(scores={})
_LANGFUSE = "langfuse"
"""The word for observations of Langfuse. A file of this name is written `./langfuse`."""


def _read_rows(node: Node | None, checker: SchemaCheck) -> RowSource | None:
    if node is None:
        return None
    given: Any = node.data
    if given == _LANGFUSE:
        return RowSource(langfuse=LangfuseRowFilter())
    if isinstance(given, str):
        return RowSource(files=(given,))
    if isinstance(given, list):
        return RowSource(files=tuple(given))
    seconds = {key: given[key] for key in ("timeout_seconds",) if key in given}
    if _LANGFUSE in given:
        if seconds:
            checker.add_fault(node, '"timeout_seconds" is for a command', key="timeout_seconds")
        return RowSource(langfuse=LangfuseRowFilter(environments=tuple(given[_LANGFUSE].get("environments", ()))))
    return RowSource(command=tuple(given["command"]), **seconds)
