"""`evalgate explain`: what a finding means, why it blocks, and how to mend it."""

from __future__ import annotations

import shutil
import textwrap

import click


@click.command("explain")
@click.argument("finding", nargs=-1)
def command(*, finding: tuple[str, ...]) -> None:
    """Explain FINDING: its `kind` in a report's JSON, an exit code, or words of its sentence. Without one, list all.

    Exits with 2 if nothing of that name is known.
    """
    from evalgate.commands import explain as verb
    from evalgate.report.escape import block

    words = " ".join(finding).strip()
    width = max(40, min(100, shutil.get_terminal_size((100, 24)).columns))
    for line in verb.explain(words) if words else verb.list_topics():
        indent = " " * (10 if words else 18)
        click.echo(block(textwrap.fill(line, width, subsequent_indent=indent, break_on_hyphens=False)))
