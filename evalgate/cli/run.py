"""`evalgate run`: the whole gate."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from evalgate.cli import printing
from evalgate.cli.folders import config_option, find_home, find_store
from evalgate.domain import Admission, Report, ReportKind, Shard

if TYPE_CHECKING:
    from evalgate.execute.providers.backends import EngineName


def add_version_options(function: click.decorators.FC) -> click.decorators.FC:
    """Which versions are compared, and of which gates."""
    for decorate in (
        click.option("--head", metavar="REF", help="Judge this commit  [default: the working tree]"),
        click.option(
            "--policy-ref",
            type=click.Choice(["head", "base"]),
            default="head",
            show_default=True,
            help="Whose configuration, cases, rubrics, schemas, pins and recordings judge: those of what is judged, or "
            "those of the default branch's tip. With base, prompts alone are the commit's, and nothing is read from "
            "the working tree.",
        ),
        click.option("--default-branch", metavar="BRANCH", help="The branch whose merge base is the baseline."),
        click.option("--gate", "gates", multiple=True, metavar="NAME", help="Only this gate; repeatable."),
        click.option("--baseline", metavar="REF|FILE", help="The baseline  [default: the merge base]"),
        click.option("--candidate", metavar="REF|FILE", help="The candidate  [default: the working tree]"),
    ):
        function = decorate(function)
    return function


engine_option = click.option(
    "--engine",
    type=click.Choice(["asyncio", "ray", "batch"]),
    default="asyncio",
    show_default=True,
    help="Who calls endpoints: this process, the workers of a Ray cluster (at RAY_ADDRESS, else the one on this "
    "machine), or OpenAI's Batch API: half the price, within a day.",
)


class _Part(click.ParamType[tuple[int, int]]):
    name = "K/N"

    def convert(
        self, value: str | tuple[int, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        number, _, of = value.partition("/")
        if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
            self.fail(f'"{value}" is not of the form K/N with 1 <= K <= N, as in 3/8', param, ctx)
        return int(number), int(of)


@click.command("run")
@config_option
@add_version_options
@click.option(
    "--changed",
    is_flag=True,
    help="Leave out gates whose prompt, dataset, criteria and policy are unchanged; with "
    "--policy-ref base, those whose prompt is.",
)
@click.option("--live", "answers", flag_value="live", help="Call the model even where recordings exist.")
@click.option("--record", "answers", flag_value="record", help="Call the model for both arms, write recordings anew.")
@click.option("--shard", type=_Part(), help="Run a part of the cases, the K-th of N, for `evalgate merge`.")
@click.option("--no-cache", is_flag=True, help="Read neither the cache of earlier runs nor the stored baseline.")
@engine_option
@click.option("--store", type=click.Path(file_okay=False, path_type=Path), help="Folder of cache and journal.")
@printing.add_output_options
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
    changed: bool,
    answers: Literal["live", "record"] | None,
    shard: tuple[int, int] | None,
    no_cache: bool,
    engine: EngineName,
    store: Path | None,
    formats: tuple[str, ...],
    outputs: tuple[Path, ...],
) -> None:
    """Run the gate: candidate against baseline over the golden dataset, and a verdict.

    The report is also kept as report.json in the store, so that `evalgate report` and `evalgate decide` can work from
    it without a model call.

    The baseline's samples are those that `evalgate baseline sample` stored, while they are fresh and made in the same
    way; else they are drawn in this run. With --no-cache or --record, and where recordings are replayed, no stored
    ones are used; with --live they are.
    """
    from evalgate.cli.progress import Progress, keep_stdout
    from evalgate.commands import run as gate
    from evalgate.gate.options import CallMode, Machine, Selection

    where = printing.choose_destinations(formats, outputs)
    project_store = find_store(config_path, store)
    progress = Progress()
    selection = Selection(
        candidate=candidate,
        baseline=baseline,
        gates=gates,
        changed=changed,
        default_branch=default_branch or os.environ.get("GITHUB_BASE_REF") or None,
        policy_ref=policy_ref,
        head=head,
    )
    machine = Machine(environment=os.environ, store=project_store, home=find_home(), note=progress.note)
    calls = CallMode(
        answers=answers or "replay",
        use_cache=not no_cache,
        shard=None if shard is None else Shard(number=shard[0], of=shard[1]),
        engine=engine,
    )
    printing.require_writable(where)
    last = project_store.last_report
    gate.forget_report(last)
    with progress, keep_stdout(progress.note) if engine == "ray" else contextlib.nullcontext():
        report = gate.run(config_path, selection, machine, calls, progress.show)
    printing.write_report(report, where)
    _keep_report(last, report)
    context.exit(_exit_code(report))


def _exit_code(report: Report) -> Admission:
    """A part has no verdict to exit with: it is complete, and the merge decides."""
    parts = [gate.evidence.kind is ReportKind.SHARD for gate in report.gates]
    return Admission.PASS if parts and all(parts) else report.exit_code


def _keep_report(path: Path, report: Report) -> None:
    """Where it cannot be written the verdict stands."""
    from evalgate.commands import run as gate

    try:
        gate.keep_report(path, report)
    except OSError as error:
        click.echo(f"warning: {path}: cannot be written: {error.strerror}", err=True)
