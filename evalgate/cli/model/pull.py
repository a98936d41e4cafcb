"""`evalgate model pull`: fetch the embedded local model, and check its sha256."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli.folders import find_home
from evalgate.domain.models import DEFAULT_MODEL, EMBEDDED_MODELS


@click.command("pull")
@click.argument("name", default=DEFAULT_MODEL, type=click.Choice(list(EMBEDDED_MODELS)), required=False)
@click.option(
    "--from", "source", type=click.Path(dir_okay=False, path_type=Path), help="Use this file instead of a download."
)
def command(name: str, source: Path | None) -> None:
    """Fetch a model from its publisher, resume an interrupted download, and check the sha256."""
    from evalgate.cli.progress import Progress
    from evalgate.commands.model import pull

    model = EMBEDDED_MODELS[name]
    with Progress() as progress:

        def show(done: int, total: int) -> None:
            progress.update(done, total, f"{model.file}: {done / 1e6:,.0f} of {total / 1e6:,.0f} MB")

        path = pull.pull(model, find_home(), source=source, on_progress=show)
    click.echo(f"{path}: {model.bytes:,} bytes, sha256 {model.sha256[:12]}..., {model.license}")
