"""`evalgate validate`: all faults of all files at once."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli.places import config_option


@click.command("validate")
@config_option
def command(config_path: Path) -> None:
    """Check configuration, prompts, rubrics, schemas and dataset; no model, no network.

    All faults are printed at once, each with its place.
    """
    from evalgate import gate
    from evalgate.workspace import open_workspace

    workspace = open_workspace(config_path)
    for checked in gate.validate(workspace):
        click.echo(
            f"{checked.gate.name}: {checked.gate.prompt} {checked.candidate.version or '(no version)'}, "
            f"{len(checked.dataset.cases)} cases, {len(checked.gate.checks)} checks, {len(checked.judges)} judges"
        )
    click.echo(f"{config_path}: valid")
