"""`release start`: give a version to some of the users, and watch it."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from evalgate.commands.release.promote import choose_highest
from evalgate.domain.rollout import RolloutRules
from evalgate.errors import InputError
from evalgate.release.document import ReleaseDocument
from evalgate.release.promotion import Actor
from evalgate.release.registry import Registry, StoredDocument
from evalgate.release.rollout.traffic_rows import Row, load_row, read_row
from evalgate.release.rollout.transitions import start_rollout
from evalgate.release.rollout_change import RolloutChange, change_rollout
from evalgate.release.version_lookup import find_version, read_last

LEAST_ANSWERS: Final = 100
"""Answers of production that its p95 of seconds or dollars is taken from, at least."""
REFERENCE_DAYS: Final = 7
"""The days before the start whose rows are taken for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits95:
    """The p95 of the seconds and of the dollars of production's answers; None with too few of them."""

    slow: float | None
    expensive: float | None


def start(
    registry: Registry,
    name: str,
    rules: RolloutRules,
    by: Actor,
    why: str,
    *,
    version: str | None = None,
    kind: Literal["canary", "ab"] = "canary",
    rows: Iterable[bytes] = (),
    dry_run: bool = False,
) -> RolloutChange:
    """Start the rollout of a version, by default of the highest published one, and return the change.

    `rows` are those before the start: they say which answers are slow and expensive. Raises what `change_rollout` and
    `start_rollout` raise, and ServiceError for rows that cannot be read.
    """
    last = read_last(registry, name)
    chosen = (
        choose_highest(registry, last, "production")
        if version is None
        else find_version(registry, last.document, version)
    )
    limits = find_limits(rows, last.document, by.at)

    def make(last: StoredDocument, who: Actor) -> ReleaseDocument:
        return start_rollout(last, chosen, rules, who, why, kind=kind, slow=limits.slow, expensive=limits.expensive)

    return change_rollout(registry, name, by, make, dry_run=dry_run)


def require_scores(rules: RolloutRules, name: str, *, is_written: bool) -> None:
    """Raise InputError if a rollout would watch no score, and the configuration does not say so with `scores: {}`."""
    if not rules.scores and not is_written:
        raise InputError(
            f"{name}: no score is named that the rollout could watch",
            hint="name them in release.rollout.scores, such as {helpful: 0.10}; with {} failures, time and cost alone",
        )


def find_limits(rows: Iterable[bytes], document: ReleaseDocument, until: str) -> Limits95:
    """Return the p95 of production's answers in the rows of the last days before a time in UTC."""
    production = document.find_label("production")
    end = datetime.fromisoformat(until).astimezone(UTC)
    since, last = (end - timedelta(days=REFERENCE_DAYS)).timestamp(), end.timestamp()
    seconds, dollars = array("d"), array("d")
    for line in rows:
        found = load_row(line)
        row = read_row(found, document.name, since=since) if not isinstance(found, str | None) else None
        if not isinstance(row, Row) or production is None or row.variant != "production" or row.at > last or row.failed:
            continue
        if production.digest == row.digest if row.digest is not None else production.version == row.version:
            seconds.extend([] if row.seconds is None else [row.seconds])
            dollars.extend([] if row.cost_usd is None else [row.cost_usd])
    return Limits95(slow=_find_p95(seconds), expensive=_find_p95(dollars))


def _find_p95(values: array[float]) -> float | None:
    if len(values) < LEAST_ANSWERS:
        return None
    found = sorted(values)[math.ceil(0.95 * len(values)) - 1]
    return found if found > 0 else None
