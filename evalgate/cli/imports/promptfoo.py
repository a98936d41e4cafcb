"""`evalgate import promptfoo`."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli.imports.new_files_options import add_new_files_options, make_wanted, print_imported
from evalgate.cli.scores_options import select_option


@click.command("promptfoo")
@add_new_files_options
@select_option
def command(
    *,
    file: Path,
    cases: Path | None,
    scores: Path | None,
    arm: str,
    criteria: tuple[str, ...],
    scales: tuple[tuple[str, float, float], ...],
    select: str | None,
) -> None:
    """Write the results of promptfoo (.json, .jsonl, .yaml) as cases and scores.

    A test whose provider or assertion failed has no score. `pass` is promptfoo's own verdict of a test.
    """
    from evalgate.commands.imports import promptfoo

    print_imported(promptfoo.import_results(file, make_wanted(cases, scores, arm, criteria, scales), select=select))
