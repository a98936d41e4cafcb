"""`evalgate release tick`: let a rollout grow, hold it, or take it back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import click

from evalgate.cli.release.actor import by_option, dry_run_option, make_actor
from evalgate.cli.release.registry_option import add_registry_options, keep_copy, open_from_options, project_labels
from evalgate.cli.release.rollout_options import (
    find_scorer,
    load_settings,
    now_option,
    read_now,
    require_rows,
    rows_option,
)
from evalgate.errors import InputError


@click.command("tick")
@click.argument("name")
@rows_option
@now_option
@click.option("--format", "form", type=click.Choice(("terminal", "json")), default="terminal", show_default=True)
@by_option
@dry_run_option
@add_registry_options
@click.pass_context
def command(
    context: click.Context,
    *,
    name: str,
    patterns: tuple[str, ...],
    now: str | None,
    form: str,
    by: str | None,
    dry_run: bool,
    config_path: Path,
    registry_url: str | None,
) -> None:
    """Read the rows of the prompt NAME since its stage began, and go on, hold, or roll back. For a schedule.

    With `score_per_day` in release.rollout, answers are scored by the checks and judges of the prompt's gate.

    Exits with 0 after a step or a hold, 1 after a rollback or if the ledger is broken, 3 if the registry, the rows or a
    judge cannot be reached, 4 if the rollout is held for too long or production is worse than at the end of its
    rollout.
    """
    from evalgate.cli.progress import Progress
    from evalgate.cli.render import rollout_json, rollout_text
    from evalgate.commands.release import tick
    from evalgate.report.escape import block

    at = read_now(now)
    if at is not None and not dry_run:
        raise InputError("--now is for --dry-run only: a decision is made at the time of its rows")
    actor = make_actor(by)
    actor = replace(actor, at=at or actor.at)
    settings = load_settings(config_path, registry_url)
    registry = open_from_options(config_path, registry_url)

    def open_rows() -> Iterable[bytes]:
        return require_rows(patterns, settings, config_path, name=name, now=actor.at, until=at, registry=registry)

    notify = tick.make_notify(settings, config_path.resolve().parent)
    with Progress() as progress:
        scorer = find_scorer(config_path, registry_url, name, open_rows, on_event=progress.show)
        done = tick.tick(registry, name, open_rows, actor, notify=notify, make_scorer=scorer, dry_run=dry_run)
    keep_copy(config_path, registry_url, done.stored)
    click.echo(rollout_json.render_tick(done) if form == "json" else rollout_text.describe_tick(done))
    if done.warning:
        click.echo(block(f"warning: {done.warning}"), err=True)
    if done.is_written:
        project_labels(registry, name)
    context.exit(done.exit_code)
