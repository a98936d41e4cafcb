"""`evalgate cache`: count, prune, export and import cached answers."""

from __future__ import annotations

import click

from evalgate.cli.cache import export, import_, prune, stats


@click.group("cache", commands=[stats.command, prune.command, export.command, import_.command])
def command() -> None:
    """Count, prune, export and import cached answers. Safe while runs read and write the same folder."""
