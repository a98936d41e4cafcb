"""What the verbs of a rollout share: their settings, their rows, their time, and what scores answers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalgate.cli.folders import find_store
from evalgate.errors import InputError

if TYPE_CHECKING:
    from evalgate.domain.rollout import RolloutSettings
    from evalgate.gate.online_scoring import OnlineScorer

rows_option = click.option(
    "--rows",
    "patterns",
    metavar="FILE",
    multiple=True,
    help="JSONL files of served answers, or a pattern of them; repeatable.  [default: the configuration's]",
)

now_option = click.option(
    "--now", metavar="TIME", help="Decide as of this time in UTC: later rows do not count.  [default: now]"
)


def read_now(text: str | None) -> str | None:
    """Return a time as documents have it; None without one. Raises InputError for a text that is not a time."""
    from datetime import UTC, datetime

    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            raise ValueError
        # strftime writes the year 202 with three digits
        return found.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (ValueError, OverflowError):
        raise InputError(f'--now: "{text}" is not a time', hint="write a time in UTC: 2026-01-31T12:00:00Z") from None


def load_settings(config_path: Path, url: str | None) -> RolloutSettings:
    """Return `release.rollout` of the configuration; with the URL of a registry no configuration is read."""
    from evalgate.domain.rollout import NO_ROLLOUT
    from evalgate.gate.configured_registry import read_rollout_settings

    return NO_ROLLOUT if url is not None else read_rollout_settings(config_path)


def choose_rows(
    patterns: tuple[str, ...],
    settings: RolloutSettings,
    config_path: Path,
    *,
    until: str | None = None,
    **wanted: Any,
) -> Iterable[bytes] | None:
    """Return the rows that options name, counted from the current folder, else the configuration's; None without.

    With `until`, the time of `--now`, only those that were there then. `wanted` are the keywords of
    `stream_configured_rows`.
    """
    from evalgate.domain.rollout import RowSource
    from evalgate.gate.configured_rows import stream_configured_rows
    from evalgate.release.rollout.traffic_rows import keep_until
    from evalgate.release.row_source import stream_rows

    if patterns:
        rows: Iterable[bytes] = stream_rows(RowSource(files=patterns), Path.cwd())
    elif settings.rows is None:
        return None
    else:
        rows = stream_configured_rows(settings.rows, config_path, os.environ, find_store(config_path), **wanted)
    return rows if until is None else keep_until(rows, until)


def require_rows(
    patterns: tuple[str, ...], settings: RolloutSettings, config_path: Path, *, name: str, **options: Any
) -> Iterable[bytes]:
    """Return what `choose_rows` returns with these options. Raises InputError if nothing says where the rows are."""
    rows = choose_rows(patterns, settings, config_path, name=name, **options)
    if rows is None:
        raise InputError(
            f"{name}: nothing says where the rows are",
            hint="write `rows` in release.rollout, or give --rows FILE",
        )
    return rows


def find_scorer(
    config_path: Path, url: str | None, name: str, open_rows: Callable[[], Iterable[bytes]], **options: Any
) -> Callable[[], OnlineScorer] | None:
    """Return what makes the scorer of answers by the gate of the configuration; None with the URL of a registry.

    Most rollouts have nothing to score, so it is loaded when it is called. `options` are those of `OnlineScorer`.
    """
    if url is not None:
        return None

    def make() -> OnlineScorer:
        from evalgate.cli.surroundings import make_machine
        from evalgate.gate.online_scoring import OnlineScorer

        machine = make_machine(config_path)
        return OnlineScorer(config_path=config_path, name=name, open_rows=open_rows, machine=machine, **options)

    return make
