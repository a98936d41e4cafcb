"""`evalgate cases add`: append a case to a dataset."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from evalgate.cli.folders import config_option
from evalgate.cli.named_values import NamedValue


@click.command("add")
@config_option
@click.option(
    "--gate", metavar="NAME", help="The gate whose dataset gets the case; needed if there are several datasets."
)
@click.option("--id", "name", metavar="ID", help="The id  [default: the next number of the last id, if cases have ids]")
@click.option("--set", "texts", multiple=True, type=NamedValue(), help="A field with its text; repeatable.")
@click.option("--set-json", "values", multiple=True, type=NamedValue("JSON", is_json=True), help="A field with JSON.")
@click.option("--expected", metavar="TEXT", help="The same as --set expected=TEXT.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="A tag; repeatable.")
@click.option("--cluster", metavar="NAME", help="The cluster of cases that belong together.")
@click.option(
    "--from-report", "report", type=click.Path(dir_okay=False, path_type=Path), help="Take the input from this report."
)
@click.option(
    "--from-trace",
    "trace",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="Take the input from a logged call: OTLP/JSON, Langfuse, or OpenAI's format; - is the standard input.",
)
@click.option("--case", metavar="ID", help="The case of the report, or the span, observation or request of the trace.")
@click.option("--field", "paths", multiple=True, type=NamedValue("PATH"), help="Where a field is in the logged call.")
@click.option("--expected-from-output", "takes_output", is_flag=True, help="Take the answer as the field `expected`.")
@click.option("--dry-run", is_flag=True, help="Check and print the case; write nothing.")
def command(
    *,
    config_path: Path,
    gate: str | None,
    name: str | None,
    texts: tuple[tuple[str, str], ...],
    values: tuple[tuple[str, Any], ...],
    expected: str | None,
    tags: tuple[str, ...],
    cluster: str | None,
    report: Path | None,
    trace: str | None,
    case: str | None,
    paths: tuple[tuple[str, str], ...],
    takes_output: bool,
    dry_run: bool,
) -> None:
    """Append one case to the dataset of a gate, in the file's own format; the other cases stay as they are.

    The gates that use the dataset are validated with the case before the file is written. An answer of a model is never
    the expected one unless --expected-from-output says so: read it first.
    """
    from evalgate.change.workspace import open_workspace
    from evalgate.commands.cases import add as verb
    from evalgate.report.escape import block
    from evalgate.services.user_files import read_user_file

    if report is not None and trace is not None:
        raise click.UsageError("--from-report and --from-trace exclude each other")
    if report is not None and case is None:
        raise click.UsageError("--from-report needs --case ID")
    if takes_output and report is None and trace is None:
        raise click.UsageError("--expected-from-output needs --from-report or --from-trace")
    if paths and trace is None:
        raise click.UsageError("--field needs --from-trace")
    call = None
    if trace is not None:
        call = ("stdin", sys.stdin.buffer.read()) if trace == "-" else (trace, read_user_file(Path(trace)))
    fields = {**dict(texts), **dict(values), **({} if expected is None else {"expected": expected})}
    new = verb.NewCase(
        gate=gate,
        id=name,
        fields=fields,
        tags=tags,
        cluster=cluster,
        report=report,
        call=call,
        case=case,
        paths=dict(paths),
        takes_output=takes_output,
    )
    workspace = open_workspace(config_path, verify=None)
    added = verb.add_case(workspace, new, dry_run=dry_run)
    done = "would be added" if dry_run else "added"
    click.echo(block(f"{added.path}:{added.case.line}: case {added.case.id} {done}"))
    for key, value in added.case.fields.items() if dry_run else ():
        click.echo(block(f"  {key}: {value}"))
    for note in added.notes:
        click.echo(block(f"note: {note}"))
