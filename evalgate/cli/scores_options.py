"""Options that say which scores of other tools' files count, and on which scale."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


class CriterionScale(click.ParamType[tuple[str, float, float]]):
    """A criterion, and the values that become 0 and 1, as in stars=1:5."""

    name = "NAME=LOW:HIGH"

    def convert(
        self, value: str | tuple[str, float, float], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float, float]:
        if isinstance(value, tuple):
            return value
        name, _, ends = value.rpartition("=")
        first, separator, last = ends.partition(":")
        try:
            low, high = float(first), float(last)
        except ValueError:
            low = high = math.nan
        if not name or not separator or not math.isfinite(low) or not math.isfinite(high) or low == high:
            self.fail(f'"{value}" is not of the form NAME=LOW:HIGH, as in stars=1:5', param, ctx)
        return name, low, high


def refuse_two_scales(
    context: click.Context, param: click.Parameter, scales: tuple[tuple[str, float, float], ...]
) -> tuple[tuple[str, float, float], ...]:
    """Refuse two scales of one criterion: one of them would have no effect."""
    names = [name for name, _, _ in scales]
    for name in names:
        if names.count(name) > 1:
            raise click.BadParameter(f'"{name}" has two scales', context, param)
    return scales


select_option = click.option(
    "--select",
    metavar="TEXT",
    help="The prompt or provider of a promptfoo file that has several: a label, or [provider] label.",
)
criterion_option = click.option(
    "--criterion",
    "criteria",
    multiple=True,
    metavar="NAME",
    help="A metric of the other tool that counts; repeatable.  [default: all]",
)
scale_option = click.option(
    "--scale",
    "scales",
    multiple=True,
    type=CriterionScale(),
    callback=refuse_two_scales,
    help="The values of a metric that become 0 and 1; repeatable. 1:0 turns a metric whose lower values are better.",
)


def add_scores_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of `decide` that read scores: files, prompt or provider, criteria, scales."""
    for option in (
        scale_option,
        criterion_option,
        click.option(
            "--baseline-select",
            metavar="TEXT",
            help="The baseline's prompt or provider, in --baseline, or in the file of --scores itself.",
        ),
        select_option,
        click.option(
            "--baseline",
            type=click.Path(dir_okay=False, path_type=Path),
            help="With --scores: the file of the baseline's scores; --scores then has the candidate's.",
        ),
        click.option(
            "--scores",
            type=click.Path(dir_okay=False, path_type=Path),
            help="Results of promptfoo, deepeval, inspect_ai or openai/evals; or JSONL, CSV, Parquet or .xlsx: case, "
            "arm, criterion, value[, repeat, tag].",
        ),
    ):
        command = option(command)
    return command
