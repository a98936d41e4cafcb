"""`evalgate release publish`: make versions of the merged prompts."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalgate.cli.env_file import env_file_option
from evalgate.cli.folders import gate_option
from evalgate.cli.release.actor import by_option, check_reason, dry_run_option, make_actor
from evalgate.cli.release.registry_option import add_registry_options, keep_copy, open_from_options, project_labels
from evalgate.cli.surroundings import make_machine

if TYPE_CHECKING:
    from evalgate.commands.release.publish import Publication

_WIDTH = 80


@click.command("publish")
@gate_option
@click.option(
    "--report",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The report of the change.  [default: the stored verdict, else a run of the gate]",
)
@click.option(
    "--source",
    metavar="langfuse:NAME@NUMBER",
    help="Publish this version in Langfuse, by the rules of HEAD.  [default: the prompts of HEAD]",
)
@click.option(
    "--reason", metavar="TEXT", help="Why the prompt was changed.  [default: its `change:`, else what the commit says]"
)
@click.option("--default-branch", metavar="BRANCH", help="The branch that changes are merged into.")
@by_option
@dry_run_option
@add_registry_options
@env_file_option
@click.pass_context
def command(
    context: click.Context,
    *,
    gates: tuple[str, ...],
    report: Path | None,
    source: str | None,
    reason: str | None,
    default_branch: str | None,
    by: str | None,
    dry_run: bool,
    config_path: Path,
    registry_url: str | None,
) -> None:
    """Publish the prompts of HEAD as versions, or with --source one in Langfuse, if they passed their gates.

    Run it after the merge. A prompt that is published already is left alone. Any other needs a report of exactly this
    content and these cases that lets the change merge by the present policy: that of --report, else the stored verdict,
    else that of a run, which asks no known answer again. A version that still needs a sign-off is published, but cannot
    become production. Without `version:` in the prompt, the number follows from the last one and the change level.
    """
    from evalgate.cli.progress import Progress
    from evalgate.commands.release.publish import PublishOptions, describe_lack, publish
    from evalgate.domain import combine_admissions
    from evalgate.report.escape import block

    actor = make_actor(by)
    registry = open_from_options(config_path, registry_url, creates=True)
    progress = Progress()
    machine = make_machine(config_path, None, progress.note)
    wanted = PublishOptions(
        gates=gates,
        report=report,
        reason=None if reason is None else check_reason(reason),
        default_branch=default_branch,
        dry_run=dry_run,
        source=source,
    )
    with progress:
        done = publish(config_path, registry, actor, wanted, machine, on_event=progress.show)
    for one in done:
        keep_copy(config_path, registry_url, one.stored)
        if one.error is None:
            click.echo(render_publication(one))
        for fault in one.error.faults if one.error is not None else ():
            click.echo(block(str(fault)), err=True)
        if lack := describe_lack(one):
            click.echo(block(f"warning: {lack}"), err=True)
    project_labels(registry, *(one.stored.document.name for one in done if one.stored is not None and not dry_run))
    context.exit(combine_admissions(one.admission for one in done))


def render_publication(one: Publication) -> str:
    """Render what became of a gate's prompt in lines of 80 columns at most, escaped for a terminal."""
    from evalgate.commands.release.publish import describe_publication
    from evalgate.report.escape import line

    text = line(describe_publication(one))
    return "\n".join(textwrap.wrap(text, _WIDTH, subsequent_indent="  ", break_on_hyphens=False))
