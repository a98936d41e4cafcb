"""`evalgate release verify`: verify ledgers."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli.release.registry_option import add_registry_options, keep_copy, open_from_options
from evalgate.errors import ExitCode


@click.command("verify")
@click.argument("name", required=False)
@add_registry_options
@click.pass_context
def command(context: click.Context, *, name: str | None, config_path: Path, registry_url: str | None) -> None:
    """Verify the ledger of the prompt NAME, or of all prompts, and name the first break.

    Each revision has the digest of the one before. Exits with 1 if a ledger is broken.
    """
    from evalgate.cli.render.release_text import describe_ledger
    from evalgate.commands.release import verify

    found = verify.verify_ledgers(open_from_options(config_path, registry_url), name)
    for one in found:
        click.echo(describe_ledger(one))
        keep_copy(config_path, registry_url, one.last)
    if not found:
        click.echo("the registry is empty")
    if any(one.first_break is not None for one in found):
        context.exit(ExitCode.FAIL)
