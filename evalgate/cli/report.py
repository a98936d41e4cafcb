"""`evalgate report`: print a stored report in another format."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli import destinations, printing
from evalgate.cli.folders import CONFIG, find_store, read_report


@click.command("report")
@click.argument("stored", required=False, metavar="[REPORT]", type=click.Path(dir_okay=False, path_type=Path))
@destinations.add_output_options
def command(stored: Path | None, formats: tuple[str, ...], outputs: tuple[Path, ...]) -> None:
    """Print a stored report, by default that of the last run, in another format. Exits with 0 for any verdict."""
    from evalgate.commands.report import find_log, list_past_runs

    where = destinations.choose_destinations(formats, outputs)
    store = find_store(CONFIG)
    report = read_report(stored)
    printing.write_report(
        report,
        where,
        stored=stored or store.last_report,
        list_history=lambda: list_past_runs(report, find_log(stored, store)),
    )
