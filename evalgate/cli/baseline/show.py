"""`evalgate baseline show`: list the pins and the stored samples."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli.folders import config_option, find_store, gate_option, whole_store_option
from evalgate.domain.numbers import show_count


@click.command("show")
@config_option
@gate_option
@whole_store_option
def command(*, config_path: Path, gates: tuple[str, ...], store: Path | None) -> None:
    """List the pins and the stored samples.

    Prints their version, digest, dataset, number of samples and age, and whether they are fresh or stale.
    """
    from evalgate.commands.baseline import show
    from evalgate.report.escape import block

    listed = show.list_baseline(config_path, find_store(config_path, store), gates)
    for pin in listed.pins:
        click.echo(block(f"{pin.gate}: pinned to {pin}, digest {pin.digest[:12]}"))
    for one, stale in listed.samples:
        named = " ".join(part for part in (one.prompt, one.version) if part)
        click.echo(
            block(
                f"{one.gate}: {named}, digest {one.parts['prompt'][:12]}, {one.dataset}, digest "
                f"{one.parts['dataset'][:12]}, {show_count(one.samples, 'sample')} of each case, sampled "
                f"{one.sampled_at}: {'fresh' if stale is None else f'stale: {stale}'}"
            )
        )
    for warning in listed.warnings:
        click.echo(block(f"warning: {warning}"), err=True)
    if listed.is_empty:
        click.echo("no samples are stored: run `evalgate baseline sample` after a merge")
