"""`evalgate release rollback`: make an earlier version production again."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli.release.actor import by_option, check_reason, dry_run_option, make_actor
from evalgate.cli.release.registry_option import add_registry_options, keep_copy, open_from_options, project_labels


@click.command("rollback")
@click.argument("name")
@click.option(
    "--to",
    metavar="VERSION",
    help="A version that was in production.  [default: the last one that was not itself rolled back]",
)
@click.option("--reason", required=True, metavar="TEXT", help="Why, for the history.")
@by_option
@dry_run_option
@add_registry_options
def command(
    *,
    name: str,
    to: str | None,
    reason: str,
    by: str | None,
    dry_run: bool,
    config_path: Path,
    registry_url: str | None,
) -> None:
    """Make an earlier version of the prompt NAME production again, and end its rollout.

    Needs nothing but the registry: with --registry URL it runs in any folder. The default is the last version in
    production that was not itself rolled back.
    """
    from evalgate.commands.release import rollback
    from evalgate.release.label_move import describe_move
    from evalgate.report.wrapped_text import wrap_words

    actor = make_actor(by)
    why = check_reason(reason)
    registry = open_from_options(config_path, registry_url)
    done = rollback.roll_back_production(registry, name, actor, why, to=to, dry_run=dry_run)
    keep_copy(config_path, registry_url, done.stored)
    click.echo(wrap_words(describe_move(done), indent="  ", first=""))
    if not dry_run:
        project_labels(registry, name)
