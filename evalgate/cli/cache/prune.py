"""`evalgate cache prune`: remove what the options name."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli.finite_range import FiniteRange
from evalgate.cli.folders import config_option, find_store, whole_store_option


@click.command("prune")
@config_option
@whole_store_option
@click.option(
    "--older-than", type=click.IntRange(1, 100_000), metavar="DAYS", help="Remove entries not used for DAYS days."
)
@click.option(
    "--max-size",
    type=FiniteRange(min=0.1, max=1e9),
    metavar="MB",
    help="Remove the least recently used entries until the cache file has at most MB megabytes (1,000,000 bytes each).",
)
@click.option("--baselines", "stale", is_flag=True, help="Remove stored baselines that are too old to be used.")
@click.option("--damaged", is_flag=True, help="Remove damaged caches that runs moved aside, and unfinished files.")
@click.option(
    "--forget-verdicts",
    is_flag=True,
    help="Remove all stored verdicts. WARNING: a change that failed can then be run again until it passes by chance. "
    "The best of three runs lets twice as many bad changes pass.",
)
@click.option("--dry-run", is_flag=True, help="Print what would be removed; for --max-size this is an estimate.")
def command(
    *,
    config_path: Path,
    store: Path | None,
    older_than: int | None,
    max_size: float | None,
    stale: bool,
    damaged: bool,
    forget_verdicts: bool,
    dry_run: bool,
) -> None:
    """Remove what the options name, and print what was removed. The cache file becomes smaller on disk.

    Verdicts stay unless --forget-verdicts is given: they keep a failed change from being run again until it passes.
    Reports, the log of runs and the answers of unfinished runs stay as well. Removing anything else costs calls, but
    cannot make a verdict wrong. --baselines reads the policy of the
    configuration.
    """
    from evalgate.cli.render.cache_text import MB, describe_pruned, format_size
    from evalgate.commands.cache import prune
    from evalgate.report.escape import block

    if older_than is None and max_size is None and not (stale or damaged or forget_verdicts):
        raise click.UsageError(
            "name what to remove: --older-than DAYS, --max-size MB, --baselines, --damaged or --forget-verdicts"
        )
    project_store = find_store(config_path, store)
    prune.require_store(project_store)
    chosen: dict[str, list[Path]] = {}
    warnings: list[str] = []
    if stale:
        chosen["stale baselines"], warnings = prune.list_stale_baselines(project_store, config_path)
    if damaged:
        chosen["damaged caches"] = list(prune.list_damaged(project_store))
    if forget_verdicts:
        chosen["verdicts"] = prune.list_verdicts(project_store)
    if older_than is not None or max_size is not None:
        most = None if max_size is None else int(max_size * MB)
        done = prune.prune_entries(project_store, unused_days=older_than, most_bytes=most, dry_run=dry_run)
        click.echo(describe_pruned(done, dry_run=dry_run))
        warnings += [done.warning] if done.warning is not None else []
    for warning in warnings:
        click.echo(block(f"warning: {warning}"), err=True)
    for name, files in chosen.items():
        size = prune.remove_files(files, dry_run=dry_run)
        removed = "would be removed" if dry_run else "removed"
        click.echo(f"{name}: {size.count:,} {removed}, {format_size(size.bytes)}")
