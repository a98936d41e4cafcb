"""`evalgate release export`: write the ledger of a prompt to a file."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli.release.registry_option import add_registry_options, keep_copy, open_from_options
from evalgate.domain.numbers import show_count


@click.command("export")
@click.argument("name")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="The file.  [default: stdout]")
@add_registry_options
def command(*, name: str, output: Path | None, config_path: Path, registry_url: str | None) -> None:
    """Write all revisions and versions of the prompt NAME as JSON lines, with their exact bytes.

    A broken ledger is written as well, with a warning; `evalgate release import` refuses it.
    """
    from evalgate.cli.printing import write_file
    from evalgate.commands.release import export
    from evalgate.report.escape import block

    done = export.export_ledger(open_from_options(config_path, registry_url), name)
    keep_copy(config_path, registry_url, done.last)
    if output is None:
        for line in done.lines:
            click.echo(line, nl=False)
    else:
        write_file(output, done.lines)
        click.echo(block(f"{output}: {show_count(done.revisions, 'revision')}, {show_count(done.versions, 'version')}"))
    if done.first_break is not None:
        click.echo(block(f"warning: the ledger is broken: {done.first_break}"), err=True)
