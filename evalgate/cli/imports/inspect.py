"""`evalgate import inspect`."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli.imports.new_files_options import add_new_files_options, make_wanted, print_imported


@click.command("inspect")
@add_new_files_options
def command(
    *,
    file: Path,
    cases: Path | None,
    scores: Path | None,
    arm: str,
    criteria: tuple[str, ...],
    scales: tuple[tuple[str, float, float], ...],
) -> None:
    """Write a log of inspect_ai, .eval or .json, as cases and scores.

    A sample that failed, or that an unfinished log lacks, has no score.
    """
    from evalgate.commands.imports import inspect

    print_imported(inspect.import_log(file, make_wanted(cases, scores, arm, criteria, scales)))
