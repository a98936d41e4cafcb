"""`evalgate validate`: check all files, and print all faults at once."""

from __future__ import annotations

import os
from pathlib import Path

import click

from evalgate.cli.env_file import env_file_option
from evalgate.cli.folders import config_option, find_store
from evalgate.errors import ExitCode


@click.command("validate")
@config_option
@env_file_option
@click.pass_context
def command(context: click.Context, *, config_path: Path) -> None:
    """Check configuration, prompts, rubrics, schemas and dataset; no model, no network.

    What is in Langfuse is named and not looked at.
    All faults are printed at once, each with its place. In a git repository the version numbers of changed prompts are
    checked too: exits with 1, as the run would, if one was not raised, and with 2 if a level needs a PASS that the
    cases cannot prove.
    """
    from evalgate.change.ungated_files import refuse_ungated
    from evalgate.change.workspace import open_workspace
    from evalgate.commands import validate as verb
    from evalgate.plan.prompt_notes import describe_unsent
    from evalgate.report.escape import block
    from evalgate.score.criterion import validate_criterion

    workspace = open_workspace(config_path, verify=validate_criterion, environment=os.environ)
    notes: dict[str, list[str]] = {}
    for checked in verb.validate(workspace):
        click.echo(
            f"{checked.gate.name}: {checked.gate.named_prompt} {checked.candidate.version or '(no version)'}, "
            f"{verb.describe_counts(checked)}"
        )
        for note in verb.describe_plan(checked, workspace.config):
            notes.setdefault(note, []).append(checked.gate.name)
        for note in describe_unsent(checked.candidate):
            notes.setdefault(note, []).append(checked.gate.name)
    for sentence in verb.describe_unseen(workspace.config):
        click.echo(block(sentence))
    for note, names in notes.items():
        # what holds for many gates is said once
        click.echo(block(f"{names[0] if len(names) == 1 else f'{len(names)} gates'}: note: {note}"))
    for sentence in refuse_ungated(workspace.config, workspace.tree):
        click.echo(block(f"note: {sentence}"))
    default_branch = os.environ.get("GITHUB_BASE_REF") or None
    edited = verb.plan_edited_gates(workspace, default_branch, find_store(config_path, None))
    wrong = [(plan.gate.name, finding.sentence) for plan in edited for finding in plan.level.findings]
    lacking = [] if wrong else list(verb.find_lacking(edited, workspace.config))
    for name, sentence in [*wrong, *lacking]:
        click.echo(block(f"{name}: {sentence}"), err=True)
    if wrong:
        click.echo('hint: `evalgate bump --change "..."` writes these lines', err=True)
        context.exit(ExitCode.FAIL)
    if lacking:
        context.exit(ExitCode.USAGE)
    click.echo(f"{config_path}: valid")
