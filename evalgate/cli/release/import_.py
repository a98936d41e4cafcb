"""`evalgate release import`: append an exported ledger to a registry."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli.release.actor import dry_run_option
from evalgate.cli.release.registry_option import add_registry_options, keep_copy, open_from_options
from evalgate.domain.numbers import show_count


@click.command("import")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@dry_run_option
@add_registry_options
def command(*, file: Path, dry_run: bool, config_path: Path, registry_url: str | None) -> None:
    """Append the revisions of an exported FILE that the registry does not have.

    The registry must be empty, or have the beginning of this ledger. Bytes and digests stay, so that a team can move
    from one registry to another. Nothing is overwritten.
    """
    from evalgate.commands.release import import_
    from evalgate.report.escape import line

    done = import_.import_ledger(open_from_options(config_path, registry_url, creates=True), file, dry_run=dry_run)
    keep_copy(config_path, registry_url, done.stored)
    added = "would be added" if dry_run else "added"
    click.echo(
        line(
            f"{done.name}: {show_count(done.added, 'revision')} and {show_count(done.versions, 'version')} "
            f"{added}, {done.present:,} kept"
        )
    )
