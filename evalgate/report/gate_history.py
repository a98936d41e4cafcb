"""The history of one gate for pages of HTML: the newest runs as charts and as rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalgate.domain.history_rows import HistoryRun
from evalgate.domain.numbers import show_count
from evalgate.report import history_charts
from evalgate.report.history_table import describe_allowed, describe_interval, describe_notes
from evalgate.report.view import format_cost

MOST, MOST_ROWS = 20, 10
"""The numbers of runs in the charts and in the table of a run's page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRow:
    """One run as the texts of a row. `criteria` are names with their difference, interval and allowed drop."""

    at: str
    word: str
    what: str
    calls: str
    cost: str
    criteria: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateHistory:
    """The last runs of one gate. `verdicts` and the charts have the newest run last, `rows` first.

    `rows` are fewer runs. `charts` are those of the criteria by name, and `costs` is None if nothing was paid.
    """

    count: str
    verdicts: tuple[tuple[str, str], ...]
    charts: tuple[tuple[str, history_charts.HistoryChart], ...]
    costs: history_charts.HistoryChart | None
    rows: tuple[HistoryRow, ...]


def make_gate_history(runs: Sequence[HistoryRun], gate: str) -> GateHistory | None:
    """Return the last 20 runs of a gate that had a verdict; None if there are fewer than two.

    `runs` are those of all gates in the order of their time.
    """
    own = [run for run in runs if run.gate == gate and run.has_verdict][-MOST:]
    if len(own) < 2:
        return None
    words = [run.word for run in own]
    counts = ", ".join(f"{words.count(word)} {word}" for word in ("PASS", "FAIL", "INCONCLUSIVE") if word in words)
    return GateHistory(
        count=f"last {show_count(len(own), 'run')}: {counts}",
        verdicts=tuple((run.word, run.at) for run in own),
        charts=draw_criteria(own),
        costs=history_charts.draw_run_costs(own),
        rows=make_rows(own[-MOST_ROWS:]),
    )


def draw_criteria(runs: Sequence[HistoryRun]) -> tuple[tuple[str, history_charts.HistoryChart], ...]:
    """Return the chart of each criterion that the runs of one gate compared, with its name."""
    names = dict.fromkeys(one.name for run in runs for one in run.criteria)
    charts = [(name, history_charts.draw_intervals(runs, name)) for name in names]
    return tuple((name, chart) for name, chart in charts if chart is not None)


def make_rows(runs: Sequence[HistoryRun]) -> tuple[HistoryRow, ...]:
    """Return a row for each run, the newest first."""
    return tuple(_make_row(run) for run in reversed(runs))


def _make_row(run: HistoryRun) -> HistoryRow:
    return HistoryRow(
        at=run.at[:16].replace("T", " "),
        word=run.word,
        what=f"{run.baseline} -> {run.candidate}{f' {run.level}' if run.level else ''}{describe_notes(run)}",
        calls=f"{run.made:,} made, {run.cached:,} cached, {run.saved:,} saved",
        cost=format_cost(run.cost_usd),
        criteria=tuple((one.name, f"{describe_interval(one)}{describe_allowed(one)}") for one in run.criteria),
    )
