"""`evalgate decide`: reach a verdict from a stored report or from any tool's scores, without a model call."""

from __future__ import annotations

import math
import os
from pathlib import Path

import click

from evalgate.cli import destinations, printing
from evalgate.cli.env_file import env_file_option
from evalgate.cli.folders import CONFIG, read_report
from evalgate.cli.scores_options import add_scores_options
from evalgate.domain import Level


class Floor(click.ParamType[tuple[str, float]]):
    """A criterion and its floor, as in faithfulness=0.75."""

    name = "NAME=X"

    def convert(
        self, value: str | tuple[str, float], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float]:
        if isinstance(value, tuple):
            return value
        name, separator, number = value.rpartition("=")
        if not separator or not name:
            self.fail(f'"{value}" is not of the form NAME=X, as in faithfulness=0.75', param, ctx)
        return name, _Share().convert(number, param, ctx)


class _Drop(click.ParamType[float]):
    name = "X"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = _Share().convert(value, param, ctx)
        if number == 0:
            self.fail("no sample can prove a drop of exactly 0: allow a small one, such as 0.05", param, ctx)
        return number


def refuse_twice(
    context: click.Context, param: click.Parameter, floors: tuple[tuple[str, float], ...]
) -> tuple[tuple[str, float], ...]:
    """Refuse two different floors of one criterion: one of them would have no effect."""
    for name, floor in floors:
        if dict(floors)[name] != floor:
            raise click.BadParameter(f'"{name}" has two floors, {floor} and {dict(floors)[name]}', context, param)
    return floors


class _Share(click.ParamType[float]):
    name = "X"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not 0 <= number <= 1:
            self.fail(f'"{value}" is not a number from 0 to 1', param, ctx)
        return number


@click.command("decide")
@click.argument("stored", required=False, metavar="[REPORT]", type=click.Path(dir_okay=False, path_type=Path))
@add_scores_options
@click.option(
    "--min", "floors", multiple=True, type=Floor(), callback=refuse_twice, help="The floor of a criterion; repeatable."
)
@click.option("--max-drop", type=_Drop(), help="The allowed drop against the baseline.")
@click.option(
    "--level",
    type=click.Choice([level.name.lower() for level in Level], case_sensitive=False),
    help="With --scores: the change level whose policy applies to an inconclusive verdict  [default: it blocks]",
)
@click.option(
    "--config",
    "config_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The configuration whose thresholds and policy decide  [default: evalgate.yml if it exists here, else the "
    "report's own]",
)
@env_file_option
@destinations.add_output_options
@click.pass_context
def command(
    context: click.Context,
    *,
    stored: Path | None,
    scores: Path | None,
    baseline: Path | None,
    select: str | None,
    baseline_select: str | None,
    criteria: tuple[str, ...],
    scales: tuple[tuple[str, float, float], ...],
    floors: tuple[tuple[str, float], ...],
    max_drop: float | None,
    level: str | None,
    config_path: Path | None,
    formats: tuple[str, ...],
    outputs: tuple[Path, ...],
) -> None:
    """Reach a verdict from a stored report (the last run's when none is named) or from any tool's scores."""
    from evalgate.change.workspace import open_workspace
    from evalgate.commands import decide
    from evalgate.score.criterion import validate_criterion

    where = destinations.choose_destinations(formats, outputs)
    if scores is not None:
        if stored is not None:
            raise click.UsageError("give a report or --scores, not both")
        if config_path is not None:
            raise click.UsageError("--scores takes no --config: use --min, --max-drop and --level")
        given = decide.read_scores(
            scores, baseline, select=select, baseline_select=baseline_select, criteria=criteria, scales=scales
        )
        chosen_level = None if level is None else Level[level.upper()]
        report = decide.decide_scores(given, floors=dict(floors), max_drop=max_drop, level=chosen_level)
    else:
        if baseline or select or baseline_select or criteria or scales:
            raise click.UsageError("--baseline, --select, --criterion and --scale need --scores")
        if level is not None:
            raise click.UsageError("--level needs --scores; a report has its own level")
        chosen = config_path or (CONFIG if CONFIG.is_file() else None)
        config = None
        if chosen is not None:
            config = open_workspace(chosen, verify=validate_criterion, environment=os.environ).config
        report = decide.decide_again(
            read_report(stored, chosen or CONFIG), config, floors=dict(floors), max_drop=max_drop
        )
    printing.write_report(report, where)
    context.exit(report.exit_code)
