"""A report as one page of HTML that needs nothing else: no script, no font, no picture, no address but a sign-off's.

It is laid out for a screen, light or dark, and for paper. A policy in the page's head forbids all that it does not use.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files

from evalgate.domain import GateReport, Report
from evalgate.report import case_selection, criteria_table, footer, text_diff, view
from evalgate.report.escape import address, is_address, page, page_block, prose

_OPEN = 3
_CHARACTERS, _LINES = 4_000, 100
_REASON = 1_000
_NAME = 200
_WIDTH, _HEIGHT, _MARGIN = 150, 18, 6


def render(report: Report, *, cases: int = 50) -> str:
    """The report as a page of HTML in UTF-8; at most `cases` cases of each gate are shown with their outputs."""
    name = prose(report.gates[0].evidence.name, most=_NAME) if len(report.gates) == 1 else view.title(report)
    parts = [*_head(f"{view.verdict(report)}: {name}"), "<body>", "<main>"]
    rules = view.rules(report)
    if rules:
        parts.append(f'<p class="rules">{page(rules)}</p>')
    parts.extend(_verdict(report, name))
    for gate in report.gates:
        parts.extend(_gate(gate, cases, single=len(report.gates) == 1))
    parts.append(f"<footer>\n{_pairs(footer.describe_report(report))}\n</footer>")
    return "\n".join([*parts, "</main>", "</body>", "</html>"]) + "\n"


@cache
def _style() -> str:
    return files("evalgate.report").joinpath("html.css").read_text(encoding="utf-8")


def _head(title: str) -> Iterator[str]:
    style = f"\n{_style()}"
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="referrer" content="no-referrer">'
    yield f"<title>{page(title)}</title>"
    yield f"<style>{style}</style>\n</head>"


def _verdict(report: Report, name: str) -> Iterator[str]:
    yield f'<header class="verdict {_tone(view.verdict(report))}">'
    yield f'<h1><span class="word">{view.verdict(report)}</span> <span class="name">{page(name)}</span></h1>'
    yield f'<p class="why">{page(prose(view.sentence(report)))}</p>'
    if len(report.gates) == 1:
        yield from _beside(report.gates[0])
    sign_off = view.sign_off(report)
    if sign_off:
        url = report.sign_off.url if report.sign_off else ""
        where = f' (<a href="{page(address(url))}" rel="noreferrer">where</a>)' if is_address(url) else ""
        yield f'<p class="signed"><b>{sign_off[0]}</b> {page(prose(sign_off[1]))}{where}</p>'
    if len(report.gates) > 1:
        items = (f"<li>{_word(view.headline(gate))} {_name(gate)}</li>" for gate in report.gates)
        yield f'<ul class="gates">{"".join(items)}</ul>'
    yield "</header>"


def _gate(gate: GateReport, most: int, *, single: bool) -> Iterator[str]:
    yield '<section class="gate">'
    if not single:
        yield f'<div class="verdict {_tone(view.headline(gate))}">'
        yield f'<h1><span class="word">{view.headline(gate)}</span> <span class="name">{_name(gate)}</span></h1>'
        yield f'<p class="why">{page(prose(view.find_deciding_sentence(gate)))}</p>'
        yield from _beside(gate)
        yield "</div>"
    yield from _cases(gate, most)
    if gate.comparisons:
        yield "<h2>Criteria</h2>"
        yield from _criteria(gate)
    findings = view.list_other_findings(gate)
    if findings:
        yield "<h2>Findings</h2>"
        yield _list((view.label(finding), finding.sentence) for finding in findings)
    if gate.requirements:
        yield "<h2>Requirements</h2>"
        yield _list((requirement.state, requirement.detail) for requirement in gate.requirements)
    yield "<h2>Run</h2>"
    yield _pairs(footer.describe_gate(gate))
    yield "</section>"


def _beside(gate: GateReport) -> Iterator[str]:
    yield from (f'<p class="beside"><b>Note</b> {page(prose(note))}</p>' for note in view.list_remarks(gate))


def _cases(gate: GateReport, most: int) -> Iterator[str]:
    cases = case_selection.select_cases(gate)
    title = ""
    for position, case in enumerate(cases[:most]):
        if case_selection.TITLES[case.kind] != title:
            title = case_selection.TITLES[case.kind]
            count = sum(other.kind == case.kind for other in cases)
            yield f'<h2>{title} <span class="count">({count})</span></h2>'
        yield from _case(case, is_open=position < _OPEN)
    if len(cases) > most:
        yield f"<p>... and {len(cases) - most} more cases, in the JSON report.</p>"


def _case(case: case_selection.ShownCase, *, is_open: bool) -> Iterator[str]:
    tags = f' <span class="tags">({page(", ".join(case.tags))})</span>' if case.tags else ""
    criteria = ", ".join(
        f"<code>{page(name)}</code>{f' ({word})' if word else ''}" for name, word in case_selection.explain(case)
    )
    yield f'<details class="case"{" open" if is_open else ""}>'
    yield f'<summary><b><code>{page(case.case)}</code></b>{tags} <span class="for">{criteria}</span></summary>'
    yield '<table class="sides">'
    yield f"<tr>{''.join(f'<th>{case_selection.name_kind(side)}</th>' for side in case.sides)}</tr>"
    excerpts = text_diff.make_excerpts([side.text for side in case.sides], characters=_CHARACTERS, lines=_LINES)
    texts = "".join(f'<td><div class="output">{_excerpt(excerpt)}</div></td>' for excerpt in excerpts)
    yield f'<tr class="texts">{texts}</tr>'
    for marks in zip(*(side.marks for side in case.sides), strict=True):
        yield f"<tr>{''.join(f'<td>{_mark(mark)}</td>' for mark in marks)}</tr>"
    yield "</table>\n</details>"


def _excerpt(excerpt: text_diff.Excerpt) -> str:
    return "".join(
        f"<mark>{page_block(piece.text)}</mark>" if piece.differs and piece.text.strip() else page_block(piece.text)
        for piece in excerpt
    )


def _mark(mark: case_selection.Mark) -> str:
    reason = f' <span class="reason">{page(prose(mark.reason, most=_REASON))}</span>' if mark.reason else ""
    tone = {"holds": "pass", "fails": "fail", "unscored": "unsure"}.get(mark.score, "plain")
    return (
        f'<span class="mark"><code>{page(mark.criterion)}</code> <b class="word {tone}">{mark.score}</b>{reason}</span>'
    )


def _criteria(gate: GateReport) -> Iterator[str]:
    names = ("criterion", "baseline", "candidate", "difference", "interval", "", "n", "s_d", "detects<br>a drop of")
    spans = criteria_table.make_spans(gate)
    ends = [0.0, *(end for span in spans if span for end in (span.low, span.high, span.limit or 0.0))]
    axis = (min(ends), max(ends))
    yield '<div class="scroll"><table class="criteria">'
    yield f"<tr>{''.join(f'<th>{name}</th>' for name in (*names, 'decision'))}</tr>"
    for row, span in zip(criteria_table.make_rows(gate), spans, strict=True):
        plot = _plot(span, axis) if span and axis[0] < axis[1] else ""
        interval = f'<span class="interval">{row.interval}</span>'
        pairs = f"{row.pairs}<br>{row.units} units" if row.units else row.pairs
        numbers = (row.baseline, row.candidate, row.difference, interval, plot, pairs, row.deviation, row.detectable)
        counts = f' <span class="counts">{page(row.counts)}</span>' if row.counts else ""
        cells = (f"<code>{page(row.criterion)}</code>", *numbers, f"{_word(row.decision)}{counts}")
        yield f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
    yield "</table></div>"
    if axis[0] < axis[1]:
        yield (
            '<p class="key">The picture: the difference with its interval, from the baseline (grey line) '
            "to the allowed drop (dashed).</p>"
        )


def _plot(span: criteria_table.Span, axis: tuple[float, float]) -> str:
    """The interval on an axis between two numbers, as a drawing without text."""

    def at(value: float) -> str:
        return f"{_MARGIN + (value - axis[0]) / (axis[1] - axis[0]) * (_WIDTH - 2 * _MARGIN):.1f}"

    middle, tall = _HEIGHT // 2, f'y1="0" y2="{_HEIGHT}">'
    limit = (
        "" if span.limit is None else f'<line class="limit" x1="{at(span.limit)}" x2="{at(span.limit)}" {tall}</line>'
    )
    return (
        f'<svg class="plot" width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}" aria-hidden="true">'
        f'<line class="zero" x1="{at(0)}" x2="{at(0)}" {tall}</line>{limit}'
        f'<line class="span" x1="{at(span.low)}" x2="{at(span.high)}" y1="{middle}" y2="{middle}"></line>'
        f'<circle class="value" cx="{at(span.value)}" cy="{middle}" r="3"></circle></svg>'
    )


def _list(rows: Iterable[tuple[str, str]]) -> str:
    items = "\n".join(f"<li>{_word(word)} {page(prose(text))}</li>" for word, text in rows)
    return f'<ul class="findings">\n{items}\n</ul>'


def _pairs(pairs: Iterable[tuple[str, str]]) -> str:
    rows = "\n".join(f"<dt>{word}</dt><dd>{page(prose(text))}</dd>" for word, text in pairs)
    return f'<dl class="pairs">\n{rows}\n</dl>'


def _name(gate: GateReport) -> str:
    return page(prose(gate.evidence.name, most=_NAME))


def _word(words: str) -> str:
    """A decision in its colour, which only repeats what the word says."""
    return f'<span class="word {_tone(words)}">{words}</span>'


def _tone(words: str) -> str:
    if words.endswith("awaiting sign-off"):
        return "unsure"
    passes = dict.fromkeys(("PASS", "HOLDS", "met"), "pass")
    tones = {**passes, "FAIL": "fail", **dict.fromkeys(("INCONCLUSIVE", "undecided", "warning"), "unsure")}
    return next((tone for word, tone in tones.items() if words.startswith(word)), "plain")
