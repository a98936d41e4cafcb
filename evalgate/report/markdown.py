"""Render a report as Markdown for a pull request: verdict first, outputs side by side, all untrusted text escaped.

The parts are public. `comment` assembles them into the comment and the job summary, within a size limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from evalgate.domain import Finding, GateReport, Report, Verdict
from evalgate.report import case_selection, criteria_table, footer, input_lines, text_diff, view
from evalgate.report.escape import code, escape_preformatted, html, html_code, is_address, link, markdown, prose

# The number of cases of a gate that are shown expanded.
OPEN = 3
_CHARACTERS, _LINES = 2_000, 60
_REASON = 600
_NAME = 200
# Two such columns fit the width of a comment on GitHub without scrolling.
_COLUMN = 42
_SIGNS = {Verdict.PASS: "✅", Verdict.FAIL: "❌", Verdict.INCONCLUSIVE: "❔"}


def render(report: Report, *, cases: int = 20) -> str:
    """Render the report as GitHub Markdown; at most `cases` cases of each gate are shown with their outputs."""
    blocks = [*head(report)]
    for gate in report.gates:
        if len(report.gates) != 1:
            blocks.extend(verdict(gate))
        blocks.extend(_gate(gate, cases))
    blocks.extend(foot(report))
    return "\n\n".join(blocks) + "\n"


def head(report: Report, standing: str = "") -> Iterator[str]:
    """Yield the top of the report: edited rules, the verdict, the deciding sentence, notes, the sign-off."""
    redrawn = view.redrawn(report)
    if redrawn:
        yield f"> [!NOTE]\n> {markdown(redrawn)}"
    rules = view.rules(report)
    if rules:
        yield f"> [!WARNING]\n> {markdown(rules)}"
    name = _name(report.gates[0]) if len(report.gates) == 1 else view.title(report)
    yield f"## {_sign(report)} {view.verdict(report)}: {name}"
    yield markdown(prose(view.sentence(report)))
    if len(report.gates) == 1:
        yield from _beside(report.gates[0])
    sign_off = view.sign_off(report, standing)
    if sign_off:
        yield f"**{sign_off[0]}** {markdown(prose(sign_off[1]))}{_where(report)}"
    if len(report.gates) > 1:
        yield "\n".join(f"- {_sign(g)} {view.headline(g)}: {_name(g)}" for g in report.gates)


def verdict(gate: GateReport) -> Iterator[str]:
    """Yield the verdict of one gate of several, its deciding sentence and its notes."""
    yield f"## {_sign(gate)} {view.headline(gate)}: {_name(gate)}"
    yield markdown(prose(view.find_deciding_sentence(gate)))
    yield from _beside(gate)


def render_cases(gate: GateReport, most: int) -> Iterator[str]:
    """Yield the first `most` cases of a gate, a block each; the first of a kind has its title above it."""
    found = case_selection.select_cases(gate)
    title = ""
    for position, case in enumerate(found[:most]):
        above = ""
        if case_selection.TITLES[case.kind] != title:
            title = case_selection.TITLES[case.kind]
            above = f"### {title} ({sum(other.kind == case.kind for other in found)})\n\n"
        yield above + "\n".join(_case(case, is_open=position < OPEN))


def criteria(gate: GateReport) -> str:
    """Render the table of criteria."""
    return "\n".join(_criteria(gate))


def details(gate: GateReport) -> Iterator[str]:
    """Yield other findings, requirements, versions and the run, each under its title."""
    findings = view.list_other_findings(gate)
    if findings:
        yield "### Findings"
        yield "\n".join(f"- {_label(finding)} {markdown(prose(finding.sentence))}" for finding in findings)
    if gate.requirements:
        yield "### Requirements"
        # No task list: every person who may edit a comment could tick its boxes.
        yield "\n".join(f"- **{r.state}** {markdown(prose(r.detail))}" for r in gate.requirements)
    yield "### Run"
    yield "\n".join(f"- **{word}**: {markdown(prose(text))}" for word, text in footer.describe_gate(gate))


def foot(report: Report) -> Iterator[str]:
    """Yield warnings, edited rules, and the line of the run."""
    *others, (_, run) = footer.describe_report(report)
    yield from (f"**{word}**: {markdown(text)}" for word, text in others)
    yield f"<sub>{markdown(run)}</sub>"
    redrawn = view.redrawn(report)
    if redrawn:
        yield markdown(redrawn)


def _gate(gate: GateReport, most: int) -> Iterator[str]:
    yield from render_cases(gate, most)
    left = len(case_selection.select_cases(gate)) - most
    if left > 0:
        yield f"... and {left} more cases, in the JSON report."
    if gate.comparisons:
        yield "### Criteria"
        yield criteria(gate)
    yield from details(gate)


def _beside(gate: GateReport) -> Iterator[str]:
    yield from (f"**Note:** {markdown(prose(note))}" for note in view.list_remarks(gate))


def _sign(judged: Report | GateReport) -> str:
    if judged.exit_code.awaits_sign_off:
        return "⏳"
    return _SIGNS[judged.standing if isinstance(judged, Report) else judged.decision]


def _name(gate: GateReport) -> str:
    return code(prose(gate.evidence.name, most=_NAME))


def _where(report: Report) -> str:
    url = report.sign_off.url if report.sign_off else ""
    return f" ({link('where', url)})" if is_address(url) else ""


def _label(finding: Finding) -> str:
    return f"**{view.label(finding)}**"


def _case(case: case_selection.ShownCase, *, is_open: bool) -> Iterator[str]:
    """Yield the lines of one case as a block of HTML without a blank line, which would end the block."""
    criteria = ", ".join(
        f"{html_code(name)}{f' ({word})' if word else ''}" for name, word in case_selection.explain(case)
    )
    tags = f" ({html(', '.join(case.tags))})" if case.tags else ""
    yield f"<details{' open' if is_open else ''}>"
    yield f"<summary><b>{html_code(case.case)}</b>{tags}: {criteria}</summary>"
    yield from (_input(field) for field in input_lines.make_input_lines(case.inputs))
    yield "<table>"
    yield f"<tr>{''.join(f'<th>{case_selection.name_kind(side)}</th>' for side in case.sides)}</tr>"
    excerpts = text_diff.make_excerpts([side.text for side in case.sides], characters=_CHARACTERS, lines=_LINES)
    yield _row(f"<pre>{_excerpt(excerpt)}</pre>" for excerpt in excerpts)
    if case.calls:
        calls = text_diff.make_excerpts(case.calls, characters=_CHARACTERS, lines=_LINES)
        yield _row(f"tool calls<pre>{_excerpt(excerpt)}</pre>" for excerpt in calls)
    for marks in zip(*(side.marks for side in case.sides), strict=True):
        yield _row(_mark(mark) for mark in marks)
    yield "</table>"
    yield "</details>"


def _input(field: input_lines.InputLine) -> str:
    """Render a field of the input on one line, which unfolds to the whole text where there is more."""
    line = f"{html_code(field.name)}: {html(field.text)}"
    if not field.whole:
        return f"<div>{line}</div>"
    (excerpt,) = text_diff.make_excerpts([field.whole], characters=_CHARACTERS, lines=_LINES)
    return f"<details><summary>{line}</summary><pre>{_excerpt(excerpt, 2 * _COLUMN)}</pre></details>"


def _row(cells: Iterable[str]) -> str:
    return "<tr>" + "".join(f'<td valign="top">{cell}</td>' for cell in cells) + "</tr>"


def _excerpt(excerpt: text_diff.Excerpt, width: int = _COLUMN) -> str:
    return "".join(
        f"<b>{escape_preformatted(piece.text)}</b>"
        if piece.differs and piece.text.strip()
        else escape_preformatted(piece.text)
        for piece in text_diff.wrap(excerpt, width)
    )


def _mark(mark: case_selection.Mark) -> str:
    reason = f": {html(prose(mark.reason, most=_REASON))}" if mark.reason else ""
    return f"{html_code(mark.criterion)} <b>{mark.score}</b>{reason}"


def _criteria(gate: GateReport) -> Iterator[str]:
    yield "| criterion | baseline | candidate | difference | interval | n | std dev | detectable drop | decision |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
    for row in criteria_table.make_rows(gate):
        pairs = f"{row.pairs} ({row.units} units)" if row.units else row.pairs
        numbers = (row.baseline, row.candidate, row.difference, row.interval, pairs, row.deviation, row.detectable)
        decision = f"{row.decision}: {row.counts}" if row.counts else row.decision
        yield f"| {' | '.join((code(row.criterion), *numbers, decision))} |"
