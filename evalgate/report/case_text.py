"""Render pages and lists of cases as text of 80 columns for a terminal, and as Markdown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from evalgate.domain import GateReport, Report
from evalgate.domain.numbers import show_count
from evalgate.domain.sent_prompts import SentPrompt
from evalgate.report import view
from evalgate.report.case_list import TITLES, ListedCase, list_cases
from evalgate.report.case_page import CasePage, SampleView
from evalgate.report.escape import block, code, markdown, prose
from evalgate.report.wrapped_text import wrap_block, wrap_words

_MOST = 20
_FENCE = re.compile("`+")


def render_page(page: CasePage, *, color: bool, form: str = "terminal") -> str:
    """Render the page of a case for a terminal or as Markdown, with colours only for headings of a terminal."""
    return "\n".join(_page(page, _Markdown() if form == "markdown" else _Terminal(color))) + "\n"


def render_list(report: Report, gates: Sequence[GateReport], *, color: bool, form: str = "terminal") -> str:
    """Render the cases that are worth a look, with ids to copy."""
    style = _Markdown() if form == "markdown" else _Terminal(color)
    note = view.redrawn(report)
    rows = [note, ""] if note else []
    for gate in gates:
        rows += _list(gate, list_cases(gate), style)
    if not gates:
        rows += style.say(f"The report has no gate: {view.sentence(report)}")
    return "\n".join([*rows, note] if note else rows).rstrip("\n") + "\n"


def render_part(report: Report, *, color: bool) -> str:
    """Render the report of a part of the cases: what was measured, without any word of a verdict."""
    style = _Terminal(color)
    rows = [view.NOT_A_GATE, ""]
    for gate in report.gates:
        rows += _list(gate, list_cases(gate), style)
        evidence = gate.evidence
        calls = evidence.calls
        cost = view.format_cost(evidence.cost_usd)
        rows += [wrap_words(f"{show_count(calls.made, 'call')} made, {calls.cached:,} cached; {cost}"), ""]
    rows += [wrap_words(f"warning: {warning}") for warning in report.warnings]
    rows += [
        wrap_words(
            "No verdict was reached, and none is stored; the exit code is 4. The answers are kept: `evalgate run` on "
            "all cases does not ask for them again."
        ),
        view.NOT_A_GATE,
    ]
    return "\n".join(rows) + "\n"


class _Terminal:
    """Plain text of 80 columns."""

    def __init__(self, color: bool) -> None:
        self._color = color

    def title(self, text: str, beside: str = "") -> Iterator[str]:
        yield from (self._mark(row, "1") for row in wrap_words(text).split("\n"))
        if beside:
            yield wrap_words(beside)

    def heading(self, text: str) -> Iterator[str]:
        yield ""
        yield from (self._mark(row, "1") for row in wrap_words(text).split("\n"))

    def sub(self, text: str) -> Iterator[str]:
        yield self._mark(wrap_words(text, indent="  "), "2")

    def say(self, text: str) -> Iterator[str]:
        yield wrap_words(text, indent="  ")

    def body(self, text: str) -> Iterator[str]:
        yield wrap_block(text, indent="    ")

    def rows(self, rows: Sequence[str]) -> Iterator[str]:
        yield from rows[1:] if rows and not rows[0] else rows

    def pair(self, name: str, text: str) -> Iterator[str]:
        yield wrap_words(f"{name}: {text}" if text else name, indent="      ", first="    ")

    def item(self, name: str, text: str) -> Iterator[str]:
        yield wrap_words(f"{name}  {text}", indent="      ", first="  ")

    def _mark(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._color and text else text


class _Markdown:
    """Markdown with texts in fences, in which nothing is a mention or a link."""

    def title(self, text: str, beside: str = "") -> Iterator[str]:
        yield f"## {markdown(prose(text))}"
        yield ""
        if beside:
            yield markdown(prose(beside))

    def heading(self, text: str) -> Iterator[str]:
        yield ""
        yield f"### {markdown(prose(text))}"
        yield ""

    def sub(self, text: str) -> Iterator[str]:
        yield ""
        yield f"**{markdown(prose(text))}**"
        yield ""

    def say(self, text: str) -> Iterator[str]:
        yield markdown(prose(text))

    def body(self, text: str) -> Iterator[str]:
        shown = block(text)
        fence = "`" * max(3, 1 + max((len(run) for run in _FENCE.findall(shown)), default=0))
        yield f"{fence}text\n{shown}\n{fence}"

    def rows(self, rows: Sequence[str]) -> Iterator[str]:
        yield from self.body("\n".join(self._strip(rows)))

    def pair(self, name: str, text: str) -> Iterator[str]:
        yield f"- {code(prose(name))}{f': {markdown(prose(text))}' if text else ''}"

    def item(self, name: str, text: str) -> Iterator[str]:
        yield f"- {code(prose(name))} {markdown(prose(text))}"

    @staticmethod
    def _strip(rows: Sequence[str]) -> Sequence[str]:
        return rows[1:] if rows and not rows[0] else rows


def _list(gate: GateReport, cases: Sequence[ListedCase], style: _Terminal | _Markdown) -> Iterator[str]:
    evidence = gate.evidence
    done = len({result.case for result in evidence.results})
    beside = f"{done} of {show_count(evidence.dataset.cases, 'case')} {'was' if done == 1 else 'were'} run"
    is_part = bool(evidence.part)
    yield from style.title(evidence.name if is_part else f"{view.headline(gate)}  {evidence.name}", beside)
    for group, title in TITLES.items():
        found = [case for case in cases if case.group == group]
        if not found:
            continue
        yield from style.heading(f"{title} ({len(found)})" if group != "other" else title)
        for case in found[:_MOST]:
            yield from style.item(case.case, "; ".join(case.why))
        if len(found) > _MOST:
            yield from style.say(f"... and {len(found) - _MOST} more, with --format json")
    if not cases:
        yield from style.say("No case is broken, worse, failing, unstable or without a score.")
    first = next((case.case for case in cases), next(iter(evidence.order), ""))
    if first:
        yield ""
        yield from style.say(f"evalgate show {first} shows one of them with its prompts, samples and scores")
    yield ""


def _page(page: CasePage, style: _Terminal | _Markdown) -> Iterator[str]:
    yield from style.title(f"{page.case}  of gate {page.gate}: {page.verdict}", page.sentence)
    if page.tags:
        yield from style.say(f"tags: {', '.join(page.tags)}")
    if page.excluded:
        yield from style.say(f"not asked of this case: {', '.join(page.excluded)}")
    if page.withheld:
        yield from style.say(page.withheld)
    yield from style.heading("Input")
    for field in page.fields:
        yield from style.sub(field.name)
        yield from style.body(field.text)
    if not page.fields:
        yield from style.say("the fields of this case are not in the report")
    yield from style.heading("Prompts as sent")
    if page.prompts_note:
        yield from style.say(page.prompts_note)
    for prompt in page.prompts:
        yield from _prompt(prompt, style)
    if page.prompt_diff:
        yield from style.heading("Difference of the prompts: [-removed-] {+added+}")
        yield from style.rows(page.prompt_diff)
    yield from style.heading("Samples")
    if page.samples_note:
        yield from style.say(page.samples_note)
    for sample in page.samples:
        yield from _sample(sample, style)
    if page.output_diff:
        yield from style.heading(f"Difference of the outputs: {page.output_title}")
        yield from style.rows(page.output_diff)


def _prompt(prompt: SentPrompt, style: _Terminal | _Markdown) -> Iterator[str]:
    if not prompt.messages:
        yield from style.sub(f"{prompt.arm}: no messages were sent; the application or a file gave the output")
    for message in prompt.messages:
        yield from style.sub(f"{prompt.arm}, {message.role}")
        yield from style.body(message.content)
    for name, value in prompt.settings.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield from style.pair(name, text)


def _sample(sample: SampleView, style: _Terminal | _Markdown) -> Iterator[str]:
    fresh = ", drawn to settle the case" if sample.is_fresh else ""
    yield from style.sub(f"{sample.arm}, sample {sample.number} of {sample.of}{fresh}")
    yield from style.body(sample.text)
    for call in sample.calls:
        yield from style.pair("tool call", call)
    if sample.reasoning:
        yield from style.pair("reasoning", sample.reasoning)
    for mark in sample.marks:
        yield from style.pair(f"{mark.criterion} {mark.score}", mark.reason)
    if sample.reported is not None:
        yield from style.pair(f"{sample.reported.criterion} {sample.reported.score}", sample.reported.reason)
    if sample.facts:
        yield from style.pair("call", "; ".join(sample.facts))
