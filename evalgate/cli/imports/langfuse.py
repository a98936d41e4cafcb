"""`evalgate import langfuse`: a dataset, or traces from production."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from evalgate.cli.env_file import env_file_option
from evalgate.cli.finite_range import FiniteRange
from evalgate.cli.imports.new_files_options import print_imported
from evalgate.cli.since import Since

_cases = click.option(
    "--cases", required=True, type=click.Path(dir_okay=False, path_type=Path), help="A new .jsonl file for the cases."
)
_config = click.option(
    "--config",
    default="evalgate.yml",
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where `langfuse: {host: ...}` is read from, if the file exists; else LANGFUSE_HOST counts.",
)


@click.group("langfuse")
def command() -> None:
    """Write the items of a dataset, or traces from production, as cases."""


@command.command("dataset")
@click.argument("name")
@_cases
@click.option("--at", type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ"]), help="The items as they were then (UTC).")
@click.option("--json", "json_fields", multiple=True, metavar="FIELD", help="A field that is JSON; repeatable.")
@click.option("--text", "text_fields", multiple=True, metavar="FIELD", help="A field that is text; repeatable.")
@_config
@env_file_option
def dataset(
    *,
    name: str,
    cases: Path,
    at: datetime | None,
    json_fields: tuple[str, ...],
    text_fields: tuple[str, ...],
    config: Path,
) -> None:
    """Write the active items of the dataset NAME as cases."""
    from evalgate.commands.imports import langfuse

    moment = None if at is None else at.replace(tzinfo=UTC)
    kinds = {**dict.fromkeys(text_fields, False), **dict.fromkeys(json_fields, True)}
    print_imported(langfuse.import_dataset(name, cases, config, os.environ, at=moment, kinds=kinds))


@command.command("traces")
@click.option("--since", required=True, type=Since(), help="Scores since this time: 12h, 7d, 2w or 2026-11-01.")
@click.option("--score-below", required=True, type=FiniteRange(), metavar="X", help="Traces with a lower score.")
@click.option("--score", "names", multiple=True, metavar="NAME", help="The name of a score; repeatable. [default: any]")
@click.option("--first", default=100, show_default=True, type=click.IntRange(1, 10_000), help="At most so many.")
@_cases
@_config
@env_file_option
def traces(
    *, since: datetime, score_below: float, names: tuple[str, ...], first: int, cases: Path, config: Path
) -> None:
    """Write the inputs of traces that scored low as cases, the newest first.

    A score that is true or false counts as 1 or 0.
    """
    from evalgate.commands.imports import langfuse

    wanted = langfuse.LowScores(below=score_below, names=names, since=since, first=first)
    print_imported(langfuse.import_traces(cases, config, os.environ, wanted))
