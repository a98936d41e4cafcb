"""`evalgate baseline sample`: draw and store new samples of the baseline."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli.env_file import env_file_option
from evalgate.cli.folders import config_option, gate_option, whole_store_option
from evalgate.cli.surroundings import make_machine
from evalgate.domain.numbers import show_count


@click.command("sample")
@config_option
@env_file_option
@click.option("--candidate", metavar="REF|FILE", help="Sample this version instead.")
@gate_option
@whole_store_option
@click.pass_context
def command(
    context: click.Context, *, config_path: Path, candidate: str | None, gates: tuple[str, ...], store: Path | None
) -> None:
    """Draw and store new samples of the baseline.

    Run this on the default branch, after a merge: later changes are compared with these samples. The baseline is the
    gate's own `baseline:` file, else the pinned release, else the prompt in the working tree. Every case is sampled
    `samples.baseline` times, and scored by all checks and all judges. The model is called even if recordings or cached
    answers exist: the answers with which a version passed are never its baseline. An interrupted sampling continues
    where it stopped.
    """
    from evalgate.cli.progress import Progress
    from evalgate.commands.baseline import sample
    from evalgate.gate.options import Selection
    from evalgate.report.escape import block
    from evalgate.report.view import format_cost

    selection = Selection(candidate=candidate, gates=gates)
    machine = make_machine(config_path, store)
    with Progress() as progress:
        done = sample.draw_samples(config_path, selection, machine, progress.show)
    for sentence in (*done.skipped, *done.warnings):
        click.echo(block(f"warning: {sentence}"), err=True)
    for one in done.gates:
        stored = one.stored
        click.echo(
            block(
                f"{stored.gate}: {show_count(stored.samples, 'sample')} of each of {show_count(one.cases, 'case')}, "
                f"{' '.join(part for part in (stored.prompt, stored.version) if part)}, "
                f"digest {stored.parts['prompt'][:12]}; {show_count(one.calls.made, 'call')}, "
                f"{format_cost(one.cost_usd)}\n"
                f"  {one.path}"
            )
        )
