"""The pictures of a history: intervals against the allowed drop, run by run, and the cost of each week or run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalgate.domain.history_rows import HistoryRun
from evalgate.domain.history_totals import PeriodTotals
from evalgate.domain.numbers import show_count
from evalgate.report.charts import AxisTick, Scale, make_ticks
from evalgate.report.view import format_cost

WIDTH, HEIGHT = 360, 220
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 28, 26
MOST = 60
"""Runs and weeks that one picture shows at most, the newest ones."""
_LABELS = 4
_TONES = {"PASS": "pass", "FAIL": "fail", "INCONCLUSIVE": "unsure"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBar:
    """The interval of one run, and the allowed drop or "": places in pixels. `tone` is the class of its verdict."""

    x: str
    low: str
    value: str
    high: str
    limit: str
    start: str
    end: str
    tone: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CostColumn:
    """The cost of one week or run: a column, in pixels."""

    x: str
    y: str
    width: str
    height: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryChart:
    """A chart with its axes; `bars` are intervals, `columns` are costs. `label` says in words what it shows."""

    label: str
    y_title: str
    x_ticks: tuple[AxisTick, ...]
    y_ticks: tuple[AxisTick, ...]
    zero: str
    bars: tuple[RunBar, ...] = ()
    columns: tuple[CostColumn, ...] = ()
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


def draw_intervals(runs: Sequence[HistoryRun], criterion: str) -> HistoryChart | None:
    """Return the chart of one criterion over the newest runs that compared it; None if there is none."""
    found = [(run, one) for run in runs for one in run.criteria if one.name == criterion][-MOST:]
    if not found:
        return None
    ends = [0.0, *(end for _, one in found for end in (one.low, one.high, -(one.allowed or 0.0)))]
    low, high = min(ends), max(ends)
    ticks = make_ticks(low, high if high > low else low + 0.1)
    y = Scale(low=ticks[0], high=ticks[-1], start=HEIGHT - BOTTOM, end=TOP)
    places = _place(len(found))
    half = min(9.0, (WIDTH - LEFT - RIGHT) / len(found) / 2)
    return HistoryChart(
        label=f"The difference of {show_count(len(found), 'run')} with its interval; a table has the numbers",
        y_title="candidate minus baseline",
        x_ticks=_label(places, [run.at[:10] for run, _ in found]),
        y_ticks=tuple(AxisTick(at=y.place(one), text=f"{one:+.6g}" if one else "0") for one in ticks),
        zero=y.place(0),
        bars=tuple(
            RunBar(
                x=f"{x:.1f}",
                low=y.place(one.low),
                value=y.place(one.difference),
                high=y.place(one.high),
                limit="" if one.allowed is None else y.place(-one.allowed),
                start=f"{x - half:.1f}",
                end=f"{x + half:.1f}",
                tone=_TONES.get(run.word, "plain"),
                title=f"{run.at}: {run.word}",
            )
            for x, (run, one) in zip(places, found, strict=True)
        ),
    )


def draw_costs(weeks: Sequence[PeriodTotals]) -> HistoryChart | None:
    """Return the chart of the dollars of each week of one gate; None if nothing was paid."""
    shown = weeks[-MOST:]
    return _draw_columns(
        [(week.week, f"week of {week.week}", week.cost_usd) for week in shown],
        label=f"The cost of {show_count(len(shown), 'week')}; a table has the numbers",
        y_title="dollars per week",
    )


def draw_run_costs(runs: Sequence[HistoryRun]) -> HistoryChart | None:
    """Return the chart of the dollars of each run whose cost is known; None if nothing was paid."""
    known = [(run, run.cost_usd) for run in runs if run.cost_usd is not None][-MOST:]
    return _draw_columns(
        [(run.at[:10], run.at, cost) for run, cost in known],
        label=f"The cost of {show_count(len(known), 'run')}; a table has the numbers",
        y_title="dollars per run",
    )


def _draw_columns(amounts: Sequence[tuple[str, str, float]], *, label: str, y_title: str) -> HistoryChart | None:
    """Return the chart of dollars, each with its label on the axis and its name; None if nothing was paid."""
    most = max((cost for _, _, cost in amounts), default=0.0)
    if most <= 0:
        return None
    ticks = make_ticks(0.0, most, most=4)
    y = Scale(low=0.0, high=ticks[-1], start=HEIGHT - BOTTOM, end=TOP)
    places = _place(len(amounts))
    width = min(36.0, 0.7 * (WIDTH - LEFT - RIGHT) / len(amounts))
    columns = []
    for x, (_, name, cost) in zip(places, amounts, strict=True):
        top = float(y.place(cost))
        columns.append(
            CostColumn(
                x=f"{x - width / 2:.1f}",
                y=f"{top:.1f}",
                width=f"{width:.1f}",
                height=f"{HEIGHT - BOTTOM - top:.1f}",
                title=f"{name}: {format_cost(cost)}",
            )
        )
    return HistoryChart(
        label=label,
        y_title=y_title,
        x_ticks=_label(places, [at for at, _, _ in amounts]),
        y_ticks=tuple(AxisTick(at=y.place(one), text=f"${one:g}") for one in ticks),
        zero=y.place(0),
        columns=tuple(columns),
    )


def _place(count: int) -> list[float]:
    """Return the middles of `count` equal stretches of the axis."""
    step = (WIDTH - LEFT - RIGHT) / count
    return [LEFT + step * (number + 0.5) for number in range(count)]


def _label(places: Sequence[float], texts: Sequence[str]) -> tuple[AxisTick, ...]:
    """Return at most four labels at equal distances; the first and the last place have one."""
    if len(places) <= _LABELS:
        chosen = list(range(len(places)))
    else:
        chosen = sorted({round(number * (len(places) - 1) / (_LABELS - 1)) for number in range(_LABELS)})
    return tuple(AxisTick(at=f"{places[place]:.1f}", text=texts[place][5:]) for place in chosen)
