"""The option `--langfuse`: the answers and scores of a run go to Langfuse, and what went there is printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from evalgate.domain import Admission, Report
from evalgate.domain.numbers import show_count
from evalgate.errors import EvalgateError, InputError

if TYPE_CHECKING:
    from evalgate.gate.experiment_upload import ExperimentUpload
    from evalgate.gate.options import Machine

langfuse_option = click.option(
    "--langfuse",
    "is_sent",
    is_flag=True,
    help="Also send both versions' answers and scores to Langfuse, as experiments, and count back what is there.",
)


def open_upload(machine: Machine, *, is_sent: bool, is_shard: bool, is_part: bool) -> ExperimentUpload | None:
    """Return what sends the report of this run; None without the option. Raises InputError for a shard or a part."""
    from evalgate.gate.experiment_upload import ExperimentUpload

    if not is_sent:
        return None
    if is_shard or is_part:
        what = "a shard" if is_shard else "a part of the cases"
        raise InputError(f"--langfuse sends a verdict, and {what} has none", hint="leave one of the two options out")
    return ExperimentUpload(machine)


def send_report(upload: ExperimentUpload, report: Report, verdict: Admission) -> None:
    """Send a report and print what was sent. An error after a pass is raised; else it is printed: the verdict stays."""
    from evalgate.commands.run import send_experiments
    from evalgate.report.escape import block

    try:
        sent = send_experiments(upload, report)
    except EvalgateError as error:
        if verdict is Admission.PASS:
            raise
        click.echo(block(str(error)), err=True)
        return
    for one in sent:
        link = "no prompt version there" if one.link is None else f"{one.link.name}, version {one.link.version}"
        text = (
            f"Langfuse: {one.name}: {show_count(one.items, 'item')}, {show_count(one.scores, 'score')}, linked "
            f"to {link}"
        )
        click.echo(block(text), err=True)
    if not sent:
        click.echo("Langfuse: the run has no answers: nothing is sent", err=True)
