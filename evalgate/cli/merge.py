"""`evalgate merge`: merge the reports of one run's shards into one report with one verdict."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli import destinations, printing
from evalgate.cli.folders import read_report


@click.command("merge")
@click.argument("parts", nargs=-1, required=True, metavar="REPORT...", type=click.Path(dir_okay=False, path_type=Path))
@destinations.add_output_options
@click.pass_context
def command(
    context: click.Context, *, parts: tuple[Path, ...], formats: tuple[str, ...], outputs: tuple[Path, ...]
) -> None:
    """Merge the reports that `evalgate run --shard K/N` wrote, and reach the verdict of the whole run.

    The cases of a missing shard are undecided, so the verdict cannot be a PASS.
    """
    from evalgate.commands import merge

    where = destinations.choose_destinations(formats, outputs)
    report = merge.merge_reports([(str(path), read_report(path)) for path in parts])
    printing.write_report(report, where)
    context.exit(report.exit_code)
