"""Charts as positions for templates of SVG: axes with their ticks, lines, steps and intervals. No text of others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 360
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 34, 40
_ROW = 26
_MOST_TICKS = 5
_CLOSE = 16
"""Pixels within which marks share one label."""
_STEPS = (1, 2, 2.5, 5, 10, 20)
_HOURS = (0.1, 0.25, 0.5, 1, 2, 4, 6, 12, 24, 48, 96, 168, 336)
"""The distances of ticks: of numbers as multiples of a power of ten, and of hours."""
_SLACK = 1e-9
_LEAST_SPAN = 1e-9
"""The least distance between the ends of an axis: what differs by less, such as rounding errors, is at one place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisTick:
    """A place on an axis, in pixels, and its label."""

    at: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A line through points, as SVG writes them, and the class of its style."""

    kind: str
    points: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundLine:
    """A horizontal line across a chart: its place, its label, and the class of its style."""

    kind: str
    at: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalBar:
    """An interval with its value, on a row of its own: places in pixels, and the class of its style."""

    kind: str
    row: str
    low: str
    value: str
    high: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart of `width` to `height` pixels, whose axes span `left` to `right` and `top` to `bottom`.

    `label` says in words what it shows, `x_title` and `y_title` what the axes are. `marks` are events on the time axis.
    """

    label: str
    x_title: str
    y_title: str
    height: int
    x_ticks: tuple[AxisTick, ...]
    y_ticks: tuple[AxisTick, ...]
    curves: tuple[Curve, ...] = ()
    levels: tuple[BoundLine, ...] = ()
    spans: tuple[IntervalBar, ...] = ()
    marks: tuple[AxisTick, ...] = ()
    width: int = WIDTH
    left: int = LEFT
    top: int = TOP

    @property
    def right(self) -> int:
        return self.width - RIGHT

    @property
    def bottom(self) -> int:
        return self.height - BOTTOM


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Numbers from `low` to `high` on pixels from `start` to `end`. A number beyond is placed at the end."""

    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> str:
        inside = min(max(value, self.low), self.high)
        return f"{self.start + (inside - self.low) / (self.high - self.low) * (self.end - self.start):.1f}"


def make_steps(label: str, steps: Sequence[tuple[float, float]], until: float, numbers: Sequence[int]) -> Chart:
    """Return the chart of a share in percent that changes in steps: pairs of hours and the share from then on.

    `numbers` are the labels of the steps, as they are numbered in the table beside it.
    """
    height = 200
    x = Scale(low=0, high=max(until, 1e-6), start=LEFT, end=WIDTH - RIGHT)
    top = max((share for _, share in steps), default=0.0)
    y_ticks = make_ticks(0, top if top > 0 else 100, most=4)
    y = Scale(low=0, high=max(top, y_ticks[-1]), start=height - BOTTOM, end=TOP)
    points = []
    for (at, share), (following, _) in zip(steps, [*steps[1:], (until, 0.0)], strict=True):
        points += [f"{x.place(at)},{y.place(share)}", f"{x.place(following)},{y.place(share)}"]
    return Chart(
        label=label,
        x_title="hours since the start",
        y_title="share of the users",
        height=height,
        x_ticks=_label_hours(x),
        y_ticks=tuple(AxisTick(at=y.place(one), text=f"{one:g} %") for one in y_ticks),
        curves=(Curve(kind="share", points=" ".join(points)),),
        marks=_merge_marks([(x.place(at), number) for (at, _), number in zip(steps, numbers, strict=True)]),
    )


def make_growth(
    label: str,
    hours: Sequence[float],
    curves: Sequence[tuple[str, Sequence[float]]],
    bounds: Sequence[tuple[str, float, str]],
) -> Chart:
    """Return the chart of e-values over hours.

    `curves` and `bounds` have their kind and natural logarithms, and a bound also its label. The axis is logarithmic,
    has the bounds, and ends three powers of ten beyond them and 1.
    """
    height = 230
    given = [one / math.log(10) for _, values in curves for one in values]
    levels = [one / math.log(10) for _, one, _ in bounds]
    most, least = max([0.0, *levels]), min([0.0, *levels])
    high = min(max([most, *given]), most + 3) + 0.35
    low = max(min([least, *given]), least - 3) - 0.2
    x = Scale(low=0, high=max([*hours, 1e-6]), start=LEFT, end=WIDTH - RIGHT)
    y = Scale(low=low, high=high, start=height - BOTTOM, end=TOP)
    drawn = []
    for kind, values in curves:
        points = [f"{x.place(0)},{y.place(0)}"]
        points += [f"{x.place(at)},{y.place(one / math.log(10))}" for at, one in zip(hours, values, strict=True)]
        drawn.append(Curve(kind=kind, points=" ".join(points)))
    every = max(1, math.ceil((high - low) / 6))
    powers = [power for power in range(math.ceil(low), math.floor(high) + 1) if power % every == 0]
    return Chart(
        label=label,
        x_title="hours since the stage began",
        y_title="e-value, logarithmic",
        height=height,
        x_ticks=_label_hours(x),
        y_ticks=tuple(AxisTick(at=y.place(power), text=_format_power(power)) for power in powers),
        curves=tuple(drawn),
        levels=tuple(BoundLine(kind=kind, at=y.place(log_e / math.log(10)), text=text) for kind, log_e, text in bounds),
    )


def make_spans(
    label: str, rows: Sequence[tuple[str, str, tuple[float, float, float] | None]], *, percent: bool
) -> Chart:
    """Return the chart of intervals on one axis. A row has its kind, its name, and low, value and high, if known."""
    known = [one for _, _, one in rows if one is not None]
    ends = [0.0, *(one for row in known for one in row)] if percent else [one for row in known for one in row]
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    ticks = make_ticks(low, high if high > low else low + 0.1, most=4)
    left = LEFT + 14
    x = Scale(low=min(low, ticks[0]), high=max(high, ticks[-1]), start=left + 6, end=WIDTH - RIGHT - 6)
    height = 12 + _ROW * len(rows) + BOTTOM
    places = [f"{12 + _ROW * (number + 0.5):.1f}" for number in range(len(rows))]
    scale, sign = (100, " %") if percent else (1, "")
    return Chart(
        label=label,
        x_title="share of the answers, with intervals" if percent else "mean score, with intervals",
        y_title="",
        height=height,
        left=left,
        top=8,
        x_ticks=tuple(AxisTick(at=x.place(one), text=f"{scale * one:.6g}{sign}") for one in ticks),
        y_ticks=tuple(AxisTick(at=place, text=name) for place, (_, name, _) in zip(places, rows, strict=True)),
        spans=tuple(
            IntervalBar(kind=kind, row=place, low=x.place(one[0]), value=x.place(one[1]), high=x.place(one[2]))
            for place, (kind, _, one) in zip(places, rows, strict=True)
            if one is not None
        ),
    )


def make_ticks(low: float, high: float, *, most: int = _MOST_TICKS) -> list[float]:
    """Return at most `most` + 1 round numbers at equal distances, which enclose `low` to `high`. `low` < `high`."""
    high = max(high, low + _LEAST_SPAN)
    size = 10.0 ** math.floor(math.log10((high - low) / most))
    step, first, last = size, 0, 0
    for factor in _STEPS:
        step = size * factor
        first, last = math.floor(low / step + _SLACK), math.ceil(high / step - _SLACK)
        if last - first <= most:
            break
    return [round(number * step, 12) for number in range(first, last + 1)]


def _label_hours(x: Scale) -> tuple[AxisTick, ...]:
    """Return ticks within a scale of hours; from four days on they are whole days."""
    span = x.high - x.low
    if span < _HOURS[0]:
        return (AxisTick(at=x.place(0), text="0"),)
    step = next((one for one in _HOURS if span / one <= _MOST_TICKS), 0.0)
    step = step or 24 * 10 ** math.ceil(math.log10(span / 24 / _MOST_TICKS))
    ticks = [number * step for number in range(math.floor(span / step + _SLACK) + 1)]
    return tuple(AxisTick(at=x.place(one), text=f"{one:,.10g}") for one in ticks)


def _merge_marks(marks: Sequence[tuple[str, int]]) -> tuple[AxisTick, ...]:
    """Return the marks with their numbers, such as "2", or "2-4" at the first of marks that are too close."""
    groups: list[list[tuple[str, int]]] = []
    for mark in marks:
        if groups and float(mark[0]) - float(groups[-1][0][0]) < _CLOSE:
            groups[-1].append(mark)
        else:
            groups.append([mark])
    merged = []
    for group in groups:
        first, last = group[0][1], group[-1][1]
        merged.append(AxisTick(at=group[0][0], text=str(first) if first == last else f"{first}-{last}"))
    return tuple(merged)


def _format_power(power: int) -> str:
    return f"{10.0**power:,.10g}" if -3 <= power <= 4 else f"10^{power}"
