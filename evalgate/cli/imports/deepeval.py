"""`evalgate import deepeval`."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli.imports.new_files_options import add_new_files_options, make_wanted, print_imported


@click.command("deepeval")
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
    """Write the goldens of a deepeval dataset as cases, or a test run as cases and scores.

    `save_as` of deepeval writes goldens as JSON, JSONL or CSV. A metric that failed has no score.
    """
    from evalgate.commands.imports import deepeval

    print_imported(deepeval.import_file(file, make_wanted(cases, scores, arm, criteria, scales)))
