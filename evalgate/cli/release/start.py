"""`evalgate release start`: give a version to some of the users, and watch it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from evalgate.cli.finite_range import FiniteRange
from evalgate.cli.release.actor import by_option, check_reason, dry_run_option, make_actor
from evalgate.cli.release.registry_option import add_registry_options, open_from_options
from evalgate.cli.release.rollout_options import choose_rows, load_settings, rows_option
from evalgate.cli.release.rollout_step import report_change
from evalgate.errors import InputError

if TYPE_CHECKING:
    from evalgate.domain.rollout import RolloutRules


@click.command("start")
@click.argument("name")
@click.option(
    "--version", metavar="V", help="A semantic version, or the start of a digest.  [default: the highest published one]"
)
@click.option("--stages", metavar="LIST", help="Shares in percent, such as 5,25,50.  [default: the configuration's]")
@click.option(
    "--kind", type=click.Choice(("canary", "ab")), default="canary", show_default=True, help="ab: compare, and stay."
)
@click.option(
    "--share",
    type=FiniteRange(0, 100),
    metavar="PERCENT",
    help="With --kind ab, the share of the users.  [default: 50]",
)
@rows_option
@click.option("--reason", metavar="TEXT", help="Why, for the history.")
@by_option
@dry_run_option
@add_registry_options
def command(
    *,
    name: str,
    version: str | None,
    stages: str | None,
    kind: Literal["canary", "ab"],
    share: float | None,
    patterns: tuple[str, ...],
    reason: str | None,
    by: str | None,
    dry_run: bool,
    config_path: Path,
    registry_url: str | None,
) -> None:
    """Start the rollout of a version of the prompt NAME: staging, then a growing share of the users.

    `release tick` on a schedule lets it grow, or takes it back. The rules are those of `release.rollout` in the
    configuration, and stay as they are until its end. Nothing is served to more users than the stage says.
    """
    from evalgate.commands.release import start
    from evalgate.gate.configured_registry import find_gate_scores
    from evalgate.gate.online_criteria import load_and_choose
    from evalgate.release.rollout.reference_limits import DAYS, LEAST_ANSWERS
    from evalgate.release.rollout.row_window import find_recent
    from evalgate.report.escape import block

    actor = make_actor(by)
    why = "" if reason is None else check_reason(reason)
    settings = load_settings(config_path, registry_url)
    rules = _choose_stages(settings.rules, stages, kind, share)
    if settings.watches_gate and registry_url is None:
        rules = replace(rules, scores=find_gate_scores(config_path, name))
    start.require_scores(rules, name, is_written=not settings.watches_gate)
    rules, notes = load_and_choose(config_path, name, rules, os.environ, are_defaults=settings.watches_gate)
    registry = open_from_options(config_path, registry_url)
    rows = choose_rows(
        patterns, settings, config_path, name=name, now=actor.at, registry=registry, window=find_recent(actor.at)
    )
    done = start.start(registry, name, rules, actor, why, version=version, kind=kind, rows=rows or (), dry_run=dry_run)
    report_change(registry, config_path, registry_url, done)
    for note in notes:
        click.echo(block(f"note: {note}"), err=True)
    limits = (done.document.rollout or {}).get("slow"), (done.document.rollout or {}).get("expensive")
    if None in limits:
        what = {(True, True): "slow and expensive", (True, False): "slow", (False, True): "expensive"}
        told = what[limits[0] is None, limits[1] is None]
        click.echo(
            f"note: {told} answers are not watched: there are fewer than {LEAST_ANSWERS} rows of production "
            f"from the last {DAYS} days that say what is usual",
            err=True,
        )


def _choose_stages(rules: RolloutRules, stages: str | None, kind: str, share: float | None) -> RolloutRules:
    from evalgate.inputs.rollout_settings import read_stages

    if share is not None and kind != "ab":
        raise InputError("--share is for --kind ab", hint="--stages names the shares of a canary")
    if stages is not None and kind == "ab":
        raise InputError("--stages is for a canary", hint="--share PERCENT is the share of --kind ab")
    given = [50.0 if share is None else share] if kind == "ab" else None if stages is None else _read_list(stages)
    if given is not None:
        holdback = 0 if kind == "ab" else rules.holdback
        try:
            rules = replace(rules, stages=read_stages(given, holdback), holdback=holdback)
        except ValueError as error:
            raise InputError(f"--{'share' if kind == 'ab' else 'stages'}: {error.args[1]}") from None
    return rules


def _read_list(text: str) -> list[float]:
    try:
        return [float(one) for one in text.split(",")]
    except ValueError:
        raise InputError(f'--stages: "{text}" is not a list of shares', hint="write --stages 5,25,50") from None
