"""The text of `init` and `import`: what was written, and what is left to do."""

from __future__ import annotations

from collections.abc import Sequence

import click

from evalgate.commands.imports.promptfoo import ImportedConfig
from evalgate.domain.numbers import show_count
from evalgate.report.escape import block


def print_sections(sections: Sequence[tuple[str, Sequence[str]]]) -> None:
    """Print titles with their lines, as far as there are any."""
    for title, lines in sections:
        if lines:
            click.echo(f"{title}:")
        for line in lines:
            click.echo(block(f"  {line}"))


def print_import(done: ImportedConfig) -> None:
    """Print what an import wrote, what it did not carry over, and the next command."""
    print_sections(
        (
            ("written", done.written),
            ("there already, and left as it is", done.kept),
            ("carried over in another form", done.changed),
            ("to do", done.remaining),
            ("not carried over", done.left_out),
        )
    )
    count = len(done.left_out)
    lost = "everything was carried over" if not count else f"{count} not carried over"
    click.echo(f"{show_count(done.cases, 'case')}; {lost}")
    click.echo(block(f"next: evalgate validate && {done.run}"))
