"""`evalgate cache`: what was paid for once: how much there is, what nobody uses any more, and its way elsewhere."""

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
    """Count, prune, export and import what was paid for once. Safe while runs read and write the same folder."""


@command.command("stats")
@config_option
@_store_option
@click.option("--format", "form", type=click.Choice(("terminal", "json")), default="terminal", show_default=True)
def stats(*, config_path: Path, store: Path | None, form: str) -> None:
    """Say what the store holds: entries by the model that answered, their age, and the dollars they stand for.

    An entry's last use is noted to the day. The stored verdicts and baselines, the journals of unfinished runs and
    damaged caches that were moved aside are counted beside them.
    """
    from evalgate.store import cache_admin

    project_store = _find_existing(config_path, store)
    found = cache_admin.collect_stats(project_store.cache)
    beside = {name: _measure_sizes(files) for name, files in _list_beside(project_store).items()}
    click.echo(_render_json(found, beside) if form == "json" else _render_text(project_store, found, beside))


@command.command("prune")
@config_option
@_store_option
@click.option("--older-than", type=click.IntRange(min=1), metavar="DAYS", help="Entries not used for so many days.")
@click.option(
    "--max-size",
    type=click.FloatRange(min=0.1),
    metavar="MB",
    help="The least recently used entries, until the cache file is no larger (1 MB is 1,000,000 bytes).",
)
@click.option("--baselines", "stale", is_flag=True, help="Stored baselines that are too old to be compared with.")
@click.option("--damaged", is_flag=True, help="Damaged caches that runs moved aside.")
@click.option(
    "--forget-verdicts",
    is_flag=True,
    help="All stored verdicts. WARNING: a change that failed may then be drawn again until it passes by luck: the "
    "best of three draws lets twice as many bad changes through.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would go; for --max-size an estimate.")
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
    """Remove what is named, and say what went; the cache file becomes smaller on disk.

    Verdicts stay unless --forget-verdicts is given: they keep a change from drawing a fresh ticket. Whatever else goes
    costs calls, never a wrong verdict. --baselines reads the policy of the configuration.
    """
    from evalgate.store import cache_admin

    if older_than is None and max_size is None and not (stale or damaged or forget_verdicts):
        raise click.UsageError(
            "say what is to go: --older-than DAYS, --max-size MB, --baselines, --damaged or --forget-verdicts"
        )
    project_store = _find_existing(config_path, store)
    doomed = {"stale baselines": _list_stale(config_path, project_store)} if stale else {}
    beside = _list_beside(project_store)
    doomed |= {"damaged caches": beside["damaged"]} if damaged else {}
    doomed |= {"verdicts": beside["verdicts"]} if forget_verdicts else {}
    would = "would go" if dry_run else "went"
    if older_than is not None or max_size is not None:
        done = cache_admin.prune(
            project_store.cache,
            unused=None if older_than is None else older_than * cache_admin.DAY,
            most=None if max_size is None else int(max_size * _MB),
            dry_run=dry_run,
        )
        now = "" if dry_run else f", now {_format_size(done.after)}"
        click.echo(
            f"entries: {done.entries:,} {would}, {done.left:,} left; the file was {_format_size(done.before)}{now}"
        )
        if done.warning is not None:
            _print(f"warning: {done.warning}", err=True)
    for name, files in doomed.items():
        _remove(name, files, would, dry_run=dry_run)


@command.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@config_option
@_store_option
def export(*, file: Path, config_path: Path, store: Path | None) -> None:
    """Write all entries to FILE: JSONL as recordings are, sorted by key, each with the moment it was made.

    The same entries give the same bytes. A target can replay the file (`recordings: FILE`), and `evalgate cache
    import` takes it into another store.
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
@click.option("--replace", is_flag=True, help="Let imported entries take the place of those with the same key.")
def import_(*, files: tuple[Path, ...], config_path: Path, store: Path | None, replace: bool) -> None:
    """Add the entries of exported files, or of recordings, to the cache. Entries that are there stay.

    Nothing is imported when a line of any file is faulty; all faulty lines are named. An entry that does not say when
    it was made counts as old: where the age of an answer matters, as for a baseline's samples, it is asked for again.
    """
    from evalgate.store import cache_admin

    project_store = find_store(config_path, store)
    read = cache_admin.read_files(files, replace=replace)
    project_store.prepare()
    done = cache_admin.add(project_store.cache, read, replace=replace)
    told = [f"{done.added:,} entries added", f"{done.met:,} that were there {'replaced' if replace else 'kept'}"]
    if read.failures:
        told.append(f"{read.failures:,} failures left out, which are asked again")
    click.echo(", ".join(told))


def _find_existing(config_path: Path, chosen: Path | None) -> Store:
    """The store. Raises InputError where there is none: a wrong folder must not look like an empty one."""
    store = find_store(config_path, chosen)
    if not store.root.is_dir():
        hint = "name it with --store, or its configuration with --config; a run makes it"
        raise InputError("there is no store", place=Place(path=str(store.root)), hint=hint)
    return store


def _list_beside(store: Store) -> dict[str, list[Path]]:
    """What a store keeps beside its cache."""
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


def _remove(name: str, files: Iterable[Path], would: str, *, dry_run: bool) -> None:
    gone = size = 0
    for path in files:
        try:
            bytes_ = path.stat().st_size
            if not dry_run:
                path.unlink()
        except FileNotFoundError:
            continue  # another process was faster
        except OSError as error:
            raise click.ClickException(f"{path}: cannot be removed: {error.strerror or error}") from error
        gone, size = gone + 1, size + bytes_
    click.echo(f"{name}: {gone:,} {would}, {_format_size(size)}")


def _measure_sizes(files: Iterable[Path]) -> tuple[int, int]:
    """How many files there are, and their bytes."""
    sizes = []
    for path in files:
        try:
            sizes.append(path.stat().st_size)
        except FileNotFoundError:
            continue
    return len(sizes), sum(sizes)


def _render_text(store: Store, found: Stats, beside: dict[str, tuple[int, int]]) -> str:
    from evalgate.cli import tables
    from evalgate.report.escape import line

    told = [line(str(store.root)), f"entries    {found.entries:,}, {_format_size(found.size)}"]
    if found.entries:
        told.append(
            f"made       {_format_day(found.oldest)} to {_format_day(found.newest)}; "
            f"last used {_format_day(found.last_used)}"
        )
        rows = [["served by", "entries", "dollars"]]
        for name, one in found.served.items():
            unknown = one.entries - one.priced
            dollars = f"{one.cost_usd:.2f}" if one.priced else "unknown"
            more = f" ({unknown:,} unknown)" if one.priced and unknown else ""
            rows.append([line(name) or "(not said)", f"{one.entries:,}", dollars + more])
        told += ["", tables.render_text(rows), ""]
    if found.unreadable:
        told.append(f"unreadable {found.unreadable:,}, asked for again")
    told += [f"{name:<10} {count:,}, {_format_size(size)}" for name, (count, size) in beside.items()]
    return "\n".join(told)


def _render_json(found: Stats, beside: dict[str, tuple[int, int]]) -> str:
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
        **{name: {"files": count, "bytes": size} for name, (count, size) in beside.items()},
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
