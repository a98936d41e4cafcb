"""`evalgate model pull`: fetch the embedded local model, checked by its sha256."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from evalgate.cli.folders import find_home
from evalgate.domain.models import DEFAULT_MODEL, EMBEDDED_MODELS


@click.group("model")
def command() -> None:
    """Fetch the embedded local model."""


@command.command("pull")
@click.argument("name", default=DEFAULT_MODEL, type=click.Choice(list(EMBEDDED_MODELS)), required=False)
@click.option(
    "--from", "source", type=click.Path(dir_okay=False, path_type=Path), help="Take this file, download nothing."
)
def pull(name: str, source: Path | None) -> None:
    """Fetch a model from its publisher, resuming a download that was cut, and check its sha256."""
    from evalgate.execute.providers import local_model

    model = EMBEDDED_MODELS[name]
    shown = click.progressbar(length=model.bytes, label=f"{model.file}", file=sys.stderr)
    with shown as bar:
        path = local_model.pull(
            model, find_home(), source=source, on_progress=lambda done, _: bar.update(done - bar.pos)
        )
    click.echo(f"{path}: {model.bytes:,} bytes, sha256 {model.sha256[:12]}..., {model.license}")
