"""Render a report as one self-contained page of HTML: no script, font or image, and no link except to the sign-off.

The layout is for screens, light or dark, and for paper. A content security policy in the page forbids everything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial

from evalgate.domain import GateReport, Report
from evalgate.report import case_selection, criteria_table, footer, input_lines, text_diff, view
from evalgate.report.escape import prose
from evalgate.report.html_templates import LONGEST_NAME, PageTemplates

_OPEN_CASES = 3
_CHARACTERS, _LINES = 4_000, 100
_WIDTH, _HEIGHT, _MARGIN = 150, 18, 6
_SCORE_TONES = {"holds": "pass", "fails": "fail", "unscored": "unsure"}


def render(report: Report, *, cases: int = 50) -> str:
    """Render the report as a page of HTML in UTF-8; at most `cases` cases of each gate are shown with their outputs."""
    single = len(report.gates) == 1
    name = prose(report.gates[0].evidence.name, most=LONGEST_NAME) if single else view.title(report)
    return _find_templates().render("report.html", report=report, name=name, cases=cases, single=single)


@cache
def _find_templates() -> PageTemplates:
    """Return the templates of the page with the functions and filters that they use."""
    return PageTemplates(
        "page.css",
        functions={
            "open_cases": _OPEN_CASES,
            "view": view,
            "footer": footer,
            "case_selection": case_selection,
            "criteria_table": criteria_table,
            "make_excerpts": partial(text_diff.make_excerpts, characters=_CHARACTERS, lines=_LINES),
            "make_input_lines": input_lines.make_input_lines,
            "make_plots": _make_plots,
        },
        filters={"score_tone": lambda score: _SCORE_TONES.get(score, "plain")},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plot:
    """Positions on the axis of a chart, in pixels; `limit` is empty where there is none."""

    zero: str
    low: str
    value: str
    high: str
    limit: str
    width: int = _WIDTH
    height: int = _HEIGHT
    middle: int = _HEIGHT // 2


def _make_plots(gate: GateReport) -> tuple[_Plot | None, ...]:
    """Return the chart of each row of the table of criteria, all on one axis; None where there is nothing to draw."""
    spans = criteria_table.make_spans(gate)
    ends = [0.0, *(end for span in spans if span for end in (span.low, span.high, span.limit or 0.0))]
    low, high = min(ends), max(ends)

    def place(value: float) -> str:
        return f"{_MARGIN + (value - low) / (high - low) * (_WIDTH - 2 * _MARGIN):.1f}"

    return tuple(
        _Plot(
            zero=place(0),
            low=place(span.low),
            value=place(span.value),
            high=place(span.high),
            limit="" if span.limit is None else place(span.limit),
        )
        if span and low < high
        else None
        for span in spans
    )
