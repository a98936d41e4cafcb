"""`evalgate release plan`: how long a rollout will take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from evalgate.cli.folders import config_option
from evalgate.cli.release.actor import format_now
from evalgate.cli.release.rollout_options import load_settings, now_option, read_now, require_rows, rows_option


@click.command("plan")
@click.argument("name")
@rows_option
@now_option
@config_option
def command(*, name: str, patterns: tuple[str, ...], now: str | None, config_path: Path) -> None:
    """Say how long each stage of a rollout of the prompt NAME will take, and which drops it will show by when.

    Counts the users and the scored answers in the rows of the last days, and simulates the rule with these numbers.
    Starts nothing and reads no registry.
    """
    from evalgate.cli.render.traffic_plan_text import render_traffic_plan
    from evalgate.commands.release import plan
    from evalgate.gate.configured_registry import find_gate_scores
    from evalgate.release.rollout.row_window import find_recent

    settings = load_settings(config_path, None)
    rules = settings.rules
    if settings.watches_gate:
        rules = replace(rules, scores=find_gate_scores(config_path, name))
    until = read_now(now)
    at = until or format_now()
    window = find_recent(at, rules.scores)
    rows = require_rows(patterns, settings, config_path, name=name, now=at, until=until, window=window)
    click.echo(render_traffic_plan(plan.plan(rows, name, rules, at)))
