"""`evalgate cases diff`: print the cases in which two datasets differ."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli.folders import config_option
from evalgate.errors import ExitCode


@click.command("diff")
@click.argument("first", metavar="FILE|REF")
@click.argument("second", metavar="[FILE|REF]", required=False)
@config_option
@click.option("--gate", metavar="NAME", help="The gate whose dataset is compared, and whose `fields` name its columns.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 if there is a difference.")
@click.pass_context
def command(
    context: click.Context, *, first: str, second: str | None, config_path: Path, gate: str | None, exit_code: bool
) -> None:
    """Compare two datasets by the ids of their cases: added, removed, renamed and changed cases, with their fields.

    Each is a file, or a git revision of the dataset of a gate. Without the second, the first is compared with the
    dataset of the working tree. Exits with 0, or with 1 under --exit-code if there is a difference.
    """
    from evalgate.change.workspace import open_workspace
    from evalgate.commands.cases import diff as verb
    from evalgate.report.escape import block

    found = verb.compare_datasets(first, second, lambda: open_workspace(config_path, verify=None), gate)
    for line in verb.describe_diff(found):
        click.echo(block(line))
    if exit_code and not found.is_empty:
        context.exit(ExitCode.FAIL)
