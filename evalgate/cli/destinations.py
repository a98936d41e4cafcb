"""The options `--format` and `--output`, and the destinations that they name."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

FORMATS = ("terminal", "markdown", "html", "json", "csv", "junit")

_SUFFIXES = {
    ".json": "json",
    ".csv": "csv",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".txt": "terminal",
    ".xml": "junit",
}

_Command = TypeVar("_Command", bound=Callable[..., Any])


def add_output_options(function: _Command) -> _Command:
    """Add the options `--format` and `--output`, both repeatable."""
    function = click.option(
        "--output",
        "outputs",
        multiple=True,
        type=click.Path(dir_okay=False, path_type=Path),
        help="Write to this file instead of stdout; one for each --format, or matched by the suffix .json, .md, .html, "
        ".csv, .xml (junit) or .txt.",
    )(function)
    return click.option(
        "--format",
        "formats",
        multiple=True,
        type=click.Choice(FORMATS),
        help="The format of the report; repeatable.  [default: terminal]",
    )(function)


def choose_destinations(formats: tuple[str, ...], outputs: tuple[Path, ...]) -> list[tuple[str, Path | None]]:
    """Return pairs of format and path; the path None is stdout.

    With as many outputs as formats, they are paired in order. With fewer outputs, each takes the format of its suffix,
    and one format may go to stdout. Without formats, the terminal format goes to stdout, and each output takes the
    format of its suffix. Raises UsageError for any other combination.
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
            raise click.UsageError(f"--output {path} has the suffix of {name}, but there is no --format {name}")
        left.remove(name)
        pairs.append((name, path))
    if len(left) > 1:
        raise click.UsageError(f"--format {' and '.join(left)} cannot share stdout: give each an --output")
    return [*((name, None) for name in left), *pairs]


def require_writable(where: list[tuple[str, Path | None]]) -> None:
    """Raise ClickException if a destination cannot be written. Called before the first model call."""
    for _, path in where:
        if path is None:
            continue
        place = path if path.exists() else next((parent for parent in path.parents if parent.exists()), Path())
        if not os.access(place, os.W_OK) or (place is path and not path.is_file()):
            raise click.ClickException(f"{path}: cannot be written")


def remove_earlier(where: list[tuple[str, Path | None]]) -> None:
    """Remove the files of an earlier run: one that ends without a verdict must not leave another one's behind."""
    for _, path in where:
        if path is not None and path.is_file():
            with contextlib.suppress(OSError):
                path.unlink()


def _find_format(path: Path) -> str:
    name = _SUFFIXES.get(path.suffix.lower())
    if name is None:
        raise click.UsageError(
            f"--output {path}: give its --format, or use the suffix .json, .md, .html, .csv, .xml or .txt"
        )
    return name
