"""`evalgate cases`: add, check, count, compare and split the cases of golden datasets."""

from __future__ import annotations

import click

from evalgate.cli.cases import add, diff, lint, split, stats


@click.group("cases", commands=[add.command, lint.command, stats.command, diff.command, split.command])
def command() -> None:
    """Add, check, count, compare and split the cases of golden datasets. No model is called."""
