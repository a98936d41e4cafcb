"""`evalgate release reader`: write the reader of release documents for an application in another language."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("reader")
@click.argument("language", type=click.Choice(["node", "csharp"]))
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="The folder of the file, which is created if it is missing. An older reader is replaced.",
)
def command(language: str, folder: Path) -> None:
    """Write one file without dependencies, with which a Node.js or C# application reads release documents."""
    from evalgate.commands.release import reader
    from evalgate.report.escape import block

    path, changed = reader.write_reader(language, folder)
    click.echo(block(f"{path}: {'written' if changed else 'unchanged'}"))
