"""`evalgate import`: files of other tools to cases, scores and configuration."""

from __future__ import annotations

import click

from evalgate.cli.lazy_group import LazyGroup

_SOURCES = {
    "promptfoo": ("evalgate.cli.imports.promptfoo", "A configuration of promptfoo, or its results: cases and scores."),
    "deepeval": ("evalgate.cli.imports.deepeval", "Goldens and test runs of deepeval: cases and scores."),
    "inspect": ("evalgate.cli.imports.inspect", "Logs of inspect_ai: cases and scores."),
    "openai-evals": ("evalgate.cli.imports.openai_evals", "Samples and logs of openai/evals: cases, or scores."),
    "langfuse": ("evalgate.cli.imports.langfuse", "A dataset or traces of Langfuse: cases."),
    "csv": ("evalgate.cli.imports.csv", "A table: cases."),
}


@click.command("import", cls=LazyGroup, verbs=_SOURCES)
def command() -> None:
    """Write cases, scores or configuration from files of other tools, and list what is not carried over."""
