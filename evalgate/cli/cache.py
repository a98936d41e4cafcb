"""`evalgate cache`: count, prune, export and import cached answers."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalgate.cli.folders import config_option, find_store
from evalgate.errors import InputError, Place

if TYPE_CHECKING:
    from evalgate.store.cache_admin import Stats
    from evalgate.store.store import Store

_MB = 1_000_000
_store_option = click.option(
    "--store", type=click.Path(file_okay=False, path_type=Path), help="Folder of cache, journal and stored baselines."
)


@click.group("cache")
def command() -> None:
    """Count, prune, export and import cached answers. Safe while runs read and write the same folder."""


@command.command("stats")
@config_option
@_store_option
@click.option("--format", "form", type=click.Choice(("terminal", "json")), default="terminal", show_default=True)
def stats(*, config_path: Path, store: Path | None, form: str) -> None:
    """Print the number, age and cost of the entries.

    Entries are counted by the model that answered; the cost is in dollars. The last use of an entry is recorded by day.
    The stored verdicts and baselines, the journals of unfinished runs and the damaged caches that were moved aside are
    counted separately.
    """
    from evalgate.store import cache_admin

    project_store = _find_existing(config_path, store)
    found = cache_admin.collect_stats(project_store.cache)
    others = {name: _measure_sizes(files) for name, files in _list_others(project_store).items()}
    click.echo(_render_json(found, others) if form == "json" else _render_text(project_store, found, others))


@command.command("prune")
@config_option
@_store_option
@click.option("--older-than", type=click.IntRange(min=1), metavar="DAYS", help="Remove entries not used for DAYS days.")
@click.option(
    "--max-size",
    type=click.FloatRange(min=0.1),
    metavar="MB",
    help="Remove the least recently used entries until the cache file has at most MB megabytes (1,000,000 bytes each).",
)
@click.option("--baselines", "stale", is_flag=True, help="Remove stored baselines that are too old to be used.")
@click.option("--damaged", is_flag=True, help="Remove damaged caches that runs moved aside.")
@click.option(
    "--forget-verdicts",
    is_flag=True,
    help="Remove all stored verdicts. WARNING: a change that failed can then be run again until it passes by chance. "
    "The best of three runs lets twice as many bad changes pass.",
)
@click.option("--dry-run", is_flag=True, help="Print what would be removed; for --max-size this is an estimate.")
def prune(
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
    Removing anything else costs calls, but cannot make a verdict wrong. --baselines reads the policy of the
    configuration.
    """
    from evalgate.store import cache_admin

    if older_than is None and max_size is None and not (stale or damaged or forget_verdicts):
        raise click.UsageError(
            "name what to remove: --older-than DAYS, --max-size MB, --baselines, --damaged or --forget-verdicts"
        )
    project_store = _find_existing(config_path, store)
    chosen = {"stale baselines": _list_stale(config_path, project_store)} if stale else {}
    others = _list_others(project_store)
    chosen |= {"damaged caches": others["damaged"]} if damaged else {}
    chosen |= {"verdicts": others["verdicts"]} if forget_verdicts else {}
    removed = "would be removed" if dry_run else "removed"
    if older_than is not None or max_size is not None:
        done = cache_admin.prune(
            project_store.cache,
            unused=None if older_than is None else older_than * cache_admin.DAY,
            most=None if max_size is None else int(max_size * _MB),
            dry_run=dry_run,
        )
        now = "" if dry_run else f", now {_format_size(done.after)}"
        click.echo(
            f"entries: {done.entries:,} {removed}, {done.left:,} left; the file was {_format_size(done.before)}{now}"
        )
        if done.warning is not None:
            _print(f"warning: {done.warning}", err=True)
    for name, files in chosen.items():
        _remove(name, files, removed, dry_run=dry_run)


@command.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@config_option
@_store_option
def export(*, file: Path, config_path: Path, store: Path | None) -> None:
    """Write all entries to FILE as JSONL.

    The lines are in the format of recordings, sorted by key, each with its time of creation. The same entries give the
    same bytes. A target can replay the file (`recordings: FILE`), and `evalgate cache import` adds it to another store.
    """
    from evalgate.store import cache_admin

    project_store = _find_existing(config_path, store)
    try:
        written, unreadable = cache_admin.export(project_store.cache, file)
    except OSError as error:
        raise click.ClickException(f"{file}: cannot be written: {error.strerror or error}") from error
    _print(f"{file}: {written:,} entries")
    if unreadable:
        _print(f"warning: {unreadable:,} entries cannot be read and were left out", err=True)


