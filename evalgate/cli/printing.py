"""Printing of reports: formats, colour, width and output files."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalgate.cli.folders import CONFIG, find_store
from evalgate.console.escaped_streams import is_in_step
from evalgate.domain import Report, ReportKind
from evalgate.store import atomic

if TYPE_CHECKING:
    from evalgate.domain.history_rows import HistoryRun


def write_report(
    report: Report,
    where: list[tuple[str, Path | None]],
    *,
    stored: Path | None = None,
    list_history: Callable[[], Sequence[HistoryRun]] = tuple,
) -> None:
    """Render the report for each destination: in full on an interactive terminal, else without the withheld texts.

    `stored` is where the report is stored, for the command that the terminal names at its end; without it, that is a
    destination in JSON. `list_history` returns the runs until this one, for a page of HTML.
    """
    from evalgate.decide import policy
    from evalgate.report.withhold import withhold_texts

    shown = withhold_texts(report, policy.decide)
    stored = stored or next((path for name, path in where if name == "json" and path is not None), None)
    for name, path in where:
        if path is not None:
            write_file(path, _render(shown, name, width=100, color=False, stored=stored, list_history=list_history))
            continue
        at_terminal = name == "terminal" and sys.stdout.isatty() and not is_in_step(os.environ)
        pieces = _render(
            report if at_terminal else shown,
            name,
            width=shutil.get_terminal_size((100, 24)).columns,
            color=has_color(),
            stored=stored,
            list_history=list_history,
        )
        if name == "json":  # long, ASCII only and without colour: written piece by piece
            sys.stdout.writelines(pieces)
            sys.stdout.flush()
        else:
            text = "".join(pieces)
            click.echo(text, nl=not text.endswith("\n"), color=True)


def _render(
    report: Report,
    name: str,
    *,
    width: int,
    color: bool,
    stored: Path | None,
    list_history: Callable[[], Sequence[HistoryRun]],
) -> Iterable[str]:
    """Render the report in one of `FORMATS`, in one or more pieces."""
    if name == "json":
        from evalgate.store import report_json

        return report_json.pieces(report)
    if name == "html":
        from evalgate.report import html

        return (html.render(report, history=list_history()),)
    if name != "terminal":
        module = importlib.import_module(f"evalgate.report.{name}")
        return (module.render(report),)
    from evalgate.report import case_text, terminal

    if any(gate.evidence.kind is ReportKind.PART for gate in report.gates):
        text = case_text.render_part(report, color=color)
    else:
        text = terminal.render(report, width=max(60, width), color=color, stored=_name_stored(stored))
    return (text,)


def _name_stored(stored: Path | None) -> str | None:
    """Return the argument of `evalgate report` for a stored report; empty for the one that it reads by default."""
    if stored is None:
        return None
    if stored.absolute() == find_store(CONFIG).last_report.absolute():
        return ""
    return min(os.path.relpath(stored), str(stored), key=len)


def write_file(path: Path, pieces: Iterable[str]) -> None:
    """Write a file atomically, piece by piece. Raises ClickException if it cannot be written."""
    try:
        atomic.write_file(path, pieces)
    except OSError as error:
        raise click.ClickException(f"{path}: cannot be written: {error.strerror}") from error


def has_color() -> bool:
    """Return True on a terminal or with FORCE_COLOR, except with NO_COLOR (no-color.org) or TERM=dumb."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return bool(os.environ.get("FORCE_COLOR")) or sys.stdout.isatty()
