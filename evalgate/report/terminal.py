"""Render a report as text for a terminal, plain or with colours that only repeat the meaning of the words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import StringIO
from typing import TYPE_CHECKING

from evalgate.domain import GateReport, Report
from evalgate.report import case_selection, criteria_table, footer, input_lines, text_diff, view
from evalgate.report.escape import block, line, prose

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

_CASES = 5
_CHARACTERS, _LINES = 700, 14
_REASON = 300
_FIELDS = 4
_NARROW = 96
_STYLES = {"PASS": "bold green", "HOLDS": "bold green", "FAIL": "bold red", "INCONCLUSIVE": "bold yellow"}
_TRAILING = re.compile(r"[ ]+((?:\x1b\[[0-9;]*m[ ]*)*)$")


def render(report: Report, *, width: int = 100, color: bool = False) -> str:
    """Render the report for a terminal of `width` columns; escape sequences only with `color`; no trailing spaces."""
    console, target = _console(width, color)
    redrawn = line(view.redrawn(report))
    if redrawn:
        console.print(_text(f"{redrawn}\n", "yellow"), soft_wrap=True)
    rules = view.rules(report)
    if rules:
        console.print(_text(f"{line(rules)}\n", "yellow"))
    if len(report.gates) != 1:
        console.print(_heading(view.verdict(report), view.title(report)))
        console.print(_text(view.summary(report)))
        _print_sign_off(console, report)
        for gate in report.gates:
            console.print(_heading(view.headline(gate), gate.evidence.name, indent="  "))
        console.print()
    for gate in report.gates:
        verdict = view.verdict(report) if len(report.gates) == 1 else view.headline(gate)
        console.print(_heading(verdict, gate.evidence.name))
        console.print(_text(prose(view.find_deciding_sentence(gate))))
        for note in view.list_remarks(gate):
            console.print(_note(note))
        if len(report.gates) == 1:
            _print_sign_off(console, report)
        for part in _gate(gate, width):
            console.print(part)
        console.print()
    console.print(_pairs(footer.describe_report(report)))
    if redrawn:
        console.print(_text(f"\n{redrawn}", "yellow"), soft_wrap=True)
    return "\n".join(_trim(row) for row in target.getvalue().rstrip("\n").split("\n")) + "\n"


def render_case(case: case_selection.ShownCase, *, width: int = 100) -> str:
    """Render one case with its input, both outputs and their scores, without escape sequences."""
    console, target = _console(width, False)
    console.print(_case(case))
    return "\n".join(_trim(row) for row in target.getvalue().rstrip("\n").split("\n"))


def _console(width: int, color: bool) -> tuple[Console, StringIO]:
    from rich.console import Console

    target = StringIO()
    console = Console(
        file=target,
        width=width,
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
        _environ={},  # Only entry points read the environment.
    )
    return console, target


def _print_sign_off(console: Console, report: Report) -> None:
    sign_off = view.sign_off(report)
    if sign_off:
        console.print(_text(" ".join((sign_off[0], line(prose(sign_off[1]))))))


def _gate(gate: GateReport, width: int) -> Iterator[RenderableType]:
    yield from _cases(gate)
    if gate.comparisons:
        yield _text("\nCriteria", "bold")
        yield _criteria(gate, narrow=width < _NARROW)
    findings = view.list_other_findings(gate)
    if findings:
        yield _text("\nFindings", "bold")
        yield _pairs(tuple((view.label(finding), prose(finding.sentence)) for finding in findings))
    if gate.requirements:
        yield _text("\nRequirements", "bold")
        yield _pairs(tuple((requirement.state, prose(requirement.detail)) for requirement in gate.requirements))
    yield _text("")
    yield _pairs(footer.describe_gate(gate))


def _cases(gate: GateReport) -> Iterator[RenderableType]:
    cases = case_selection.select_cases(gate)
    title = ""
    for case in cases[:_CASES]:
        if case_selection.TITLES[case.kind] != title:
            title = case_selection.TITLES[case.kind]
            yield _text(f"\n{title} ({sum(other.kind == case.kind for other in cases)})", "bold")
        else:
            yield _text("")
        yield _case(case)
    if len(cases) > _CASES:
        yield _text(f"\n... and {len(cases) - _CASES} more cases, in the Markdown and JSON reports.")


def _case(case: case_selection.ShownCase) -> RenderableType:
    from rich.console import Group

    name = _text(line(case.case), "bold")
    why = ", ".join(f"{criterion} ({word})" if word else criterion for criterion, word in case_selection.explain(case))
    name.append_text(_text(f"  {line(why)}", "not bold"))
    if case.tags:
        name.append_text(_text(f"  tags {line(', '.join(case.tags))}", "dim not bold"))
    table = _table()
    for side in case.sides:
        table.add_column(_text(case_selection.name_kind(side)), ratio=1, overflow="fold")
    excerpts = text_diff.make_excerpts([side.text for side in case.sides], characters=_CHARACTERS, lines=_LINES)
    table.add_row(*(_excerpt(excerpt) for excerpt in excerpts))
    table.add_row()
    if case.calls:
        table.add_row(*(_text("tool calls", "dim") for _ in case.calls))
        calls = text_diff.make_excerpts(case.calls, characters=_CHARACTERS, lines=_LINES)
        table.add_row(*(_excerpt(excerpt) for excerpt in calls))
        table.add_row()
    for marks in zip(*(side.marks for side in case.sides), strict=True):
        table.add_row(*(_mark(mark) for mark in marks))
    fields = input_lines.make_input_lines(case.inputs, most=_FIELDS)
    return Group(name, *(_input(field) for field in fields), table)


def _input(field: input_lines.InputLine) -> Text:
    text = _text(f"{line(field.name)}: ", "dim")
    text.append_text(_text(line(field.text), "not dim"))
    return text


def _excerpt(excerpt: text_diff.Excerpt) -> Text:
    text = _text("")
    for piece in excerpt:
        text.append_text(_text(piece.text, "bold underline" if piece.differs else ""))
    return text


def _mark(mark: case_selection.Mark) -> Text:
    text = _text(f"{line(mark.criterion)} ")
    text.append_text(_text(mark.score, "bold"))
    if mark.reason:
        text.append_text(_text(f": {line(prose(mark.reason, most=_REASON))}", "dim"))
    return text


def _criteria(gate: GateReport, *, narrow: bool) -> Table:
    """Make the table of criteria; a narrow one stacks the two means, and the difference above its interval."""
    table = _table()
    table.add_column(_text("criterion"), overflow="fold", ratio=1)
    stacked = ("baseline\ncandidate", "difference", "n", "std\ndev", "detect-\nable\ndrop")
    wide = ("baseline", "candidate", "difference [interval]", "n", "std\ndev", "detectable\ndrop")
    for name in stacked if narrow else wide:
        table.add_column(_text(name), justify="right", no_wrap=True)
    table.add_column(_text("decision"), overflow="fold", min_width=12, max_width=12)
    separator = "\n" if narrow else " "
    for row in criteria_table.make_rows(gate):
        both = row.interval != criteria_table.NONE
        difference = f"{row.difference}{separator}{row.interval}" if both else row.difference
        means = (f"{row.baseline}\n{row.candidate}",) if narrow else (row.baseline, row.candidate)
        pairs = f"{row.pairs}\n{row.units} units" if row.units else row.pairs
        cells = (*means, difference, pairs, row.deviation, row.detectable)
        table.add_row(_text(line(row.criterion)), *(_text(cell) for cell in cells), _decision(row))
    return table


def _decision(row: criteria_table.CriterionRow) -> Text:
    text = _text("")
    text.append_text(_text(row.decision, _style(row.decision)))
    if row.failed:
        text.append_text(_text(f"\n{row.failed}", "dim"))
    return text


def _note(note: str) -> Text:
    text = _text("")
    text.append_text(_text("Note:", "yellow"))
    text.append_text(_text(f" {line(prose(note))}"))
    return text


def _heading(decision: str, name: str, *, indent: str = "") -> Text:
    text = _text(indent)
    text.append_text(_text(decision, _style(decision)))
    text.append_text(_text(f"  {line(name)}", "bold"))
    return text


def _pairs(pairs: tuple[tuple[str, str], ...]) -> RenderableType:
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    for word, sentence in pairs:
        table.add_row(_text(line(word), _style(word)), _text(line(sentence)))
    return table


def _table() -> Table:
    from rich import box
    from rich.table import Table

    return Table(
        box=box.SIMPLE_HEAD, expand=True, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0), header_style="dim"
    )


def _style(words: str) -> str:
    """Return the style of a decision: a warning is yellow, a word that is no decision is dim."""
    if words.startswith(("warning", "undecided")):
        return "yellow"
    return next((style for word, style in _STYLES.items() if words.startswith(word)), "dim")


def _text(text: str, style: str = "") -> Text:
    """Return text that rich neither parses nor decorates, without characters that control the terminal."""
    from rich.text import Text

    return Text(block(text), style=style)


def _trim(row: str) -> str:
    return _TRAILING.sub(lambda found: found.group(1).replace(" ", ""), row)