@command.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@config_option
@_store_option
@click.option("--replace", is_flag=True, help="Replace entries that have the same key.")
def import_(*, files: tuple[Path, ...], config_path: Path, store: Path | None, replace: bool) -> None:
    """Add the entries of exported files, or of recordings, to the cache. Existing entries stay.

    If a line of any file is invalid, nothing is imported and all invalid lines are named. An entry without a time of
    creation counts as old: if the age of an answer matters, as for a baseline's samples, the model is called again.
    """
    from evalgate.store import cache_admin

    project_store = find_store(config_path, store)
    read = cache_admin.read_files(files, replace=replace)
    project_store.prepare()
    done = cache_admin.add(project_store.cache, read, replace=replace)
    parts = [f"{done.added:,} entries added", f"{done.met:,} existing {'replaced' if replace else 'kept'}"]
    if read.failures:
        parts.append(f"{read.failures:,} failures left out, which will be requested again")
    click.echo(", ".join(parts))


def _find_existing(config_path: Path, chosen: Path | None) -> Store:
    """Return the store. Raises InputError if it does not exist: a wrong folder must not look like an empty store."""
    store = find_store(config_path, chosen)
    if not store.root.is_dir():
        hint = "name it with --store, or its configuration with --config; a run creates it"
        raise InputError("there is no store", place=Place(path=str(store.root)), hint=hint)
    return store


def _list_others(store: Store) -> dict[str, list[Path]]:
    """List the files of a store other than its cache, by kind."""
    return {
        "verdicts": store.list_verdicts(),
        "baselines": store.list_baselines(),
        "journals": store.list_journals(),
        "damaged": store.list_damaged_caches(),
    }


def _list_stale(config_path: Path, store: Store) -> list[Path]:
    from evalgate.change.workspace import open_workspace
    from evalgate.gate import stored_samples
    from evalgate.store.baselines import list_baselines

    policy = open_workspace(config_path, verify=None).config.policy
    found, damaged = list_baselines(store)
    for error in damaged:
        _print(f"warning: {error.faults[0]}", err=True)
    old = [one for one in found if stored_samples.explain_stale(one, policy) is not None]
    return [store.find_baseline(one.key) for one in old]


def _remove(name: str, files: Iterable[Path], removed: str, *, dry_run: bool) -> None:
    count = size = 0
    for path in files:
        try:
            bytes_ = path.stat().st_size
            if not dry_run:
                path.unlink()
        except FileNotFoundError:
            continue  # another process has removed it
        except OSError as error:
            raise click.ClickException(f"{path}: cannot be removed: {error.strerror or error}") from error
        count, size = count + 1, size + bytes_
    click.echo(f"{name}: {count:,} {removed}, {_format_size(size)}")


def _measure_sizes(files: Iterable[Path]) -> tuple[int, int]:
    """Return the number of files that exist, and their size in bytes."""
    sizes = []
    for path in files:
        try:
            sizes.append(path.stat().st_size)
        except FileNotFoundError:
            continue
    return len(sizes), sum(sizes)


def _render_text(store: Store, found: Stats, others: dict[str, tuple[int, int]]) -> str:
    from evalgate.cli import tables
    from evalgate.report.escape import line

    shown = [line(str(store.root)), f"entries    {found.entries:,}, {_format_size(found.size)}"]
    if found.entries:
        shown.append(
            f"created    {_format_day(found.oldest)} to {_format_day(found.newest)}; "
            f"last used {_format_day(found.last_used)}"
        )
        rows = [["served by", "entries", "dollars"]]
        for name, one in found.served.items():
            unknown = one.entries - one.priced
            dollars = f"{one.cost_usd:.2f}" if one.priced else "unknown"
            more = f" ({unknown:,} unknown)" if one.priced and unknown else ""
            rows.append([line(name) or "(unknown)", f"{one.entries:,}", dollars + more])
        shown += ["", tables.render_text(rows), ""]
    if found.unreadable:
        shown.append(f"unreadable {found.unreadable:,}, which will be requested again")
    shown += [f"{name:<10} {count:,}, {_format_size(size)}" for name, (count, size) in others.items()]
    return "\n".join(shown)


def _render_json(found: Stats, others: dict[str, tuple[int, int]]) -> str:
    priced = sum(one.priced for one in found.served.values())
    content: dict[str, Any] = {
        "format": 1,
        "entries": found.entries,
        "unreadable": found.unreadable,
        "bytes": found.size,
        "oldest": _format_moment(found.oldest),
        "newest": _format_moment(found.newest),
        "last_used": _format_moment(found.last_used),
        "cost_usd": sum(one.cost_usd for one in found.served.values()) if priced else None,
        "priced": priced,
        "served_by": [
            {
                "name": name or None,
                "entries": one.entries,
                "priced": one.priced,
                "cost_usd": one.cost_usd if one.priced else None,
            }
            for name, one in found.served.items()
        ],
        **{name: {"files": count, "bytes": size} for name, (count, size) in others.items()},
    }
    return json.dumps(content, indent=2)


def _format_moment(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat("T", "seconds")


def _format_day(seconds: float | None) -> str:
    moment = _format_moment(seconds)
    return "unknown" if moment is None else moment[:10]


def _format_size(size: int) -> str:
    return f"{size / _MB:,.2f} MB"


def _print(sentence: str, *, err: bool = False) -> None:
    from evalgate.report.escape import block

    click.echo(block(sentence), err=err)
