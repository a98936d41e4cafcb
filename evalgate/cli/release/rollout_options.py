"""What the verbs of a rollout share: where the rows are, and what is printed of a change."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalgate.cli.folders import find_store
from evalgate.cli.release.registry_option import keep_copy, project_labels

if TYPE_CHECKING:
    from evalgate.domain.rollout import RolloutSettings, RowSource
    from evalgate.gate.online_scoring import OnlineScorer
    from evalgate.release.registry import Registry
    from evalgate.release.rollout.row_window import RowWindow
    from evalgate.release.rollout_change import RolloutChange

rows_option = click.option(
    "--rows",
    "patterns",
    metavar="FILE",
    multiple=True,
    help="JSONL files of served answers, or a pattern of them; repeatable.  [default: the configuration's]",
)


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
    name: str,
    now: str,
    registry: Registry | None = None,
    window: RowWindow | None = None,
) -> Iterable[bytes] | None:
    """Return the rows that options name, counted from the current folder, else the configuration's; None without.

    Of a service, only the rows of the prompt `name` are read that are needed at the time `now`: those of a `window`, by
    default of its stage. The `registry` says which version an answer is of.
    """
    from evalgate.domain.rollout import RowSource
    from evalgate.release.row_source import stream_rows

    if patterns:
        return stream_rows(RowSource(files=patterns), Path.cwd())
    source: RowSource | None = settings.rows
    if source is not None and source.langfuse is not None:
        return _stream_langfuse(config_path, name, now, registry, window)
    return None if source is None else stream_rows(source, config_path.resolve().parent)


def _stream_langfuse(
    config_path: Path, name: str, now: str, registry: Registry | None, window: RowWindow | None
) -> Iterator[bytes]:
    """Yield the rows from Langfuse. Nothing is requested before the first one is asked for."""
    from evalgate.gate.configured_registry import open_configured_traffic
    from evalgate.release.rollout.row_window import find_window

    stored = None if registry is None else registry.read(name)
    document = None if stored is None else stored.document
    if window is None and document is not None:
        window = find_window(document, now)
    if window is not None:
        traffic = open_configured_traffic(config_path, os.environ, name, document, find_store(config_path))
        yield from traffic.stream(window, now)


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


def report_change(registry: Registry, config_path: Path, url: str | None, done: RolloutChange) -> None:
    """Print what changed, keep the copy for the hook, and write labels to Langfuse."""
    from evalgate.release.rollout_change import describe_rollout_change
    from evalgate.report.wrapped_text import wrap_words

    click.echo(wrap_words(describe_rollout_change(done), indent="  ", first=""))
    if done.stored is not None:
        keep_copy(config_path, url, done.stored)
        project_labels(registry, done.document.name)
