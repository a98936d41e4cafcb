"""`evalgate bump`: write the version and the reason of the change into prompt files."""

from __future__ import annotations

import os
from pathlib import Path

import click

from evalgate.cli.env_file import env_file_option
from evalgate.cli.folders import config_option, find_store, gate_option


@click.command("bump")
@click.argument("level", required=False, type=click.Choice(["major", "minor", "patch"]))
@config_option
@env_file_option
@gate_option
@click.option("--change", metavar="TEXT", help="Write this sentence as the reason of the change.")
@click.option(
    "--front-matter",
    "add_front_matter",
    is_flag=True,
    help="Add front matter to a text without any. An application that reads the whole file has to leave it out.",
)
@click.option("--default-branch", metavar="BRANCH", help="The branch to compare with.")
def command(
    *,
    level: str | None,
    config_path: Path,
    gates: tuple[str, ...],
    change: str | None,
    add_front_matter: bool,
    default_branch: str | None,
) -> None:
    """Write `version:` and `change:` into the files of changed prompts, and change nothing else in them.

    Without LEVEL, the version is the lowest that the gate accepts: it compares the prompt with the baseline as `run`
    does, and raises the version only where `validate` finds fault with it. With LEVEL, the version is the baseline's,
    raised by that level. A level below that of the edit is an error.
    """
    from evalgate.change.workspace import open_workspace
    from evalgate.commands import bump as verb
    from evalgate.domain import Level
    from evalgate.report.escape import block

    if change is not None and not change.strip():
        raise click.UsageError("--change: the text is empty")
    workspace = open_workspace(config_path, verify=None, environment=os.environ)
    wanted = verb.WantedVersion(
        level=None if level is None else Level[level.upper()], change=change, add_front_matter=add_front_matter
    )
    branch = default_branch or os.environ.get("GITHUB_BASE_REF") or None
    done = verb.bump(workspace, gates, wanted, branch, find_store(config_path, None))
    for one in done:
        click.echo(block(verb.describe(one)))
    if any(one.is_written and one.is_stale for one in done):
        click.echo('say why, in one sentence: evalgate bump --change "..."')
    if not done:
        click.echo("no prompt differs from the baseline; --gate NAME and a level raise a version all the same")
