"""`evalgate release show`: show a version, or list all prompts."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli.release.registry_option import add_registry_options, keep_copy, open_from_options
from evalgate.errors import ExitCode


@click.command("show")
@click.argument("called", metavar="[NAME[@VERSION]]", required=False)
@click.option("--format", "form", type=click.Choice(("terminal", "json")), default="terminal", show_default=True)
@add_registry_options
@click.pass_context
def command(
    context: click.Context, *, called: str | None, form: str, config_path: Path, registry_url: str | None
) -> None:
    """Show a version of the prompt NAME: every field, its labels, its moves and its shares of users.

    VERSION is a label, a semantic version, or the start of a digest; without it, the version in production is shown.
    Without NAME, all prompts are listed with their labels. Exits with 4 if a label in Langfuse was moved by hand.
    """
    from evalgate.cli.render import release_json, release_text
    from evalgate.cli.render.release_version import render_version
    from evalgate.commands.release import show

    registry = open_from_options(config_path, registry_url)
    if called is None:
        prompts = show.list_prompts(registry)
        for one in prompts:
            keep_copy(config_path, registry_url, one)
        click.echo(release_json.render_prompts(prompts) if form == "json" else release_text.render_prompts(prompts))
        return
    found = show.show_version(registry, called)
    keep_copy(config_path, registry_url, found.history.last)
    click.echo(release_json.render_version(found) if form == "json" else render_version(found))
    if any(one.kind == "moved" for one in found.findings):
        context.exit(ExitCode.INCONCLUSIVE)
