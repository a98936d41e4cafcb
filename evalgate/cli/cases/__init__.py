"""`evalgate cases`: add, check, count, compare and split the cases of golden datasets."""

from __future__ import annotations

import click

from evalgate.cli.lazy_group import LazyGroup

_VERBS = {
    "add": ("evalgate.cli.cases.add", "Append a case to the dataset of a gate."),
    "lint": ("evalgate.cli.cases.lint", "Find cases that decide little, or mislead."),
    "stats": ("evalgate.cli.cases.stats", "Count cases, tags, clusters and lengths."),
    "diff": ("evalgate.cli.cases.diff", "Compare two datasets by the ids of their cases."),
    "split": ("evalgate.cli.cases.split", "Write the cases of a dataset to new files."),
}


@click.command("cases", cls=LazyGroup, verbs=_VERBS)
def command() -> None:
    """Add, check, count, compare and split the cases of golden datasets. No model is called."""
