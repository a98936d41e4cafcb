"""`evalgate report`: a stored report in another format."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli import printing
from evalgate.cli.decide import read_report


@click.command("report")
@click.argument("stored", required=False, metavar="[REPORT]", type=click.Path(dir_okay=False, path_type=Path))
@printing.add_output_options
def command(stored: Path | None, formats: tuple[str, ...], outputs: tuple[Path, ...]) -> None:
    """Print a stored report (the last run's when none is named) in another format. Always exits 0 when it could."""
    where = printing.choose_destinations(formats, outputs)
    printing.write_report(read_report(stored), where)
