"""Render a report as one self-contained page of HTML: no font or image, and no link out except to the sign-off.

The layout is for screens, light or dark, and for paper. A content security policy in the page forbids everything else:
its one style and its one script are allowed by their digests. All content is there without the script, which only
filters the cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial

from evalgate.domain import GateReport, Report
from evalgate.domain.history_rows import HistoryRun
from evalgate.domain.report_refs import MOST_LISTED
from evalgate.report import (
    arm_usage,
    case_lines,
    case_selection,
    criteria_table,
    diff_rows,
    footer,
    gate_history,
    input_lines,
    movements,
    page_cases,
    plots,
    text_diff,
    view,
)
from evalgate.report.escape import prose
from evalgate.report.html_templates import LONGEST_NAME, PageTemplates

BRIEF = 3
"""The number of cases of a gate that are shown in four lines."""
_LINE = 240
_CHARACTERS, _LINES = 4_000, 100
_UNMARKED, _UNMARKED_LINES = 1_500, 40
_SCORE_TONES = {"holds": "pass", "fails": "fail", "unscored": "unsure"}


@dataclass(frozen=True, slots=True, kw_only=True)
class GateView:
    """What the template of a gate shows besides the words of the verdict."""

    number: int
    gate: GateReport
    rows: tuple[criteria_table.CriterionRow, ...]
    intervals: plots.IntervalPlots | None
    cases: page_cases.PageCases
    brief: tuple[tuple[str, case_lines.CaseLines], ...]
    moves: tuple[tuple[str, movements.MoveCounts, plots.MovePlot], ...]
    scores: tuple[tuple[str, plots.Histogram], ...]
    arms: tuple[arm_usage.ArmUsage, ...]
    prompt: tuple[diff_rows.DiffRow, ...]
    history: gate_history.GateHistory | None


def render(report: Report, *, cases: int = MOST_LISTED, history: Sequence[HistoryRun] = ()) -> str:
    """Render the report as a page of HTML in UTF-8; at most `cases` cases of each gate are shown with their outputs.

    `history` are the runs until this one, in the order of their time. A gate shows its own if there are two or more.
    """
    single = len(report.gates) == 1
    name = prose(report.gates[0].evidence.name, most=LONGEST_NAME) if single else view.title(report)
    views = [_make_view(gate, number, cases, history) for number, gate in enumerate(report.gates)]
    return _find_templates().render("report.html", report=report, name=name, views=views, single=single)


def _make_view(gate: GateReport, number: int, most: int, history: Sequence[HistoryRun]) -> GateView:
    moves = movements.list_moves(gate)
    scores = movements.index_scores(gate.evidence)
    rows = criteria_table.make_rows(gate)
    cases = page_cases.make_page_cases(gate, moves, number=number, most=most)
    histograms = [(row.criterion, plots.plot_scores([*scores.get(row.criterion, {}).values()])) for row in rows]
    first = [case for _, group in cases.groups for case in group if case.shown.kind not in ("improved", "other")]
    return GateView(
        number=number,
        gate=gate,
        rows=rows,
        intervals=plots.plot_intervals(criteria_table.make_spans(gate)),
        cases=cases,
        brief=tuple(
            (one.id, case_lines.make_case_lines(one.shown, _LINE, critical=gate.policy.critical_tags))
            for one in first[:BRIEF]
        ),
        moves=tuple(
            (row.criterion, movements.count_moves(moves[row.criterion]), plots.plot_moves(moves[row.criterion]))
            for row in rows
            if moves.get(row.criterion)
        ),
        scores=tuple((criterion, found) for criterion, found in histograms if found is not None),
        arms=arm_usage.measure_arms(gate.evidence),
        prompt=diff_rows.compare_prompts(gate.evidence),
        history=gate_history.make_gate_history(history, gate.evidence.name),
    )


def _make_excerpts(case: case_selection.ShownCase, texts: list[str]) -> tuple[text_diff.Excerpt, ...]:
    """Return the texts of both sides; their differences are only marked where the case is shown for some reason."""
    if case.kind != "other":
        return text_diff.make_excerpts(texts, characters=_CHARACTERS, lines=_LINES)
    return tuple(
        excerpt
        for text in texts
        for excerpt in text_diff.make_excerpts([text], characters=_UNMARKED, lines=_UNMARKED_LINES)
    )


@cache
def _find_templates() -> PageTemplates:
    """Return the templates of the page with the functions and filters that they use."""
    return PageTemplates(
        "page.css",
        "charts.css",
        "history.css",
        "report.css",
        script="report.js",
        functions={
            "view": view,
            "footer": footer,
            "case_selection": case_selection,
            "criteria_table": criteria_table,
            "describe_diff": diff_rows.count_changes,
            "signs": diff_rows.SIGNS,
            "make_excerpts": _make_excerpts,
            "make_input_lines": input_lines.make_input_lines,
            "usage_head": arm_usage.HEAD,
            "make_usage_rows": arm_usage.make_rows,
            "plot_seconds": plots.plot_seconds,
            "plot_amounts": plots.plot_amounts,
            "plot_height": plots.HEIGHT,
        },
        filters={
            "score_tone": lambda score: _SCORE_TONES.get(score, "plain"),
            "line": partial(prose, most=_LINE),
        },
    )
