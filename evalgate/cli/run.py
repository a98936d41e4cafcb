"""`evalgate run`: run the whole gate."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from evalgate.cli import destinations, printing
from evalgate.cli.env_file import env_file_option
from evalgate.cli.folders import config_option
from evalgate.cli.langfuse_upload import langfuse_option, open_upload, send_report
from evalgate.cli.run_options import ShardNumber, add_part_options, add_version_options, engine_option
from evalgate.cli.surroundings import make_machine
from evalgate.domain import Admission, CasePart, Report, ReportKind, Shard

if TYPE_CHECKING:
    from evalgate.commands.run import PlansOfRun
    from evalgate.execute.providers.backends import EngineName
    from evalgate.gate.experiment_upload import ExperimentUpload
    from evalgate.gate.options import CallMode, Machine, Redraw


@click.command("run")
@config_option
@env_file_option
@add_version_options
@click.option(
    "--changed",
    is_flag=True,
    help="Skip gates whose prompt, dataset, criteria and policy are unchanged; with --policy-ref base, gates whose "
    "prompt is unchanged.",
)
@click.option(
    "--live",
    "answers",
    flag_value="live",
    help="Ignore recordings and cached answers. After a verdict this draws again, as --redraw all does.",
)
@click.option(
    "--record", "answers", flag_value="record", help="Call the model for both arms and overwrite the recordings."
)
@add_part_options
@click.option("--shard", type=ShardNumber(), help="Run the K-th of N parts of the cases, for `evalgate merge`.")
@click.option(
    "--no-cache",
    is_flag=True,
    help="Use neither cached answers nor the stored baseline. After a verdict this draws again, as --redraw all does.",
)
@click.option(
    "--redraw",
    type=click.Choice(["failed", "broken", "all"]),
    help="Ask again after a verdict: for the answers of failed calls, of both versions to cases that newly fail, or "
    "for all. The verdict stays.",
)
@engine_option
@langfuse_option
@click.option("--store", type=click.Path(file_okay=False, path_type=Path), help="Folder of cache and journal.")
@destinations.add_output_options
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
    part: CasePart | None,
    shard: tuple[int, int] | None,
    no_cache: bool,
    redraw: Redraw | None,
    engine: EngineName,
    is_sent: bool,
    store: Path | None,
    formats: tuple[str, ...],
    outputs: tuple[Path, ...],
) -> None:
    """Run the gate: candidate against baseline over the golden dataset, and a verdict.

    The report is also stored as report.json in the store; `evalgate report` and `evalgate decide` read it. --case,
    --tag and --first run a part of the cases, which is not a gate: the exit code is 4. Its answers are kept.

    The samples that `evalgate baseline sample` stored are the baseline's if they are fresh and were made in the same
    way, but not with --no-cache, --record or replayed recordings. A second draw decides nothing: after a verdict,
    --live, --no-cache and --redraw show new answers, and the verdict and its exit code stay.
    """
    from evalgate.cli.progress import Progress, keep_stdout
    from evalgate.commands import run as gate
    from evalgate.gate.options import CallMode, Selection

    where = destinations.choose_destinations(formats, outputs)
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
    machine = make_machine(config_path, store, progress.note)
    piece = shard and Shard(number=shard[0], of=shard[1])
    calls = CallMode(
        answers=answers or "replay", use_cache=not no_cache, shard=piece, part=part, engine=engine, redraw=redraw
    )
    destinations.require_writable(where)
    upload = open_upload(machine, is_sent=is_sent, is_shard=shard is not None, is_part=part is not None)
    gate.forget_reports(machine.store, calls)
    destinations.remove_earlier(where)
    ran = gate.PlansOfRun(then=None if upload is None else upload.prepare)
    with progress, keep_stdout(progress.note) if engine == "ray" else contextlib.nullcontext():
        report = gate.run(config_path, selection, machine, calls, progress.show, on_plans=ran)
    _write(report, where, machine, calls)
    context.exit(_finish(report, ran, machine, calls, upload))


def _write(report: Report, where: list[tuple[str, Path | None]], machine: Machine, calls: CallMode) -> None:
    """Write the report to its destinations; a page of HTML also has the runs before this one."""
    from evalgate.commands.report import list_past_runs
    from evalgate.commands.run import choose_place

    printing.write_report(
        report,
        where,
        stored=choose_place(machine.store, calls),
        list_history=lambda: list_past_runs(report, machine.store.run_log, is_new=True),
    )


def _exit_code(report: Report) -> Admission:
    """Return the exit code of a report. A shard's is 0: it has no verdict, `evalgate merge` decides."""
    parts = [gate.evidence.kind is ReportKind.SHARD for gate in report.gates]
    return Admission.PASS if parts and all(parts) else report.exit_code


def _finish(
    report: Report, ran: PlansOfRun, machine: Machine, calls: CallMode, upload: ExperimentUpload | None
) -> Admission:
    """Store the report, send it if that is asked for, and return the exit code.

    A file that cannot be written is a warning and does not change the verdict.
    """
    from evalgate.commands import run as gate

    try:
        gate.keep_report(report, ran, machine, calls)
    except OSError as error:
        path = gate.choose_place(machine.store, calls)
        click.echo(f"warning: {path}: cannot be written: {error.strerror}", err=True)
    code = _exit_code(report)
    if upload is not None:
        send_report(upload, report, code)
    return code
