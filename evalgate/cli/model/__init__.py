"""`evalgate model`: the embedded local model."""

from __future__ import annotations

import click

from evalgate.cli.model import pull


@click.group("model", commands=[pull.command])
def command() -> None:
    """Fetch the embedded local model."""
