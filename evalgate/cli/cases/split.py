"""`evalgate cases split`: divide a dataset into new files."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli.finite_range import FiniteRange
from evalgate.cli.folders import config_option
from evalgate.domain.numbers import show_count


class _Percentage(FiniteRange):
    """A share in per cent, with or without the sign."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        return super().convert(str(value).removesuffix("%"), param, ctx)


@click.command("split")
@config_option
@click.option("--gate", metavar="NAME", help="The gate whose dataset is divided; needed if there are several datasets.")
@click.option("--by", type=click.Choice(["tag"]), help="One file for each tag: that of a case's first tag.")
@click.option("--parts", type=click.IntRange(2, 1000), metavar="N", help="N files of about the same size.")
@click.option(
    "--holdout",
    type=_Percentage(min=0, max=100, min_open=True, max_open=True),
    metavar="PERCENT",
    help="Two files: about this share of the cases, and the rest.",
)
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path), help="Write to this folder.")
def command(
    *,
    config_path: Path,
    gate: str | None,
    by: str | None,
    parts: int | None,
    holdout: float | None,
    folder: Path | None,
) -> None:
    """Write the cases of a dataset to new files, each case to exactly one; nothing is overwritten.

    A cluster, or cases with equal requests, stay together. A case stays in its part when others are added.
    """
    from evalgate.change.workspace import open_workspace
    from evalgate.commands.cases import split as verb
    from evalgate.report.escape import block

    if sum(one is not None for one in (by, parts, holdout)) != 1:
        raise click.UsageError("give one of --by tag, --parts N and --holdout PERCENT")
    share = None if holdout is None else holdout / 100
    division = verb.Division(tags=by is not None, parts=parts, holdout=share)
    workspace = open_workspace(config_path, verify=None)
    for one in verb.split_cases(workspace, gate, division, folder):
        click.echo(block(f"{one.path}: {show_count(one.cases, 'case')}"))
