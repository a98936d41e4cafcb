"""`evalgate release promote`: move a label to a published version."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli.release.actor import by_option, check_reason, dry_run_option, make_actor
from evalgate.cli.release.registry_option import add_registry_options, keep_copy, open_from_options, project_labels


@click.command("promote")
@click.argument("name")
@click.option("--to", "label", required=True, type=click.Choice(("staging", "canary", "production")))
@click.option(
    "--version", metavar="V", help="A semantic version, or the start of a digest.  [default: the highest published one]"
)
@click.option("--reason", metavar="TEXT", help="Why, for the history.")
@by_option
@dry_run_option
@add_registry_options
def command(
    *,
    name: str,
    label: str,
    version: str | None,
    reason: str | None,
    by: str | None,
    dry_run: bool,
    config_path: Path,
    registry_url: str | None,
) -> None:
    """Move a label of the prompt NAME to a version.

    The version's report must allow it: production needs the canary and the sign-off that the policy of its level
    requires. A canary is a rollout: `release start`. `--to canary` gives the version no users. Of two commands at once
    exactly one wins, and the other exits with 3 and names the winner.
    """
    from evalgate.commands.release import promote
    from evalgate.release.label_move import describe_move
    from evalgate.report.wrapped_text import wrap_words

    actor = make_actor(by)
    why = "" if reason is None else check_reason(reason)
    registry = open_from_options(config_path, registry_url)
    done = promote.promote(registry, name, label, actor, why, version=version, dry_run=dry_run)
    keep_copy(config_path, registry_url, done.stored)
    click.echo(wrap_words(describe_move(done), indent="  ", first=""))
    if not dry_run:
        project_labels(registry, name)
