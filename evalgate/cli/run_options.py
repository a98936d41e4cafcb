"""Options that `evalgate run` shares with `evalgate plan`, and the type of `--shard`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click


def add_version_options(function: click.decorators.FC) -> click.decorators.FC:
    """Add the options that choose the compared versions and the gates."""
    for decorate in (
        click.option("--head", metavar="REF", help="Evaluate this commit  [default: the working tree]"),
        click.option(
            "--policy-ref",
            type=click.Choice(["head", "base"]),
            default="head",
            show_default=True,
            help="The source of configuration, cases, rubrics, schemas, pins and recordings: the evaluated tree (head) "
            "or the tip of the default branch (base). With base, only prompts come from the commit, and nothing is "
            "read from the working tree.",
        ),
        click.option("--default-branch", metavar="BRANCH", help="The branch whose merge base is the baseline."),
        click.option("--gate", "gates", multiple=True, metavar="NAME", help="Only this gate; repeatable."),
        click.option(
            "--baseline", metavar="REF|FILE|langfuse:NAME@LABEL", help="The baseline  [default: the merge base]"
        ),
        click.option(
            "--candidate", metavar="REF|FILE|langfuse:NAME@LABEL", help="The candidate  [default: the working tree]"
        ),
    ):
        function = decorate(function)
    return function


def add_part_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that choose a part of the cases, which is not a gate: `part`, or None without them."""

    @functools.wraps(function)
    def call(*args: Any, cases: tuple[str, ...], tags: tuple[str, ...], first: int | None, **options: Any) -> Any:
        from evalgate.domain import CasePart

        chosen = CasePart(cases=tuple(dict.fromkeys(cases)), tags=tuple(dict.fromkeys(tags)), first=first)
        return function(*args, part=None if chosen == CasePart() else chosen, **options)

    for decorate in (
        click.option(
            "--first",
            type=click.IntRange(min=1),
            metavar="N",
            help="Run only the first N cases, in run order, of those that --case and --tag choose. Not a gate.",
        ),
        click.option(
            "--tag", "tags", multiple=True, metavar="TAG", help="Run only cases with this tag; repeatable. Not a gate."
        ),
        click.option(
            "--case", "cases", multiple=True, metavar="ID", help="Run only this case; repeatable; not a gate."
        ),
    ):
        call = decorate(call)
    return call


engine_option = click.option(
    "--engine",
    type=click.Choice(["asyncio", "ray", "batch"]),
    default="asyncio",
    show_default=True,
    help="How endpoints are called: by this process, by the workers of a Ray cluster (at RAY_ADDRESS, else on this "
    "machine), or by OpenAI's Batch API, at half the price and within 24 hours.",
)


_MOST_DIGITS = 9


class ShardNumber(click.ParamType[tuple[int, int]]):
    """The number of a shard and the number of shards, as in 3/8."""

    name = "K/N"

    def convert(
        self, value: str | tuple[int, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        number, _, of = value.partition("/")
        short = max(len(number), len(of)) <= _MOST_DIGITS
        if not (short and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
            self.fail(f'"{value}" is not of the form K/N with 1 <= K <= N, as in 3/8', param, ctx)
        return int(number), int(of)
