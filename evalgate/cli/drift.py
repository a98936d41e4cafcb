"""`evalgate drift`: has the model in production changed, though nobody edited anything?"""

from __future__ import annotations

import os
from pathlib import Path

import click

from evalgate.cli import printing
from evalgate.cli.folders import config_option, find_home, find_store


@click.command("drift")
@config_option
@click.option("--gate", "gates", multiple=True, metavar="NAME", help="Only this gate; repeatable.")
@click.option("--default-branch", metavar="BRANCH", help="The branch that production is on.")
@click.option(
    "--store", type=click.Path(file_okay=False, path_type=Path), help="Folder of the stored baselines and the journal."
)
@printing.add_output_options
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
    """Ask the version in production anew, and compare it with its stored samples.

    Production is the gate's own `baseline:` file, else the pinned release, else the default branch's prompt. Its
    samples are those that `evalgate baseline sample` stored, however old. The model is called even where recordings or
    cached answers exist; the stored outputs are scored anew, by the checks and judges of now.

    Exits with 0 when it is proven not worse by the allowed drop, with 1 when it is proven worse, with 4 when neither is
    proven, and with 3 when nothing is stored that it could be compared with. An interrupted run continues where it
    stopped.
    """
    from evalgate.cli.progress import Progress
    from evalgate.commands import drift
    from evalgate.gate.options import CallMode, Machine, Selection

    where = printing.choose_destinations(formats, outputs)
    progress = Progress()
    selection = Selection(gates=gates, default_branch=default_branch)
    machine = Machine(
        environment=os.environ, store=find_store(config_path, store), home=find_home(), note=progress.note
    )
    printing.require_writable(where)
    with progress:
        report = drift.run(config_path, selection, machine, CallMode(), progress.show)
    printing.write_report(report, where)
    context.exit(report.exit_code)
