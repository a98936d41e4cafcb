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
    where = destinations.choose_destinations(formats, outputs)
    printing.write_report(read_report(stored), where, stored=stored or find_store(CONFIG).last_report)
