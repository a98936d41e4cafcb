"""`evalgate history`: verdicts, intervals, calls and costs of gates over time."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Literal

import click

from evalgate.cli import printing
from evalgate.cli.folders import config_option, find_store, gate_option
from evalgate.cli.since import Since


@click.command("history")
@click.argument("paths", nargs=-1, metavar="[REPORT|FOLDER]...", type=click.Path(path_type=Path))
@gate_option
@click.option("--since", type=Since(), help="Only runs since this time: 30d, 12h, 8w or 2026-11-01.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["terminal", "csv", "json", "html"]),
    default="terminal",
    show_default=True,
    help="The format.",
)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file, not to stdout.")
@config_option
@click.option("--store", type=click.Path(file_okay=False, path_type=Path), help="Folder of the stored verdicts.")
@click.pass_context
def command(
    context: click.Context,
    *,
    paths: tuple[Path, ...],
    gates: tuple[str, ...],
    since: datetime.datetime | None,
    form: Literal["terminal", "csv", "json", "html"],
    output: Path | None,
    config_path: Path,
    store: Path | None,
) -> None:
    """Show the verdicts of gates over time: differences with intervals, calls made and saved, dollars per week.

    They are read from the stored verdicts and the last report, and from the report files and folders that are given,
    such as downloaded artifacts. A file that is not a report is named and skipped. The exit code is 0 for any verdict;
    it is 2 where a file was skipped and none could be read.
    """
    from evalgate.commands import history
    from evalgate.report import history_page, history_table
    from evalgate.report.escape import line

    kept = find_store(config_path, store)
    found = history.read_history(kept, paths, gates=gates, since=since)
    for problem in found.problems:
        click.echo(f"skipped: {line(problem)}", err=True)
    if not found.runs:
        when = " in this time" if found.files and since is not None else ""
        given = "".join(f"; there is none in {line(str(path))}" for path in paths)
        here = f"no run is kept{when} in {line(str(kept.root))}: `evalgate run` keeps its verdict there"
        click.echo(f"{here}{given}", err=True)
        context.exit(2 if found.problems and not found.files else 0)
    parts = (found.runs, found.gates, found.weeks)
    if form == "html":
        text = history_page.render(*parts, found.problems)
    elif form == "json":
        text = f"{json.dumps(history_table.as_json(*parts, found.problems), indent=1)}\n"
    else:
        text = history_table.render_csv(found.runs) if form == "csv" else history_table.render_terminal(*parts)
    if output is None:
        click.echo(text, nl=False)
    else:
        printing.write_file(output, (text,))
