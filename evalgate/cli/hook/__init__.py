"""`evalgate hook`: install, uninstall and run the pre-push hook."""

from __future__ import annotations

import click

from evalgate.cli.hook import install, run, uninstall


@click.group("hook", commands=[install.command, uninstall.command, run.command])
def command() -> None:
    """Check prompts before a push: a fast git hook that blocks only what is proven wrong."""
