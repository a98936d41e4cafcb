"""`evalgate plan`: estimate what a run could decide and what it would cost, without a model call."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from evalgate.cli.env_file import env_file_option
from evalgate.cli.folders import config_option, find_store
from evalgate.cli.run_options import add_version_options, engine_option
from evalgate.errors import ExitCode

if TYPE_CHECKING:
    from evalgate.execute.providers.backends import EngineName


@click.command("plan")
@config_option
@env_file_option
@add_version_options
@engine_option
@click.option("--store", type=click.Path(file_okay=False, path_type=Path), help="Folder of cache and journal.")
@click.pass_context
def command(
    context: click.Context,
    *,
    config_path: Path,
    candidate: str | None,
    baseline: str | None,
    gates: tuple[str, ...],
    default_branch: str | None,
    policy_ref: Literal["head", "base"],
    head: str | None,
    engine: EngineName,
    store: Path | None,
) -> None:
    """Estimate what a run could decide, and what it would need: cases, calls, tokens, dollars. No model is called.

    Exits as the run would: with 1 if version numbers are wrong, and with 2 if a change level needs a PASS but there are
    too few cases to prove one.
    """
    from evalgate.cli.render.plan_text import render_plan
    from evalgate.commands import plan
    from evalgate.gate.options import CallMode, Selection

    selection = Selection(
        candidate=candidate,
        baseline=baseline,
        gates=gates,
        default_branch=default_branch or os.environ.get("GITHUB_BASE_REF") or None,
        policy_ref=policy_ref,
        head=head,
    )
    args = (CallMode(engine=engine), find_store(config_path, store), os.environ)
    planned = plan.plan_run(config_path, selection, *args)
    for outlook in planned:
        for line in render_plan(outlook):
            click.echo(line)
        if engine == "batch":
            click.echo("  by batch          half the price, within 24 hours; all cases at once, without early stopping")
    if any(summary.plan.level.findings for summary in planned):
        context.exit(ExitCode.FAIL)
    if any(summary.lacking is not None for summary in planned):
        context.exit(ExitCode.USAGE)
