"""The seconds and the dollars above which an answer is slow or expensive: those of production before a rollout."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from evalgate.release.rollout.traffic_rows import Row, find_instant, load_row, read_row

QUANTILE: Final = 0.95
LEAST_ANSWERS: Final = 100
"""The answers that a limit needs. Below, nothing is slow or expensive, and the rollout does not watch it."""
DAYS: Final = 7
"""The days before the start whose answers count."""
_DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceLimits:
    """What `start` writes into a rollout: an answer above `slow` seconds or `expensive` dollars is watched.

    None where fewer than `LEAST_ANSWERS` of the `answers` of production have the number.
    """

    slow: float | None
    expensive: float | None
    answers: int


def find_limits(
    rows: Iterable[bytes | str | Mapping[str, Any]], *, name: str, control: str, version: str, now: str | datetime
) -> ReferenceLimits:
    """Return the 95th percentiles of the answers that production gave in the last `DAYS` days.

    `rows` are lines of JSON or their objects, in any order. `control` is the digest of the version in production, and
    `version` its number, by which rows without a digest are known. Rows that cannot be read do not count.
    """
    until = find_instant(now)
    seconds, dollars, answers = array("d"), array("d"), 0
    for given in rows:
        loaded = load_row(given) if isinstance(given, bytes | str) else given
        if loaded is None or isinstance(loaded, str):
            continue
        row = read_row(loaded, name, since=until - DAYS * _DAY)
        if not isinstance(row, Row) or row.at > until or row.variant != "production" or row.failed:
            continue
        if row.digest != control if row.digest is not None else row.version != version:
            continue
        answers += 1
        if row.seconds is not None:
            seconds.append(row.seconds)
        if row.cost_usd is not None:
            dollars.append(row.cost_usd)
    return ReferenceLimits(slow=_find_quantile(seconds), expensive=_find_quantile(dollars), answers=answers)


def _find_quantile(values: array[float]) -> float | None:
    """Return the least value that `QUANTILE` of the values do not exceed; None for too few."""
    if len(values) < LEAST_ANSWERS:
        return None
    return sorted(values)[math.ceil(QUANTILE * len(values)) - 1]
