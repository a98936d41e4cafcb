"""The command of an import with its options, the files that are written and which scores, and what was done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalgate.cli.scores_options import criterion_option, scale_option

if TYPE_CHECKING:
    from evalgate.inputs.importers.imported_files import ImportedFiles, NewFiles

cases_option = click.option(
    "--cases", type=click.Path(dir_okay=False, path_type=Path), help="A new .jsonl file for the cases."
)


def make_import_command(name: str) -> Callable[[Callable[[Path, NewFiles], ImportedFiles]], click.Command]:
    """Return a decorator that makes a command of a function, whose docstring is its help.

    The function reads the file, and writes what is wanted.
    """

    def decorate(import_file: Callable[[Path, NewFiles], ImportedFiles]) -> click.Command:
        @click.command(name, help=import_file.__doc__)
        @add_new_files_options
        def command(*, file: Path, **options: Any) -> None:
            print_imported(import_file(file, make_wanted(**options)))

        return command

    return decorate


def add_new_files_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the file that is read, and the options of what is written."""
    for option in (
        scale_option,
        criterion_option,
        click.option(
            "--arm",
            type=click.Choice(["candidate", "baseline"]),
            default="candidate",
            show_default=True,
            help="With --scores: whose scores they are.",
        ),
        click.option(
            "--scores", type=click.Path(dir_okay=False, path_type=Path), help="A new .jsonl file for the scores."
        ),
        cases_option,
        file_argument,
    ):
        command = option(command)
    return command


file_argument = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


def make_wanted(
    cases: Path | None,
    scores: Path | None,
    arm: str,
    criteria: tuple[str, ...],
    scales: tuple[tuple[str, float, float], ...],
) -> NewFiles:
    """Return what is to be written. Raises UsageError if nothing is, and for options of scores without scores."""
    from evalgate.domain import Arm
    from evalgate.inputs.importers.imported_files import NewFiles
    from evalgate.inputs.importers.tool_scores import ScoreChoice

    if cases is None and scores is None:
        raise click.UsageError("name what to write: --cases FILE, --scores FILE, or both")
    if scores is None and (criteria or scales or arm != "candidate"):
        raise click.UsageError("--arm, --criterion and --scale need --scores")
    choice = ScoreChoice(criteria=criteria, scales={name: (low, high) for name, low, high in scales})
    return NewFiles(cases=cases, scores=scores, arm=Arm(arm), choice=choice)


def print_imported(done: ImportedFiles) -> None:
    """Print the files that were written, how they were read, and what was not carried over."""
    from evalgate.report.escape import block

    for title, lines in (
        ("written", done.written),
        ("read", done.notes),
        ("not carried over", done.left_out or ("nothing was left out",)),
    ):
        if lines:
            click.echo(f"{title}:")
        for line in lines:
            click.echo(block(f"  {line}"))
