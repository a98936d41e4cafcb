"""`evalgate release pause`: pause a rollout."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli.release.actor import by_option, check_reason, dry_run_option, make_actor
from evalgate.cli.release.registry_option import add_registry_options, open_from_options
from evalgate.cli.release.rollout_options import report_change


@click.command("pause")
@click.argument("name")
@click.option("--reason", required=True, metavar="TEXT", help="Why, for the history.")
@by_option
@dry_run_option
@add_registry_options
def command(
    *, name: str, reason: str, by: str | None, dry_run: bool, config_path: Path, registry_url: str | None
) -> None:
    """Give the candidate of the rollout of the prompt NAME to no user, until it is resumed."""
    from evalgate.commands.release import pause

    registry = open_from_options(config_path, registry_url)
    done = pause.pause(registry, name, make_actor(by), check_reason(reason), dry_run=dry_run)
    report_change(registry, config_path, registry_url, done)
