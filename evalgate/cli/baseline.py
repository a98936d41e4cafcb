"""`evalgate baseline`: store samples of the baseline after a merge, list them, and pin a release as baseline."""

from __future__ import annotations

import os
from pathlib import Path

import click

from evalgate.cli.folders import config_option, find_home, find_store
from evalgate.errors import InputError

_gate_option = click.option("--gate", "gates", multiple=True, metavar="NAME", help="Only this gate; repeatable.")
_store_option = click.option(
    "--store", type=click.Path(file_okay=False, path_type=Path), help="Folder of cache, journal and stored baselines."
)


@click.group("baseline")
def command() -> None:
    """Sample or pin the baseline that later changes are compared with."""


@command.command("sample")
@config_option
@click.option("--candidate", metavar="REF|FILE", help="Sample this version instead.")
@_gate_option
@_store_option
@click.pass_context
def sample(
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
    from evalgate.commands import baseline
    from evalgate.gate.options import Machine, Selection
    from evalgate.report.escape import block
    from evalgate.report.view import format_cost

    selection = Selection(candidate=candidate, gates=gates)
    machine = Machine(environment=os.environ, store=find_store(config_path, store), home=find_home())
    with Progress() as progress:
        done = baseline.draw_samples(config_path, selection, machine, progress.show)
    for sentence in (*done.skipped, *done.warnings):
        click.echo(block(f"warning: {sentence}"), err=True)
    for one in done.gates:
        stored = one.stored
        click.echo(
            block(
                f"{stored.gate}: {stored.samples} samples of each of {one.cases} cases, "
                f"{' '.join(part for part in (stored.prompt, stored.version) if part)}, "
                f"digest {stored.parts['prompt'][:12]}; {one.calls.made:,} calls, {format_cost(one.cost_usd)}\n"
                f"  {one.path}"
            )
        )


@command.command("show")
@config_option
@_gate_option
@_store_option
def show(*, config_path: Path, gates: tuple[str, ...], store: Path | None) -> None:
    """List the pins and the stored samples.

    Prints their version, digest, dataset, number of samples and age, and whether they are fresh or stale.
    """
    from evalgate.change.workspace import open_workspace
    from evalgate.gate import stored_samples
    from evalgate.report.escape import block
    from evalgate.store.baselines import list_baselines

    workspace = open_workspace(config_path, verify=None)
    for pin in workspace.pins.values():
        if not gates or pin.gate in gates:
            click.echo(block(f"{pin.gate}: pinned to {pin}, digest {pin.digest[:12]}"))
    found, damaged = list_baselines(find_store(config_path, store))
    known = dict.fromkeys([*(gate.name for gate in workspace.config.gates), *(one.gate for one in found)])
    for name in gates:
        if name not in known:
            raise InputError(f'no gate is named "{name}"', hint=f"the gates are: {', '.join(known)}")
    for one in found:
        if gates and one.gate not in gates:
            continue
        stale = stored_samples.explain_stale(one, workspace.config.policy)
        named = " ".join(part for part in (one.prompt, one.version) if part)
        click.echo(
            block(
                f"{one.gate}: {named}, digest {one.parts['prompt'][:12]}, {one.dataset}, digest "
                f"{one.parts['dataset'][:12]}, {one.samples} samples of each case, sampled {one.sampled_at}: "
                f"{'fresh' if stale is None else f'stale: {stale}'}"
            )
        )
    for error in damaged:
        click.echo(block(f"warning: {error.faults[0]}"), err=True)
    if not found and not damaged:
        click.echo("no samples are stored: run `evalgate baseline sample` after a merge")


@command.command("pin")
@config_option
@click.option("--by", required=True, metavar="NAME", help="The name of the person who signs the release off.")
@_gate_option
@click.option("--ref", metavar="REF", help="The commit that holds the release  [default: HEAD]")
def pin(*, config_path: Path, by: str, gates: tuple[str, ...], ref: str | None) -> None:
    """Pin gates to a release that a person signed off.

    The release becomes the baseline of later changes. Writes evalgate.pins.yml beside the configuration. Commit this
    file. A run reads the pins of the merge base, so a change cannot choose its own baseline.
    """
    from evalgate.commands import baseline
    from evalgate.report.escape import block

    path, made, warnings = baseline.pin_versions(config_path, by=by, gates=gates, ref=ref)
    for sentence in warnings:
        click.echo(block(f"warning: {sentence}"), err=True)
    for one in made:
        click.echo(block(f"{one.gate}: pinned to {one}, digest {one.digest[:12]}"))
    click.echo(block(f"{path}: commit this file; it takes effect once it is merged"))
