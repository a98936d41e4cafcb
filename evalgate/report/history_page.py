"""Render the history of gates as one page of HTML that loads nothing: plots of intervals and costs, and all runs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from evalgate.domain.history_rows import HistoryRun
from evalgate.domain.history_totals import PeriodTotals
from evalgate.report import gate_history, history_charts
from evalgate.report.history_table import describe_cost, describe_totals
from evalgate.report.html_templates import PageTemplates


def render(
    runs: Sequence[HistoryRun], gates: Sequence[PeriodTotals], weeks: Sequence[PeriodTotals], problems: Sequence[str]
) -> str:
    """Render the page; the runs are in the order of their time, and the tables show the newest first."""
    pages = [
        _make_page(
            totals,
            [run for run in runs if run.gate == totals.gate],
            [week for week in weeks if week.gate == totals.gate],
        )
        for totals in gates
    ]
    return _find_templates().render("history.html", pages=pages, problems=list(problems), most=history_charts.MOST)


@cache
def _find_templates() -> PageTemplates:
    return PageTemplates("page.css", "charts.css", "history.css")


def _make_page(totals: PeriodTotals, runs: Sequence[HistoryRun], weeks: Sequence[PeriodTotals]) -> dict[str, Any]:
    judged = [run for run in runs if run.has_verdict]
    last = (judged or list(runs))[-1]
    return {
        "gate": totals.gate,
        "word": last.word,
        "sentence": f"The verdict of the last run, at {last.at}. {describe_totals(totals)}.",
        "verdicts": [(run.word, run.at) for run in judged[-history_charts.MOST :]],
        "charts": gate_history.draw_criteria(runs),
        "costs": history_charts.draw_costs(weeks),
        "weeks": _make_weeks(weeks),
        "runs": gate_history.make_rows(runs),
    }


def _make_weeks(weeks: Sequence[PeriodTotals]) -> list[list[str]]:
    head = ["week of", "runs", "PASS", "FAIL", "INCONCLUSIVE", "calls made", "cached", "saved", "cost"]
    body = [
        [
            one.week,
            *(f"{n:,}" for n in (one.runs, one.passed, one.failed, one.inconclusive, one.made, one.cached, one.saved)),
            describe_cost(one),
        ]
        for one in reversed(weeks)
    ]
    return [head, *body] if body else []
