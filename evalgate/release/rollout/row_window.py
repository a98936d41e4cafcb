"""Which rows a verb of a rollout needs: those since a time, with the scores that it watches. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from evalgate.release.checked_value import Value
from evalgate.release.document import ReleaseDocument
from evalgate.release.rollout.monitoring import WINDOW
from evalgate.release.rollout.state import STAGING, parse_rules, parse_state
from evalgate.release.rollout.traffic_rows import find_instant

RECENT: Final = WINDOW.total_seconds()
"""The seconds before now whose rows a plan, a start and the monitoring of production count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowWindow:
    """The rows since a time, in seconds since 1970, and the names of the scores that are needed of them.

    `texts` says that their fields and outputs are needed too, to score or to replay some of them.
    """

    since: float
    scores: tuple[str, ...]
    texts: bool = False


def find_recent(now: str, scores: Iterable[str] = (), *, seconds: float = RECENT, texts: bool = False) -> RowWindow:
    """Return the window of the last days, or of some seconds."""
    return RowWindow(since=find_instant(now) - seconds, scores=tuple(scores), texts=texts)


def find_window(document: ReleaseDocument, now: str) -> RowWindow | None:
    """Return the window that decides on a document: its stage, or production after a rollout; None without both.

    Raises DocumentError for a rollout that cannot be read.
    """
    state = parse_state(document)
    if state is not None:
        watched = state.rules.floors if state.stage == STAGING else state.rules.scores
        names = (name for name in watched if name not in state.rules.criteria)  # those are scored by evalgate itself
        texts = bool(state.rules.criteria)
        return RowWindow(since=find_instant(state.began), scores=tuple(names), texts=texts)
    if document.monitoring is None:
        return None
    given = Value(document.monitoring, "monitoring")
    rules = parse_rules(given["rules"].object(), "monitoring.rules")
    recent = find_recent(now, (name for name in rules.scores if name not in rules.criteria))
    return replace(recent, since=max(recent.since, find_instant(given["since"].time())))
