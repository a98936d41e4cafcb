"""Plots of a gate as positions for templates of SVG: intervals, changes of cases, scores, seconds, tokens, dollars.

Positions across are in percent, so that a plot fits any width while its texts keep their size. Heights are in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from evalgate.domain import Arm
from evalgate.domain.numbers import show_count
from evalgate.report.arm_usage import ArmUsage, format_seconds
from evalgate.report.charts import AxisTick, make_ticks
from evalgate.report.criteria_table import Span
from evalgate.report.movements import ArmScores, CaseMove
from evalgate.report.view import format_cost

BINS = 10
HEIGHT = 72
_APART = 0.8
"""Percent that a mark keeps from a limit on whose other side it must not seem to be."""
_WIDEST = 4.0
"""Percent of the widest bar of a case."""
_SCALES = (0.1, 0.25, 0.5, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotBox:
    """A rectangle: places across in percent, places down in pixels, and the class of its style."""

    kind: str
    x: str
    width: str
    y: str = "0"
    height: str = "100%"


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalPlot:
    """One criterion's interval on the axis of its gate, over its zones."""

    kind: str
    zones: tuple[PlotBox, ...]
    low: str
    value: str
    high: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalPlots:
    """The plot of each row of the table of criteria, None where there is none, and their one axis."""

    rows: tuple[IntervalPlot | None, ...]
    ticks: tuple[AxisTick, ...]
    zero: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveBar:
    """The change of one case: its bar, the area that is clicked, the case and its change as texts."""

    bar: PlotBox
    area: PlotBox
    case: str
    change: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MovePlot:
    """All cases of one criterion from the largest fall to the largest rise, on a scale from -`scale` to +`scale`."""

    bars: tuple[MoveBar, ...]
    scale: str
    cases: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Numbers of cases of both arms in bins of equal width, with the labels of both ends and of the highest bar."""

    bars: tuple[PlotBox, ...]
    left: str
    right: str
    most: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountBar:
    """One amount of an arm as a bar with its text."""

    arm: str
    width: str
    text: str


def plot_intervals(spans: Sequence[Span | None]) -> IntervalPlots | None:
    """Return the intervals on one axis; None if there is none. A mark is on the same side of a limit as its value."""
    known = [span for span in spans if span is not None]
    if not known:
        return None
    ends = [0.0, *(end for span in known for end in (span.low, span.high, span.limit or 0.0))]
    low, high = min(ends), max(ends)
    room = max(high - low, 0.02) * 0.15
    low, high = low - room, high + room
    ticks = [tick for tick in make_ticks(low, high) if low <= tick <= high]

    def place(value: float) -> float:
        return 100 * (value - low) / (high - low)

    return IntervalPlots(
        rows=tuple(None if span is None else _plot_interval(span, place(0), place) for span in spans),
        ticks=tuple(AxisTick(at=_percent(place(tick)), text=f"{tick + 0.0:.10g}") for tick in ticks),
        zero=_percent(place(0)),
    )


def plot_moves(moves: Sequence[CaseMove]) -> MovePlot:
    """Return the change of each case as a bar; a case that did not change has no bar."""
    most = max((abs(move.change) for move in moves), default=0.0)
    scale = next((one for one in _SCALES if 0 < most <= one + 1e-9), 1.0)
    step, middle = min(100 / max(len(moves), 1), _WIDEST), HEIGHT / 2
    bars = []
    for number, move in enumerate(moves):
        height = min(abs(move.change) / scale, 1.0) * (middle - 1)
        if height < 0.05:
            continue
        x, width = _percent(number * step), _percent(step)
        kind = "rise" if move.change > 0 else "fall"
        top = middle - height if move.change > 0 else middle
        bars.append(
            MoveBar(
                bar=PlotBox(kind=kind, x=x, width=_percent(step * 0.9), y=f"{top:.1f}", height=f"{height:.1f}"),
                area=PlotBox(kind="area", x=x, width=width),
                case=move.case,
                change=f"{move.change:+.3f}",
            )
        )
    return MovePlot(bars=tuple(bars), scale=f"{scale:g}", cases=len(moves))


def plot_scores(scores: Sequence[ArmScores]) -> Histogram | None:
    """Return the histogram of the mean scores of the cases of each arm; None without scores."""
    means = {arm: [sum(one[arm]) / len(one[arm]) for one in scores if one.get(arm)] for arm in Arm}
    return _plot_bins({arm: [value * BINS for value in values] for arm, values in means.items()}, "0", "1", "case")


def plot_seconds(arms: Sequence[ArmUsage]) -> Histogram | None:
    """Return the histogram of the seconds of the answers of each arm, on a logarithmic axis; None if unmeasured."""
    values = {one.arm: [math.log10(max(second, 1e-4)) for second in one.seconds] for one in arms}
    known = [value for each in values.values() for value in each]
    if not known:
        return None
    low, high = min(known), max(known)
    if high - low < 0.1:
        low, high = low - 0.05, high + 0.05
    places = {arm: [(value - low) / (high - low) * BINS for value in each] for arm, each in values.items()}
    return _plot_bins(places, format_seconds(10**low), format_seconds(10**high), "answer")


def plot_amounts(arms: Sequence[ArmUsage]) -> tuple[tuple[str, tuple[AmountBar, ...]], ...]:
    """Return the tokens and dollars of each arm as bars, for each kind of amount that is known of all arms."""
    usages = [one.usage for one in arms]
    found: list[tuple[str, list[float], list[str]]] = []
    if usages and all(usage is not None for usage in usages):
        read = [usage.input_tokens for usage in usages if usage is not None]
        written = [usage.output_tokens for usage in usages if usage is not None]
        found.append(("input tokens", [float(one) for one in read], [f"{one:,}" for one in read]))
        found.append(("output tokens", [float(one) for one in written], [f"{one:,}" for one in written]))
    costs = [one.cost_usd for one in arms]
    if costs and all(cost is not None for cost in costs):
        found.append(("dollars", [cost or 0.0 for cost in costs], [format_cost(cost) for cost in costs]))
    return tuple(
        (
            name,
            tuple(
                AmountBar(arm=str(one.arm), width=_percent(100 * amount / max(*amounts, 1e-12)), text=text)
                for one, amount, text in zip(arms, amounts, texts, strict=True)
            ),
        )
        for name, amounts, texts in found
    )


def _plot_interval(span: Span, zero: float, place: Callable[[float], float]) -> IntervalPlot:
    limit = None if span.limit is None else min(place(span.limit), zero - 2 * _APART)
    marks = [(0.0, zero)] if limit is None or span.limit is None else [(span.limit, limit), (0.0, zero)]

    def keep_side(value: float) -> str:
        at = place(value)
        for bound, mark in marks:
            at = max(at, mark + _APART) if value > bound else min(at, mark - _APART) if value < bound else mark
        return _percent(min(max(at, 0.0), 100.0))

    start = 0.0 if limit is None else limit
    zones = [PlotBox(kind="below" if limit is None else "allowed", x=_percent(start), width=_percent(zero - start))]
    if limit is not None:
        zones.insert(0, PlotBox(kind="beyond", x="0%", width=_percent(limit)))
    zones.append(PlotBox(kind="above", x=_percent(zero), width=_percent(100 - zero)))
    kind = "fail" if span.high < (0.0 if span.limit is None else span.limit) else "plain"
    if span.limit is not None and span.low > span.limit:
        kind = "pass"
    return IntervalPlot(
        kind=kind, zones=tuple(zones), low=keep_side(span.low), value=keep_side(span.value), high=keep_side(span.high)
    )


def _plot_bins(places: Mapping[Arm, Sequence[float]], left: str, right: str, unit: str) -> Histogram | None:
    """Return a histogram of values that are given in bins: 0 is the left end, `BINS` the right one."""
    counts = {arm: [0] * BINS for arm in (Arm.BASELINE, Arm.CANDIDATE) if places.get(arm)}
    for arm, numbers in counts.items():
        for value in places[arm]:
            numbers[min(int(value + 1e-9), BINS - 1)] += 1
    most = max((count for numbers in counts.values() for count in numbers), default=0)
    if not most:
        return None
    width = 100 / BINS
    bars = []
    for position, (arm, numbers) in enumerate(counts.items()):
        for number, count in enumerate(numbers):
            if count:
                height = max(1.0, count / most * (HEIGHT - 2))
                x = number * width + width * (0.06 + 0.44 * position)
                size = {"y": f"{HEIGHT - height:.1f}", "height": f"{height:.1f}"}
                bars.append(PlotBox(kind=str(arm), x=_percent(x), width=_percent(width * 0.42), **size))
    return Histogram(bars=tuple(bars), left=left, right=right, most=show_count(most, unit))


def _percent(value: float) -> str:
    return f"{value:.2f}%"
