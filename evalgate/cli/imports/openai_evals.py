"""`evalgate import openai-evals`."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli.imports.new_files_options import add_new_files_options, make_wanted, print_imported


@click.command("openai-evals")
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
    """Write samples of openai/evals as cases, or the log of a run as scores.

    The log of a run that did not end has no scores: how many are missing is unknown.
    """
    from evalgate.commands.imports import openai_evals

    print_imported(openai_evals.import_file(file, make_wanted(cases, scores, arm, criteria, scales)))
