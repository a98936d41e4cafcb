"""Where a report goes: `--format` and `--output`, colour and width, and the file that is kept of every run."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

from evalgate.console.escaped_streams import is_in_step
from evalgate.domain import Report

FORMATS = ("terminal", "markdown", "html", "json", "csv")
_SUFFIXES = {
    ".json": "json",
    ".csv": "csv",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".txt": "terminal",
}
_Command = TypeVar("_Command", bound=Callable[..., Any])


def add_output_options(function: _Command) -> _Command:
    """Adds `--format` and `--output`, both repeatable."""
    function = click.option(
        "--output",
        "outputs",
        multiple=True,
        type=click.Path(dir_okay=False, path_type=Path),
        help="Write to this file, not the screen; one for each --format, or matched by .json, .md, .html, .csv, .txt.",
    )(function)
    return click.option(
        "--format",
        "formats",
        multiple=True,
        type=click.Choice(FORMATS),
        help="How to show the report; repeatable.  [default: terminal]",
    )(function)


def choose_destinations(formats: tuple[str, ...], outputs: tuple[Path, ...]) -> list[tuple[str, Path | None]]:
    """Which format goes where; None is the screen.

    As many outputs as formats: in their order. Fewer: each output takes the format of its suffix, and one format may
    stay on the screen. No format at all: the screen, and the formats of the suffixes.
    """
    if len(formats) == len(outputs):
        return list(zip(formats, outputs, strict=True)) or [("terminal", None)]
    if len(outputs) > len(formats) and formats:
        raise click.UsageError(f"{len(outputs)} --output for {len(formats)} --format")
    pairs: list[tuple[str, Path | None]] = []
    left = list(formats or ("terminal", *(_find_format(path) for path in outputs)))
    for path in outputs:
        name = _find_format(path)
        if name not in left:
            raise click.UsageError(f"--output {path} is {name} by its name, but no --format {name} is asked for")
        left.remove(name)
        pairs.append((name, path))
    if len(left) > 1:
        raise click.UsageError(f"--format {' and '.join(left)} cannot share the screen: give each an --output")
    return [*((name, None) for name in left), *pairs]


def require_writable(where: list[tuple[str, Path | None]]) -> None:
    """Raises ClickException, before anything is paid for, when a destination cannot be written."""
    for _, path in where:
        if path is None:
            continue
        place = path if path.exists() else next((parent for parent in path.parents if parent.exists()), Path())
        if not os.access(place, os.W_OK) or (place is path and not path.is_file()):
            raise click.ClickException(f"{path}: cannot be written")


def write_report(report: Report, where: list[tuple[str, Path | None]]) -> None:
    """Renders the report once for each destination: whole on a person's terminal, else without what is kept back."""
    from evalgate.decide import policy
    from evalgate.report.withhold import withhold_texts

    shown = withhold_texts(report, policy.decide)
    for name, path in where:
        if path is not None:
            write_file(path, _render(shown, name, width=100, color=False))
            continue
        at_terminal = name == "terminal" and sys.stdout.isatty() and not is_in_step(os.environ)
        pieces = _render(
            report if at_terminal else shown, name, width=shutil.get_terminal_size((100, 24)).columns, color=has_color()
        )
        if name == "json":  # it is long, it is ASCII, and nothing in it is colour
            sys.stdout.writelines(pieces)
            sys.stdout.flush()
        else:
            text = "".join(pieces)
            click.echo(text, nl=not text.endswith("\n"), color=True)


def _render(report: Report, name: str, *, width: int, color: bool) -> Iterable[str]:
    """The report in one of `FORMATS`, in one or more pieces."""
    if name == "json":
        from evalgate.store import report_json

        return report_json.pieces(report)
    if name == "markdown":
        from evalgate.report import markdown

        return (markdown.render(report),)
    if name == "html":
        from evalgate.report import html

        return (html.render(report),)
    if name == "csv":
        from evalgate.report import csv as table

        return (table.render(report),)
    from evalgate.report import terminal

    return (terminal.render(report, width=max(60, width), color=color),)


def write_file(path: Path, pieces: Iterable[str]) -> None:
    """Writes a file whole or not at all, piece by piece. Raises ClickException when the place cannot be written."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(pieces)
        partial.replace(path)
    except OSError as error:
        raise click.ClickException(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def has_color() -> bool:
    """Colour on a terminal only, and never with NO_COLOR (no-color.org) or a dumb terminal."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return bool(os.environ.get("FORCE_COLOR")) or sys.stdout.isatty()


def _find_format(path: Path) -> str:
    name = _SUFFIXES.get(path.suffix.lower())
    if name is None:
        raise click.UsageError(f"--output {path}: name its --format, or end it in .json, .md, .html, .csv or .txt")
    return name
