"""`evalgate init`: write the first configuration of a project."""

from __future__ import annotations

import os
from pathlib import Path

import click

from evalgate.cli.folders import find_home


@click.command("init")
@click.option(
    "--from",
    "source",
    metavar="FILE|FOLDER|langfuse:NAME",
    help="Your prompt, in any format that evalgate reads, or a constant, FILE.py:NAME; a folder of prompts; a "
    "promptfooconfig.yaml; or a prompt in Langfuse.",
)
def command(*, source: str | None) -> None:
    """Write evalgate.yml, eight cases, two checks and the workflow, for your prompt or for a sample.

    Asks nothing, calls no model, and overwrites no file. Exits with 2 if there is an evalgate.yml.
    """
    from evalgate.cli.render.new_project import print_import, print_sections
    from evalgate.commands import init
    from evalgate.commands.imports import promptfoo
    from evalgate.report.escape import block

    if source is not None and promptfoo.is_config(source):
        print_import(promptfoo.import_promptfoo(Path.cwd(), source, os.environ, workflow=True))
        return
    done = init.start(Path.cwd(), source, os.environ, find_home())
    print_sections(
        (
            ("written", done.written),
            ("there already, and left as it is", done.kept),
            ("left out", done.left_out),
            ("to do", done.remaining),
        )
    )
    click.echo(block(f"next: {done.run}"))
