"""`evalgate baseline pin`: pin gates to a release that a person signed off."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli.folders import config_option, gate_option


@click.command("pin")
@config_option
@click.option("--by", required=True, metavar="NAME", help="The name of the person who signs the release off.")
@gate_option
@click.option("--ref", metavar="REF", help="The commit that holds the release  [default: HEAD]")
def command(*, config_path: Path, by: str, gates: tuple[str, ...], ref: str | None) -> None:
    """Pin gates to a release that a person signed off.

    The release becomes the baseline of later changes. Writes evalgate.pins.yml beside the configuration. Commit this
    file. A run reads the pins of the merge base, so a change cannot choose its own baseline.
    """
    from evalgate.commands.baseline import pin
    from evalgate.report.escape import block

    path, made, warnings = pin.pin_versions(config_path, by=by, gates=gates, ref=ref)
    for sentence in warnings:
        click.echo(block(f"warning: {sentence}"), err=True)
    for one in made:
        click.echo(block(f"{one.gate}: pinned to {one}, digest {one.digest[:12]}"))
    click.echo(block(f"{path}: commit this file; it takes effect once it is merged"))
