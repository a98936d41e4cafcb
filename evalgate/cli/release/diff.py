"""`evalgate release diff`: compare two versions of a prompt."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli.release.registry_option import add_registry_options, keep_copy, open_from_options


@click.command("diff")
@click.argument("name")
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@add_registry_options
def command(*, name: str, first: str, second: str, config_path: Path, registry_url: str | None) -> None:
    """Compare two versions of the prompt NAME: messages, model, parameters, tools and scores.

    A and B are labels, semantic versions, or the starts of digests.
    """
    from evalgate.cli.render.release_diff import render_diff
    from evalgate.commands.release import diff

    found = diff.find_pair(open_from_options(config_path, registry_url), name, first, second)
    keep_copy(config_path, registry_url, found.last)
    click.echo(render_diff(found.first, found.second))
