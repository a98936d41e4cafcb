"""`evalgate release`: publish versions of prompts, move their labels, and read them in an application."""

from __future__ import annotations

import click

from evalgate.cli.release import reader


@click.group("release", commands=[reader.command])
def command() -> None:
    """Publish versions of prompts, move their labels, and take them back."""
