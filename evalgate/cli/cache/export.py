"""`evalgate cache export`: write the entries of the cache to a file."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli.folders import config_option, find_store, whole_store_option
from evalgate.domain.numbers import show_count


@click.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@config_option
@whole_store_option
def command(*, file: Path, config_path: Path, store: Path | None) -> None:
    """Write all entries to FILE as JSONL.

    The lines are in the format of recordings, sorted by key, each with its time of creation. The same entries give the
    same bytes. A target can replay the file (`recordings: FILE`), and `evalgate cache import` adds it to another store.
    """
    from evalgate.commands.cache import export
    from evalgate.report.escape import block

    try:
        written, unreadable = export.export_entries(find_store(config_path, store), file)
    except OSError as error:
        raise click.ClickException(f"{file}: cannot be written: {error.strerror or error}") from error
    click.echo(block(f"{file}: {show_count(written, 'entry', 'entries')}"))
    if unreadable:
        lost = show_count(unreadable, "entry cannot be read and was", "entries cannot be read and were")
        click.echo(f"warning: {lost} left out", err=True)
