"""`evalgate cases stats`: print the numbers of datasets."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli.folders import config_option, find_store


@click.command("stats")
@config_option
@click.option("--gate", metavar="NAME", help="Only the dataset of this gate.")
def command(*, config_path: Path, gate: str | None) -> None:
    """Count the cases of each dataset: units, tags, clusters, lengths, scripts, and the smallest drop they show."""
    from evalgate.change.workspace import open_workspace
    from evalgate.commands.cases import stats as verb
    from evalgate.report.escape import block

    workspace = open_workspace(config_path, verify=None)
    for stats in verb.count_cases(workspace, gate, find_store(config_path)):
        for line in verb.describe_stats(stats):
            click.echo(block(line))
