"""Render a report as one self-contained page of HTML: no script, font or image, and no link except to the sign-off.

The layout is for screens, light or dark, and for paper. A content security policy in the page forbids everything else.
The templates escape every value that they print. Only the filter `block` returns text that is escaped already.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from typing import TYPE_CHECKING

from evalgate.domain import GateReport, Report
from evalgate.report import case_selection, criteria_table, footer, text_diff, view
from evalgate.report.escape import address, is_address, page, page_block, prose

if TYPE_CHECKING:
    from jinja2 import Environment

_OPEN_CASES = 3
_CHARACTERS, _LINES = 4_000, 100
_NAME = 200
_WIDTH, _HEIGHT, _MARGIN = 150, 18, 6
_SCORE_TONES = {"holds": "pass", "fails": "fail", "unscored": "unsure"}


def render(report: Report, *, cases: int = 50) -> str:
    """Render the report as a page of HTML in UTF-8; at most `cases` cases of each gate are shown with their outputs."""
    single = len(report.gates) == 1
    name = prose(report.gates[0].evidence.name, most=_NAME) if single else view.title(report)
    template = _environment().get_template("report.html")
    return template.render(report=report, name=name, cases=cases, single=single)


@cache
def _environment() -> Environment:
    """Return the template environment with the functions and filters that the templates use."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    def escape(value: object) -> Markup:
        return value if isinstance(value, Markup) else Markup(page(str(value)))

    environment = Environment(
        loader=PackageLoader("evalgate.report"),
        auto_reload=False,
        autoescape=True,
        finalize=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    style = "\n" + files("evalgate.report").joinpath("templates/page.css").read_text(encoding="utf-8")
    environment.globals |= {
        "style": Markup(style),
        "style_digest": base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        "open_cases": _OPEN_CASES,
        "view": view,
        "footer": footer,
        "case_selection": case_selection,
        "criteria_table": criteria_table,
        "make_excerpts": partial(text_diff.make_excerpts, characters=_CHARACTERS, lines=_LINES),
        "make_plots": _make_plots,
        "address": address,
        "is_address": is_address,
        "zip": partial(zip, strict=True),
    }
    environment.filters |= {
        "block": lambda text: Markup(page_block(text)),
        "name": partial(prose, most=_NAME),
        "prose": prose,
        "tone": _tone,
        "score_tone": lambda score: _SCORE_TONES.get(score, "plain"),
    }
    return environment


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


def _tone(words: str) -> str:
    """Return the colour class of a decision; it only repeats the meaning of the words."""
    if words.endswith("awaiting sign-off"):
        return "unsure"
    passes = dict.fromkeys(("PASS", "HOLDS", "met"), "pass")
    tones = {**passes, "FAIL": "fail", **dict.fromkeys(("INCONCLUSIVE", "undecided", "warning"), "unsure")}
    return next((tone for word, tone in tones.items() if words.startswith(word)), "plain")
