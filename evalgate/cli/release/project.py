"""`evalgate release project`: write the labels of a prompt to Langfuse."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli.release.registry_option import add_registry_options, open_from_options


@click.command("project")
@click.argument("name")
@add_registry_options
def command(*, name: str, config_path: Path, registry_url: str | None) -> None:
    """Write the labels of the prompt NAME to Langfuse again, as ordinary versions that its SDK serves.

    `promote`, `rollback` and `publish` do so themselves. This repairs a label that a save at the same moment took off,
    and takes back labels that were moved by hand.
    """
    from evalgate.cli.render.langfuse_labels import describe_projection
    from evalgate.commands.release import project

    click.echo(describe_projection(project.project(open_from_options(config_path, registry_url), name)))
