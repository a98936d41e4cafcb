"""`evalgate cache import`: add the entries of exported files to the cache."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli.folders import config_option, find_store, whole_store_option
from evalgate.domain.numbers import show_count


@click.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@config_option
@whole_store_option
@click.option("--replace", is_flag=True, help="Replace entries that have the same key.")
def command(*, files: tuple[Path, ...], config_path: Path, store: Path | None, replace: bool) -> None:
    """Add the entries of exported files, or of recordings, to the cache. Existing entries stay.

    If a line of any file is invalid, nothing is imported and all invalid lines are named. An entry without a time of
    creation counts as old: if the age of an answer matters, as for a baseline's samples, the model is called again.
    """
    from evalgate.commands.cache import import_

    done, failures = import_.import_entries(find_store(config_path, store), files, replace=replace)
    parts = [
        f"{show_count(done.added, 'entry', 'entries')} added",
        f"{done.met:,} existing {'replaced' if replace else 'kept'}",
    ]
    if failures:
        parts.append(f"{show_count(failures, 'failure')} left out, which will be requested again")
    click.echo(", ".join(parts))
