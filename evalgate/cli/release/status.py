"""`evalgate release status`: where a rollout is."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from evalgate.cli.release.actor import format_now
from evalgate.cli.release.registry_option import add_registry_options, keep_copy, open_from_options
from evalgate.cli.release.rollout_options import (
    choose_rows,
    find_scorer,
    load_settings,
    now_option,
    read_now,
    rows_option,
)


@click.command("status")
@click.argument("name", required=False)
@rows_option
@now_option
@click.option(
    "--format",
    "form",
    type=click.Choice(("terminal", "json", "markdown", "html")),
    default="terminal",
    show_default=True,
    help="html: one page with charts.",
)
@add_registry_options
def command(
    *,
    name: str | None,
    patterns: tuple[str, ...],
    now: str | None,
    form: str,
    config_path: Path,
    registry_url: str | None,
) -> None:
    """Show the rollout of the prompt NAME: its stage, what is watched, and what is missing to go on.

    No judge is asked: answers that evalgate scores count once a tick has scored them.
    Without NAME, all rollouts in progress are listed, without their rows.
    """
    from evalgate.cli.render import rollout_html, rollout_json, rollout_markdown, rollout_text
    from evalgate.commands.release import status

    until = read_now(now)
    at = until or format_now()
    registry = open_from_options(config_path, registry_url)
    renderer = {"json": rollout_json, "markdown": rollout_markdown, "html": rollout_html}.get(form, rollout_text)
    if name is None:
        click.echo(renderer.render_rollouts(status.list_rollouts(registry, at)))
        return
    settings = load_settings(config_path, registry_url)
    open_rows = partial(choose_rows, patterns, settings, config_path, name=name, now=at, until=until, registry=registry)
    scorer = find_scorer(config_path, registry_url, name, lambda: open_rows() or (), is_offline=True)
    if form == "html":
        drawn = status.draw_rollout(registry, name, at, open_rows, scorer)
        keep_copy(config_path, registry_url, drawn.status.stored)
        click.echo(rollout_html.render_drawn(drawn))
        return
    found = status.show_status(registry, name, at, open_rows(), scorer)
    keep_copy(config_path, registry_url, found.stored)
    click.echo(renderer.render_status(found))
