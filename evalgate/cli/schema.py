"""`evalgate schema`: print the JSON Schema of a file format."""

from __future__ import annotations

import json
from pathlib import Path

import click

_FORMATS = ("config", "prompt", "rubric", "pins")


@click.command("schema")
@click.argument("name", metavar="[FORMAT]", type=click.Choice(_FORMATS), default="config")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to this file instead of the standard output.",
)
def command(*, name: str, output: Path | None) -> None:
    """Print the JSON Schema of FORMAT: config (evalgate.yml, the default), prompt, rubric or pins.

    An editor that knows the schema completes keys and marks faults. `evalgate init` writes that of evalgate.yml.
    """
    from evalgate.cli.printing import write_file
    from evalgate.commands.schema import load_schema

    text = json.dumps(load_schema(name), indent=2, ensure_ascii=False) + "\n"
    if output is None:
        click.echo(text, nl=False)
    else:
        write_file(output, [text])
