"""Render a report as Markdown for a pull request: verdict first, outputs side by side, all untrusted text escaped.

The parts are public. `comment` assembles them into the comment and the job summary, within a size limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from evalgate.domain import Finding, GateReport, Report, Verdict
from evalgate.domain.lists import name_some
from evalgate.domain.numbers import show_count
from evalgate.report import (
    case_lines,
    case_selection,
    criteria_table,
    diff_rows,
    footer,
    input_lines,
    interval_bar,
    text_diff,
    view,
)
from evalgate.report.escape import code, escape_preformatted, html, html_code, is_address, link, markdown, prose
from evalgate.report.glue import NO_BREAK, join_units

# The number of cases of a gate that are shown in four lines.
OPEN = 3
_LINE = 200
_DRAWING = 25
_NAMED = 30
_DIFF = 400
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
    """Yield the first `most` cases of a gate, a block each: the first three in four lines above their folded outputs.

    The first of a kind has its title above it.
    """
    found = case_selection.select_cases(gate)
    title = ""
    for position, case in enumerate(found[:most]):
        above = ""
        if case_selection.TITLES[case.kind] != title:
            title = case_selection.TITLES[case.kind]
            above = f"### {title} ({sum(other.kind == case.kind for other in found)})\n\n"
        if position < OPEN:
            above += "".join(_lines(case_lines.make_case_lines(case, _LINE, critical=gate.policy.critical_tags)))
        yield above + "\n".join(_case(case, is_short=position < OPEN))


def render_changes(gate: GateReport) -> Iterator[str]:
    """Yield what got better, and the difference of the prompts, each folded; nothing where there is none."""
    improved = case_selection.list_improved(gate)
    if improved:
        named = name_some([html_code(prose(case, most=_NAME)) for case in improved], _NAMED)
        yield f"<details>\n<summary>Improved cases ({len(improved)})</summary>\n\n{named}\n\n</details>"
    rows = diff_rows.compare_prompts(gate.evidence)
    if rows:
        text = escape_preformatted("\n").join(_diff_row(row) for row in rows[:_DIFF])
        if len(rows) > _DIFF:
            text += escape_preformatted(f"\n... and {show_count(len(rows) - _DIFF, 'more line')}, in the HTML report")
        title = f"Difference of the prompts ({diff_rows.count_changes(rows)})"
        yield f"<details>\n<summary>{title}</summary>\n<pre>{text}</pre>\n</details>"


def criteria(gate: GateReport) -> str:
    """Render the table of criteria with its drawings, and what has to be said of them."""
    notes = "".join(f"\n\n**Note:** {markdown(prose(note))}" for note in criteria_table.list_notes(gate))
    return "\n".join(_criteria(gate)) + notes


def details(gate: GateReport) -> Iterator[str]:
    """Yield other findings, requirements, versions and the run, each under its title."""
    yield from _findings(gate)
    yield "### Run"
    yield _run(gate)


def foot(report: Report) -> Iterator[str]:
    """Yield warnings, edited rules, and the line of the run."""
    *others, (_, run) = footer.describe_report(report)
    yield from (f"**{word}**: {markdown(text)}" for word, text in others)
    yield f"<sub>{markdown(run)}</sub>"
    redrawn = view.redrawn(report)
    if redrawn:
        yield markdown(redrawn)


def _gate(gate: GateReport, most: int) -> Iterator[str]:
    if gate.comparisons:
        yield "### Criteria"
        yield criteria(gate)
    yield from render_cases(gate, most)
    left = len(case_selection.select_cases(gate)) - most
    if left > 0:
        yield f"... and {show_count(left, 'more case')}, in the JSON report."
    yield from render_changes(gate)
    yield from _findings(gate)
    yield f"<details>\n<summary>Versions and run</summary>\n\n{_run(gate)}\n\n</details>"


def _findings(gate: GateReport) -> Iterator[str]:
    findings = view.list_other_findings(gate)
    if findings:
        yield "### Findings"
        yield "\n".join(f"- {_label(finding)} {markdown(prose(finding.sentence))}" for finding in findings)
    if gate.requirements:
        yield "### Requirements"
        # No task list: every person who may edit a comment could tick its boxes.
        yield "\n".join(f"- **{r.state}** {markdown(prose(r.detail))}" for r in gate.requirements)


def _run(gate: GateReport) -> str:
    return "\n".join(f"- **{word}**: {markdown(prose(text))}" for word, text in footer.describe_gate(gate))


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


def _lines(lines: case_lines.CaseLines) -> Iterator[str]:
    yield f"{code(lines.case)} {markdown(lines.why)}"
    yield from (f"<br>{markdown(name)}: {markdown(text)}" for name, text in lines.rest)
    yield "\n\n"


def _case(case: case_selection.ShownCase, *, is_short: bool) -> Iterator[str]:
    """Yield the lines of one case as a block of HTML without a blank line, which would end the block."""
    criteria = ", ".join(
        f"{html_code(name)}{f' ({word})' if word else ''}" for name, word in case_selection.explain(case)
    )
    tags = f" ({html(', '.join(case.tags))})" if case.tags else ""
    yield "<details>"
    rest = " in full" if is_short else f"{tags}: {criteria}"
    yield f"<summary><b>{html_code(case.case)}</b>{rest}</summary>"
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


def _diff_row(row: diff_rows.DiffRow) -> str:
    pieces = "".join(
        f"<b>{escape_preformatted(piece.text)}</b>" if piece.differs else escape_preformatted(piece.text)
        for piece in row.pieces
    )
    return f"<b>{pieces}</b>:" if row.kind == "part" else f"{diff_rows.SIGNS[row.kind]}{pieces}"


def _criteria(gate: GateReport) -> Iterator[str]:
    rows = criteria_table.make_rows(gate)
    drawings = interval_bar.draw_intervals(criteria_table.make_spans(gate), _DRAWING)
    yield "| criterion | decision | baseline | candidate | difference and interval | cases |"
    yield "| --- | --- | ---: | ---: | --- | --- |"
    for row, drawing in zip(rows, drawings, strict=True):
        decision = f"**{row.decision}**{f': {row.counts}' if row.counts else ''}"
        has_interval = row.interval != criteria_table.NONE
        difference = f"{row.difference}{NO_BREAK}{row.interval}" if has_interval else row.difference
        if drawing:
            difference += f"<br>`{drawing.replace(' ', NO_BREAK)}`"
        units = f" ({show_count(int(row.units), 'unit')})" if row.units else ""
        cases = f"{row.pairs}{units}{f': {row.moves}' if row.moves else ''}"
        cells = (
            code(row.criterion),
            decision,
            row.baseline,
            row.candidate,
            join_units(difference),
            join_units(cases),
        )
        yield f"| {' | '.join(cells)} |"
    if any(drawings):
        yield ""
        yield f"<sub>{interval_bar.KEY}</sub>"
