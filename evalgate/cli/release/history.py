"""`evalgate release history`: list who did what, when and why."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli.release.registry_option import add_registry_options, keep_copy, open_from_options
from evalgate.domain.numbers import show_count


@click.command("history")
@click.argument("name")
@click.option("--format", "form", type=click.Choice(("terminal", "json")), default="terminal", show_default=True)
@add_registry_options
def command(*, name: str, form: str, config_path: Path, registry_url: str | None) -> None:
    """List all revisions of the prompt NAME, newest first."""
    from evalgate.cli.render import release_json, release_text
    from evalgate.commands.release import history

    found = history.read_history(open_from_options(config_path, registry_url), name)
    keep_copy(config_path, registry_url, found.last)
    click.echo(release_json.render_history(found) if form == "json" else release_text.render_history(found))
    if found.unreadable:
        first = found.unreadable[0]
        click.echo(
            f"warning: {show_count(len(found.unreadable), 'revision')} cannot be read, the first is number {first}: "
            "see `evalgate release verify`",
            err=True,
        )
