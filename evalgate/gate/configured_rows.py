"""The rows of served answers that a configuration names: of files, of a command, or of Langfuse."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from evalgate.domain.rollout import RowSource
from evalgate.gate.configured_registry import open_configured_traffic
from evalgate.release.registry import Registry
from evalgate.release.rollout.row_window import RowWindow, find_window
from evalgate.release.rollout.traffic_rows import CompleteRows
from evalgate.release.row_source import stream_rows
from evalgate.store.store import Store


def stream_configured_rows(
    source: RowSource,
    config_path: Path,
    environment: Mapping[str, str],
    store: Store,
    *,
    name: str,
    now: str,
    registry: Registry | None = None,
    window: RowWindow | None = None,
) -> Iterable[bytes]:
    """Return the lines of the rows of a source. Nothing is read before the first one is asked for.

    Of Langfuse, only the rows of the prompt `name` are read that are needed at the time `now`: those of a `window`, by
    default of its stage. The `registry` says which version an answer is of. Raises what `stream_rows` and
    `open_configured_traffic` raise.
    """
    if source.langfuse is None:
        return stream_rows(source, config_path.resolve().parent)
    return CompleteRows(_stream_langfuse(config_path, environment, store, name, now, registry, window))


def _stream_langfuse(  # noqa: PLR0917 - those of `stream_configured_rows`
    config_path: Path,
    environment: Mapping[str, str],
    store: Store,
    name: str,
    now: str,
    registry: Registry | None,
    window: RowWindow | None,
) -> Iterator[bytes]:
    stored = None if registry is None else registry.read(name)
    document = None if stored is None else stored.document
    if window is None and document is not None:
        window = find_window(document, now)
    if window is not None:
        traffic = open_configured_traffic(config_path, environment, name, document, store)
        yield from traffic.stream(window, now)
