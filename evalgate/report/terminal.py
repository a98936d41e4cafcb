"""Render a report as text for a terminal, plain or with colours that only repeat the meaning of the words."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from io import StringIO
from typing import TYPE_CHECKING

from evalgate.domain import GateReport, Report
from evalgate.domain.lists import name_some
from evalgate.domain.numbers import show_count
from evalgate.report import case_lines, case_selection, criteria_table, diff_rows, footer, interval_bar, view
from evalgate.report.escape import block, line, prose
from evalgate.report.glue import join_units

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

_CASES = 3
_DIFF = 12
_NAMED = 10
_LEAST_DRAWING, _MOST_DRAWING = 23, 43
_BESIDE_DRAWING = 45
_NARROW = 96
_NARROW_DECISION, _WIDE_DECISION = 12, 21
_JOINT = "\ufdd0"
"""Takes the place of a space that no line may end at. It is not a character of any text: `visible` escapes it."""
_STYLES = {"PASS": "bold green", "HOLDS": "bold green", "FAIL": "bold red", "INCONCLUSIVE": "bold yellow"}
_TRAILING = re.compile(r"[ ]+((?:\x1b\[[0-9;]*m[ ]*)*)$")


def render(report: Report, *, width: int = 100, color: bool = False, stored: str | None = None) -> str:
    """Render the report for a terminal of `width` columns; escape sequences only with `color`; no trailing spaces.

    It begins and ends with the verdict. `stored` is the path of the stored report for the next command, empty for that
    of the last run; with None there is no next command.
    """
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
    _print_end(console, report, stored)
    if redrawn:
        console.print(_text(f"\n{redrawn}", "yellow"), soft_wrap=True)
    text = target.getvalue().replace(_JOINT, " ")
    return "\n".join(_trim(row) for row in text.rstrip("\n").split("\n")) + "\n"


def _print_end(console: Console, report: Report, stored: str | None) -> None:
    """Print the verdict again, since the top may have left the screen, and the commands that show the rest."""
    console.print()
    name = report.gates[0].evidence.name if len(report.gates) == 1 else view.title(report)
    console.print(_heading(view.verdict(report), name))
    if stored is not None and report.gates:
        commands = [["evalgate", "report", *([stored] if stored else []), "--output", "report.html"]]
        cases = [case for gate in report.gates if gate.exit_code.blocks for case in case_selection.select_cases(gate)]
        if cases and not stored:  # `show` reads the same report by default
            commands.insert(0, ["evalgate", "show", cases[0].case])
        for word, command in zip(("Next:", "     "), commands, strict=False):
            console.print(_text(f"{word} {line(shlex.join(command))}"), soft_wrap=True)


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
    if gate.comparisons:
        yield _text("\nCriteria", "bold")
        yield from _criteria(gate, width)
    yield from _cases(gate, width)
    yield from _improved(gate)
    yield from _prompt(gate)
    findings = view.list_other_findings(gate)
    if findings:
        yield _text("\nFindings", "bold")
        yield _pairs(tuple((view.label(finding), prose(finding.sentence)) for finding in findings))
    if gate.requirements:
        yield _text("\nRequirements", "bold")
        yield _pairs(tuple((requirement.state, prose(requirement.detail)) for requirement in gate.requirements))
    yield _text("")
    yield _pairs(footer.describe_gate(gate))


def _cases(gate: GateReport, width: int) -> Iterator[RenderableType]:
    cases = case_selection.select_cases(gate)
    title = ""
    for case in cases[:_CASES]:
        if case_selection.TITLES[case.kind] != title:
            title = case_selection.TITLES[case.kind]
            yield _text(f"\n{title} ({sum(other.kind == case.kind for other in cases)})", "bold")
        yield from _case(case_lines.make_case_lines(case, width, critical=gate.policy.critical_tags), width)
    left = len(cases) - _CASES
    if left > 0:
        yield _text(f"... and {show_count(left, 'more case')}, in the Markdown, HTML and JSON reports.")


def _case(case: case_lines.CaseLines, width: int) -> Iterator[Text]:
    name = _text(line(case.case), "bold")
    name.append_text(_text(f"  {line(case.why)}", "not bold"))
    rows = [name]
    for word, text in case.rest:
        row = _text(f"  {line(word)}: ", "dim")
        row.append_text(_text(line(text), "not dim"))
        rows.append(row)
    for row in rows:
        row.truncate(width, overflow="ellipsis")
        yield row


def _improved(gate: GateReport) -> Iterator[Text]:
    found = case_selection.list_improved(gate)
    if found:
        yield _text(f"\nImproved cases ({len(found)})", "bold")
        yield _text(line(prose(name_some(found, _NAMED, rest=", and {} more"))))


def _prompt(gate: GateReport) -> Iterator[RenderableType]:
    """Yield the first lines of the difference between the prompts."""
    rows = diff_rows.compare_prompts(gate.evidence)
    if not rows:
        return
    yield _text(f"\nPrompt ({diff_rows.count_changes(rows)})", "bold")
    for row in rows[:_DIFF]:
        yield _diff_row(row)
    if len(rows) > _DIFF:
        yield _text(f"... and {show_count(len(rows) - _DIFF, 'more line')}, in the Markdown and HTML reports.")


def _diff_row(row: diff_rows.DiffRow) -> RenderableType:
    from rich.table import Table

    style = {"removed": "red", "added": "green", "part": "bold"}.get(row.kind, "dim")
    if row.kind == "part":
        return _text(f"{row.text}:", style)
    text = _text("")
    for piece in row.pieces:
        text.append_text(_text(piece.text, "underline" if piece.differs else ""))
    table = Table.grid(expand=True)
    table.add_column(no_wrap=True, style=style)
    table.add_column(overflow="fold", ratio=1, style=style)
    table.add_row(_text(diff_rows.SIGNS[row.kind]), text)
    return table


def _criteria(gate: GateReport, width: int) -> Iterator[RenderableType]:
    """Yield the table of criteria: the two means above each other, the interval above its drawing."""
    table = _table()
    table.add_column(_text("criterion"), overflow="fold", ratio=1)
    table.add_column(_text("baseline\ncandidate"), justify="right", no_wrap=True)
    table.add_column(_text("difference [interval]"), no_wrap=True)
    words = _NARROW_DECISION if width < _NARROW else _WIDE_DECISION
    table.add_column(_text("decision"), overflow="fold", min_width=words, max_width=words)
    rows = criteria_table.make_rows(gate)
    room = min(max(width - _BESIDE_DRAWING - words, _LEAST_DRAWING), _MOST_DRAWING)
    drawings = interval_bar.draw_intervals(criteria_table.make_spans(gate), room)
    for row, drawing in zip(rows, drawings, strict=True):
        name = _text(line(row.criterion), "bold")
        if row.moves:
            name.append_text(_text(f"\n{row.moves}", "not bold"))
        both = row.interval != criteria_table.NONE
        difference = f"{row.difference} {row.interval}" if both else row.difference
        means = _text(f"{row.baseline}\n{row.candidate}")
        table.add_row(name, means, _text(f"{difference}\n{drawing}"), _decision(row))
    yield table
    if any(drawings):
        yield _text(interval_bar.KEY, "dim")
    yield from (_note(note) for note in criteria_table.list_notes(gate))


def _decision(row: criteria_table.CriterionRow) -> Text:
    text = _text("")
    text.append_text(_text(row.decision, _style(row.decision)))
    cases = f"{row.pairs} {'case' if row.pairs == '1' else 'cases'}"
    more = [row.failed or cases, *([show_count(int(row.units), "unit")] if row.units else [])]
    text.append_text(_text("".join(f"\n{one}" for one in more), "dim"))
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
    """Return the style of a decision: a warning is yellow, a word that is not a decision is dim."""
    if words.startswith(("warning", "undecided")):
        return "yellow"
    return next((style for word, style in _STYLES.items() if words.startswith(word)), "dim")


def _text(text: str, style: str = "") -> Text:
    """Return text that rich neither parses nor decorates, without characters that control the terminal."""
    from rich.text import Text

    return Text(join_units(block(text).replace(_JOINT, "\\ufdd0"), _JOINT), style=style)


def _trim(row: str) -> str:
    return _TRAILING.sub(lambda found: found.group(1).replace(" ", ""), row)
