"""`evalgate cache stats`: print the number, age and cost of the entries."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli.folders import config_option, find_store, whole_store_option


@click.command("stats")
@config_option
@whole_store_option
@click.option("--format", "form", type=click.Choice(("terminal", "json")), default="terminal", show_default=True)
def command(*, config_path: Path, store: Path | None, form: str) -> None:
    """Print the number, age and cost of the entries.

    Entries are counted by the model that answered; the cost is in dollars. The last use of an entry is recorded by day.
    All other files are counted by their kind, such as verdicts, baselines and the journals of unfinished runs.
    """
    from evalgate.cli.render import cache_text
    from evalgate.commands.cache import stats

    found = stats.summarize_store(find_store(config_path, store))
    click.echo(cache_text.render_json(found) if form == "json" else cache_text.render_text(found))
