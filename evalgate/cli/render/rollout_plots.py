"""The pictures of a rollout: its share over time, and of each thing that is watched its e-values and its means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evalgate.domain.numbers import show_count
from evalgate.domain.rollout import RATES
from evalgate.release.rollout.assessment import Assessment
from evalgate.release.rollout.course import RolloutCourse
from evalgate.release.rollout.decision_words import format_e, format_number
from evalgate.release.rollout.rollout_table import make_table
from evalgate.release.rollout.stage_hours import count_hours
from evalgate.release.rollout.state import STAGING
from evalgate.release.rollout.tally import AB, Watched
from evalgate.release.rollout.traces import Trace, TracedLook
from evalgate.report import charts

_BOUNDS = {"worse": "bound_worse", "fine": "bound_fine", "better": "bound_worse"}
_MEANINGS = {
    "worse": "e-value that it is worse",
    "fine": "e-value that it lost less than it may",
    "better": "e-value that it is better",
}
_ENDS = {
    "worse": "bound at which a tick rolls back",
    "fine": "bound at which it is proven",
    "better": "bound at which a version is proven to be better",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlottedThing:
    """One thing that is watched: its pictures, and the numbers of the first one as a table, head first."""

    name: str
    allowed: str
    growth: charts.Chart
    arms: charts.Chart
    rows: Sequence[Sequence[str]]


def draw_share(course: RolloutCourse, at: str) -> charts.Chart:
    """Return the chart of the share, from the start of a rollout until a time, and a little beyond its end."""
    start = course.steps[0].document.at
    hours = [max(0.0, count_hours(start, step.document.at)) for step in course.steps]
    steps = [(hour, step.share / 100) for hour, step in zip(hours, course.steps, strict=True)]
    until = hours[-1] * 1.05 + 0.1 if course.is_over else max(hours[-1], count_hours(start, at))
    label = (
        f"The share of the users over {until:.1f} hours, in {show_count(len(steps), 'step')}; the table has its numbers"
    )
    return charts.make_steps(label, steps, until, range(1, len(steps) + 1))


def draw_watched(found: Assessment) -> list[PlottedThing]:
    """Return the pictures of all that is watched in a stage; none without a row that counts."""
    return [_draw(one, one.trace, found) for one in found.evidence.watched if one.trace is not None]


def list_meanings(found: Assessment) -> list[tuple[str, str]]:
    """Return the classes of the lines in the pictures, with what they mean."""
    sides = _list_sides(found)
    ends = [side for side in sides if side != "better"] if found.state.kind != AB else ["better"]
    return [*((side, _MEANINGS[side]) for side in sides), *((f"level {side}", _ENDS[side]) for side in ends)]


def make_wide_table(found: Assessment, candidate: str, control: str) -> list[list[str]]:
    """Return the table of a stage with the intervals of the means and the keys, head first."""
    head, *rows = make_table(found, candidate, control)
    more = ["interval", "keys"]
    wide = [[*head[:2], head[2], *more, head[3], *more, *head[4:]]]
    for row, one in zip(rows, found.evidence.watched, strict=True):
        arms = [[_tell_interval(one, arm), f"{one.n[arm]:,}"] for arm in (0, 1)]
        wide.append([*row[:3], *arms[0], row[3], *arms[1], *row[4:]])
    return wide


def _list_sides(found: Assessment) -> list[str]:
    if found.state.stage == STAGING:
        return ["worse"]
    return ["worse", "better" if found.state.kind == AB else "fine"]


def _draw(one: Watched, trace: Trace, found: Assessment) -> PlottedThing:
    sides, state = _list_sides(found), found.state
    bounds = {side: float(found.decision.numbers[_BOUNDS[side]]) for side in sides}
    hours = [count_hours(state.began, at) for at in trace.times]
    rows = [["hours", "control keys", "candidate keys", *(f"e {side}" for side in sides)]]
    for hour, look in zip(hours, trace.looks, strict=True):
        shown = [format_e(_find_log(look, side), bounds[side]) for side in sides]
        rows.append([f"{hour:.2f}", *(f"{n:,}" for n in look.n), *shown])
    curves = [(side, [_find_log(look, side) for look in trace.looks]) for side in sides]
    names = ["candidate"] if state.stage == STAGING else ["control", "candidate"]
    spans = [(name, name, _find_span(one, trace, int(name == "candidate"))) for name in names]
    return PlottedThing(
        name=one.name,
        allowed=_tell_allowed(one, on_staging=state.stage == STAGING),
        growth=charts.make_growth(
            f"E-values over {hours[-1]:.1f} hours; the table below has the numbers",
            hours,
            curves,
            [(side, math.log(bound), format_number(bound)) for side, bound in bounds.items()],
        ),
        arms=charts.make_spans("Means with intervals; the table has the numbers", spans, percent=one.name in RATES),
        rows=rows,
    )


def _find_log(look: TracedLook, side: str) -> float:
    return {"worse": look.log_e_worse, "fine": look.log_e_fine, "better": look.log_e_better}[side]


def _find_span(one: Watched, trace: Trace, arm: int) -> tuple[float, float, float] | None:
    mean, interval = one.mean[arm], trace.intervals[arm]
    return None if mean is None or interval is None else (interval[0], mean, interval[1])


def _tell_interval(one: Watched, arm: int) -> str:
    interval = None if one.trace is None else one.trace.intervals[arm]
    return "none" if interval is None else f"[{interval[0]:.3f}, {interval[1]:.3f}]"


def _tell_allowed(one: Watched, *, on_staging: bool) -> str:
    if on_staging:
        return f"limit {one.allowed:g}"
    return f"may {'rise' if one.name in RATES else 'drop'} by {one.allowed:g}"
