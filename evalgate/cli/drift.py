"""`evalgate drift`: compare the model in production with its stored samples, to detect a change behind its API."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli import destinations, printing
from evalgate.cli.env_file import env_file_option
from evalgate.cli.folders import config_option, gate_option
from evalgate.cli.surroundings import make_machine


@click.command("drift")
@config_option
@env_file_option
@gate_option
@click.option("--default-branch", metavar="BRANCH", help="The branch that is in production.")
@click.option(
    "--store", type=click.Path(file_okay=False, path_type=Path), help="Folder of the stored baselines and the journal."
)
@destinations.add_output_options
@click.pass_context
def command(
    context: click.Context,
    *,
    config_path: Path,
    gates: tuple[str, ...],
    default_branch: str | None,
    store: Path | None,
    formats: tuple[str, ...],
    outputs: tuple[Path, ...],
) -> None:
    """Sample the version in production again, and compare it with its stored samples.

    Production is the gate's own `baseline:` file, else the pinned release, else the default branch's prompt. Its
    samples are those that `evalgate baseline sample` stored, of any age. The model is called even if recordings or
    cached answers exist. The stored outputs are scored again, by the current checks and judges.

    Exits with 0 if production is proven not worse by more than the allowed drop, with 1 if it is proven worse, with 4
    if neither is proven, and with 3 if no samples are stored to compare with. An interrupted run continues where it
    stopped.
    """
    from evalgate.cli.progress import Progress
    from evalgate.commands import drift
    from evalgate.gate.options import CallMode, Selection

    where = destinations.choose_destinations(formats, outputs)
    progress = Progress()
    selection = Selection(gates=gates, default_branch=default_branch)
    machine = make_machine(config_path, store, progress.note)
    destinations.require_writable(where)
    destinations.remove_earlier(where)
    with progress:
        report = drift.run(config_path, selection, machine, CallMode(), progress.show)
    printing.write_report(report, where)
    context.exit(report.exit_code)
