"""`evalgate plan`: what a run would cost, before a call is spent."""

from __future__ import annotations

import os
from pathlib import Path

import click

from evalgate.cli.places import config_option, home_folder, store_folder
from evalgate.cli.run import version_options


@click.command("plan")
@config_option
@version_options
@click.option("--store", type=click.Path(file_okay=False, path_type=Path), help="Folder of cache and journal.")
def command(
    *,
    config_path: Path,
    candidate: str | None,
    baseline: str | None,
    gates: tuple[str, ...],
    default_branch: str | None,
    store: Path | None,
) -> None:
    """Say what a run would take: calls, tokens, dollars. Nothing is called."""
    from evalgate import gate

    options = gate.Options(
        environment=os.environ,
        store=store_folder(config_path, store),
        home=home_folder(),
        candidate=candidate,
        baseline=baseline,
        gates=gates,
        default_branch=default_branch or os.environ.get("GITHUB_BASE_REF") or None,
    )
    for planned, calls in gate.estimate(config_path, options):
        click.echo(f"{planned.gate.name}: {planned.level.effective.name}, {len(planned.dataset.cases)} cases")
        if planned.stored_baseline is not None:
            click.echo(f"  baseline {planned.stored_baseline.samples} samples of each case, stored before")
        click.echo(f"  calls    {calls.calls} to make, {calls.cached} known already")
        click.echo(f"  tokens   about {calls.input_tokens} in, {calls.output_tokens} out")
        cost = "unknown: " + calls.unpriced if calls.cost_usd is None else f"about ${calls.cost_usd:.2f}"
        click.echo(f"  dollars  {cost}")
