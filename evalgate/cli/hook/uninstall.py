"""`evalgate hook uninstall`: remove the pre-push hook of this repository."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("uninstall")
def command() -> None:
    """Remove the hook, and restore the one that existed before."""
    from evalgate.commands.hook import uninstall
    from evalgate.report.escape import block

    done = uninstall.uninstall_hook(Path.cwd())
    if done is None:
        click.echo("evalgate's hook is not installed here")
    elif done.chained is not None:
        click.echo(block(f"restored the hook that existed before: {done.path}"))
    else:
        click.echo(block(f"removed: {done.path}"))
