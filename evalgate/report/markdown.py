"""A report as Markdown for a pull request: verdict first, outputs side by side, nothing in it active."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from evalgate.domain import Finding, GateReport, Report, Verdict
from evalgate.report import regressed, sides, view
from evalgate.report.neutralise import code, html, html_code, markdown, preformatted, prose

_OPEN = 3
_CHARACTERS, _LINES = 2_000, 60
_REASON = 600
# Two such columns fit the width of a comment on GitHub without scrolling.
_COLUMN = 42
_SIGNS = {Verdict.PASS: "✅", Verdict.FAIL: "❌", Verdict.INCONCLUSIVE: "❔"}


def render(report: Report, *, cases: int = 20) -> str:
    """The report as Markdown of GitHub's kind; at most `cases` cases of each gate are shown with their outputs."""
    blocks: list[str] = []
    if len(report.gates) != 1:
        title = "all gates" if report.gates else "nothing to gate"
        blocks.append(f"## {_SIGNS[report.decision]} {report.decision}: {title}")
        blocks.append(markdown(view.summary(report)))
        gates = [f"- {_SIGNS[g.decision]} {view.headline(g)}: {code(g.evidence.name)}" for g in report.gates]
        blocks.extend(["\n".join(gates)] if gates else [])
    for gate in report.gates:
        blocks.extend(_gate(gate, cases))
    blocks.extend(f"**warning**: {markdown(prose(warning))}" for warning in report.warnings)
    blocks.append(f"<sub>{markdown(view.run_line(report))}</sub>")
    return "\n\n".join(blocks) + "\n"


def _gate(gate: GateReport, most: int) -> Iterator[str]:
    yield f"## {_SIGNS[gate.decision]} {view.headline(gate)}: {code(gate.evidence.name)}"
    yield markdown(prose(view.deciding(gate)))
    yield from _cases(gate, most)
    if gate.comparisons:
        yield "### Criteria"
        yield "\n".join(_criteria(gate))
    findings = view.other_findings(gate)
    if findings:
        yield "### Findings"
        yield "\n".join(f"- {_label(finding)} {markdown(prose(finding.sentence))}" for finding in findings)
    if gate.requirements:
        yield "### Requirements"
        # No task list: whoever may edit a comment could tick its boxes.
        yield "\n".join(f"- **{r.state}** {markdown(prose(r.detail))}" for r in gate.requirements)
    yield "### Run"
    yield "\n".join(f"- **{word}**: {markdown(prose(text))}" for word, text in view.footer(gate))


def _label(finding: Finding) -> str:
    return f"**{view.label(finding)}**"


def _cases(gate: GateReport, most: int) -> Iterator[str]:
    cases = regressed.cases(gate)
    title = ""
    for position, case in enumerate(cases[:most]):
        if regressed.TITLES[case.kind] != title:
            title = regressed.TITLES[case.kind]
            yield f"### {title} ({sum(other.kind == case.kind for other in cases)})"
        yield "\n".join(_case(case, is_open=position < _OPEN))
    if len(cases) > most:
        yield f"... and {len(cases) - most} more cases, in the JSON report."


def _case(case: regressed.Shown, *, is_open: bool) -> Iterator[str]:
    """One case as a block of HTML without a blank line, which would end the block."""
    criteria = ", ".join(html_code(criterion) for criterion in case.criteria)
    tags = f" ({html(', '.join(case.tags))})" if case.tags else ""
    yield f"<details{' open' if is_open else ''}>"
    yield f"<summary><b>{html_code(case.case)}</b>{tags}: {criteria}</summary>"
    yield "<table>"
    yield f"<tr>{''.join(f'<th>{_arm(side)}</th>' for side in case.sides)}</tr>"
    excerpts = sides.excerpts([side.text for side in case.sides], characters=_CHARACTERS, lines=_LINES)
    yield _row(f"<pre>{_excerpt(excerpt)}</pre>" for excerpt in excerpts)
    for marks in zip(*(side.marks for side in case.sides), strict=True):
        yield _row(_mark(mark) for mark in marks)
    yield "</table>"
    yield "</details>"


def _row(cells: Iterable[str]) -> str:
    return "<tr>" + "".join(f'<td valign="top">{cell}</td>' for cell in cells) + "</tr>"


def _arm(side: regressed.Side) -> str:
    return f"{side.arm}, sample {side.number} of {side.samples}" if side.samples > 1 else str(side.arm)


def _excerpt(excerpt: sides.Excerpt) -> str:
    return "".join(
        f"<b>{preformatted(piece.text)}</b>" if piece.differs and piece.text.strip() else preformatted(piece.text)
        for piece in sides.wrapped(excerpt, _COLUMN)
    )


def _mark(mark: regressed.Mark) -> str:
    reason = f": {html(prose(mark.reason, most=_REASON))}" if mark.reason else ""
    return f"{html_code(mark.criterion)} <b>{mark.score}</b>{reason}"


def _criteria(gate: GateReport) -> Iterator[str]:
    yield "| criterion | baseline | candidate | difference | interval | n | s_d | detects a drop of | decision |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
    for row in view.rows(gate):
        numbers = (row.baseline, row.candidate, row.difference, row.interval, row.n, row.deviation, row.detectable)
        yield f"| {' | '.join((code(row.criterion), *numbers, row.decision))} |"
