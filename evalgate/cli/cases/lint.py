"""`evalgate cases lint`: print findings about the cases of datasets."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli.folders import config_option, find_store
from evalgate.domain.numbers import show_count
from evalgate.errors import ExitCode


@click.command("lint")
@config_option
@click.option("--gate", metavar="NAME", help="Only the dataset of this gate.")
@click.option(
    "--report",
    "given",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="A report of an earlier run, beside those of the store; repeatable.",
)
@click.option("--strict", is_flag=True, help="Exit with 1 if there is a finding.")
@click.pass_context
def command(
    context: click.Context, *, config_path: Path, gate: str | None, given: tuple[Path, ...], strict: bool
) -> None:
    """Find near-duplicates, leaked answers, tags with too few cases, cases that every version passes, fields that
    nothing uses, placeholders and empty expected values.

    A finding decides nothing: it names the line and how to mend it. Exits with 0, or with 1 under --strict if there is
    a finding. `evalgate explain KIND` tells more about each kind.
    """
    from evalgate.change.workspace import open_workspace
    from evalgate.commands.cases import lint as verb
    from evalgate.report.escape import block

    workspace = open_workspace(config_path, verify=None)
    count = 0
    for group, findings in verb.lint_cases(workspace, gate, given, find_store(config_path)):
        for finding in findings:
            click.echo(block(f"{finding.place}: {finding.kind}: {finding.message}\n  hint: {finding.hint}"))
        for path in group.unread:
            click.echo(block(f"note: {path} is in Langfuse, and was not looked at"))
        click.echo(
            block(
                f"{group.dataset.path}: {show_count(len(group.dataset.cases), 'case')}, "
                f"{show_count(len(findings), 'finding')}"
            )
        )
        count += len(findings)
    if strict and count:
        context.exit(ExitCode.FAIL)
