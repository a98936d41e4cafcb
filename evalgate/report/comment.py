"""Render the comment of a pull request and the summary of a job, within the sizes that GitHub accepts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from evalgate.domain import GateReport, Report
from evalgate.domain.numbers import show_count
from evalgate.report import case_selection, footer, markdown, view
from evalgate.report.escape import html, html_code, link, prose
from evalgate.report.escape import markdown as inline
from evalgate.report.truncate import JOINT, Part, choose_parts, utf8, utf16

# GitHub refuses a comment of more than 65,536 units, and a job summary of more than 1,048,576 bytes.
MOST, MOST_SUMMARY = 60_000, 1_000_000
_CASES, _CASES_OF_SUMMARY = 10, 200
_TABLE, _FIRST, _HISTORY, _MORE, _DETAILS = 1, 2, 3, 4, 5
# The size reserved for the line that says what is left out.
_NOTE = 250
_PLURALS = {
    "case": "cases",
    "table of criteria": "tables of criteria",
    "gate": "gates",
    "list of gates": "lists of gates",
    "list of findings": "lists of findings",
    "history": "histories",
    "list of changes": "lists of changes",
    "warning": "warnings",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """One earlier report in the history: its head (a commit's sha), time (ISO 8601, UTC), verdict and sentence."""

    head: str
    at: str
    verdict: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Links to the run and the full report, as http or https addresses; empty: there is no such page."""

    run: str = ""
    report: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Budget:
    """The limits of a page: at most `most` units of `size`, and at most `cases` cases of each gate."""

    most: int
    size: Callable[[str], int]
    cases: int


def render(
    report: Report,
    *,
    marker: str,
    earlier: Sequence[PastRun] = (),
    standing: str = "",
    links: Links | None = None,
    most: int = MOST,
) -> str:
    """Render the comment, at most `most` UTF-16 units; only whole cases and tables are left out.

    `marker` is the first line, by which the comment is found again. `earlier` are the runs before this one, the newest
    first. `standing` is plain text: what a sign-off is waiting for. Raises ValueError for an invalid link, or if the
    verdict does not fit into `most`.
    """
    top = [Part(text=marker)]
    if earlier:
        top.append(Part(text=_render_history(earlier), what="history", rank=_HISTORY))
    return _render_page(report, standing, links or Links(), _Budget(most=most, size=utf16, cases=_CASES), tuple(top))


def render_summary(report: Report, *, standing: str = "", links: Links | None = None, most: int = MOST_SUMMARY) -> str:
    """Render the job summary: the same page with more cases and without history, at most `most` bytes of UTF-8.

    Raises ValueError as `render` does.
    """
    return _render_page(report, standing, links or Links(), _Budget(most=most, size=utf8, cases=_CASES_OF_SUMMARY))


def _render_page(report: Report, standing: str, links: Links, budget: _Budget, ends: Sequence[Part] = ()) -> str:
    """Render the page in this order: the head with its warnings, table, cases, changes, cost, links, details.

    The first of `ends` is placed above everything, the others below.
    """
    before = [*ends[:1], *_render_head(report, standing), *_render_warnings(report)]
    before += [*_render_gates(report, budget.cases), *_render_cost(report)]
    more = [link(words, url) for words, url in (("run", links.run), ("full report", links.report)) if url]
    after = [Part(text=f"**More**: {', '.join(more)}")] if more else []
    after += [
        Part(text=_render_details(gate, len(report.gates) == 1), what="list of findings", rank=_DETAILS)
        for gate in report.gates
    ]
    after += ends[1:]
    kept = choose_parts([*before, *after], budget.most - _NOTE, budget.size)
    lost = [part.what for part, stays in zip([*before, *after], kept, strict=True) if not stays]
    lost += ["case" for gate in report.gates for _ in case_selection.select_cases(gate)[budget.cases :]]
    texts = [part.text for part, stays in zip(before, kept, strict=False) if stays]
    texts += [f"**Not shown here**: {_describe_lost(lost)}."] if lost else []
    texts += [part.text for part, stays in zip(after, kept[len(before) :], strict=True) if stays]
    text = JOINT.join(texts) + "\n"
    if budget.size(text) > budget.most:
        raise ValueError(f"the verdict does not fit into a page of {budget.most}")
    return text


def _render_head(report: Report, standing: str) -> Iterator[Part]:
    blocks = list(markdown.head(report, standing))
    for position, text in enumerate(blocks):
        is_list = len(report.gates) > 1 and position == len(blocks) - 1
        yield Part(text=text, what="list of gates", rank=_TABLE if is_list else 0)


def _render_warnings(report: Report) -> Iterator[Part]:
    """Yield what the evaluation leaves out, such as a gate that the change removes: a sign-off is given on this page.

    A warning that is the sentence of the verdict is not repeated.
    """
    said = view.sentence(report)
    for warning in report.warnings:
        if warning != said:
            yield Part(text=f"**Warning**: {inline(prose(warning))}", what="warning", rank=_TABLE)


def _render_gates(report: Report, cases: int) -> Iterator[Part]:
    for number, gate in enumerate(report.gates):
        if len(report.gates) > 1:
            yield Part(text=JOINT.join(markdown.verdict(gate)), what="gate", rank=_TABLE, chain=str(number))
        if gate.comparisons:
            table = f"### Criteria{JOINT}{markdown.criteria(gate)}"
            yield Part(text=table, what="table of criteria", rank=_TABLE, chain=f"{number}/table")
        for position, text in enumerate(markdown.render_cases(gate, cases)):
            rank = _FIRST if position < markdown.OPEN else _MORE
            yield Part(text=text, what="case", rank=rank, chain=f"{number}/cases")
        for text in markdown.render_changes(gate):
            yield Part(text=text, what="list of changes", rank=_DETAILS, chain=f"{number}/changes")


def _render_cost(report: Report) -> Iterator[Part]:
    if report.gates:
        yield Part(text=f"**Cost**: {inline(footer.describe_cost(report))}")
    if report.attempts and report.attempts.number != 1:
        yield Part(text=f"**Attempts**: {inline(footer.describe_attempts(report))}")


def _describe_lost(lost: Sequence[str]) -> str:
    """Return the counts of what is left out, in the order of the page: "12 cases, 1 table of criteria"."""
    counts = {what: lost.count(what) for what in lost}
    return ", ".join(show_count(count, what, _PLURALS[what]) for what, count in counts.items())


def _render_details(gate: GateReport, single: bool) -> str:
    name = "" if single else f" of {html_code(prose(gate.evidence.name, most=100))}"
    inner = JOINT.join(markdown.details(gate))
    return f"<details>\n<summary>Findings, versions and run{name}</summary>{JOINT}{inner}{JOINT}</details>"


def _render_history(runs: Sequence[PastRun]) -> str:
    rows = "\n".join(
        f"<tr><td>{html(run.at)}</td><td>{html_code(run.head[:7])}</td><td><b>{html(run.verdict)}</b></td>"
        f"<td>{html(run.sentence)}</td></tr>"
        for run in runs
    )
    title = f"<summary>Earlier runs ({len(runs)})</summary>"
    names = "".join(f"<th>{name}</th>" for name in ("at", "commit", "verdict", "why"))
    return f"<details>\n{title}\n<table>\n<tr>{names}</tr>\n{rows}\n</table>\n</details>"
