"""`evalgate baseline`: store samples of the baseline after a merge, list them, and pin a release as baseline."""

from __future__ import annotations

import click

from evalgate.cli.baseline import pin, sample, show


@click.group("baseline", commands=[sample.command, show.command, pin.command])
def command() -> None:
    """Sample or pin the baseline that later changes are compared with."""
