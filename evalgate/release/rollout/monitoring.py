"""Production after a rollout: its rows against what the rollout ended with. There is no control any more. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from evalgate.release.checked_value import Value
from evalgate.release.document import ReleaseDocument
from evalgate.release.rollout.decision_record import read_number
from evalgate.release.rollout.state import STAGING, RolloutState, parse_rules, read_moment
from evalgate.release.rollout.tally import StageEvidence, tally_stage
from evalgate.release.rollout.traffic_rows import find_instant, format_instant, load_row

WINDOW: Final = timedelta(days=7)
"""The rows that are compared: those of the last days, so that a good past does not hide a bad present."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitored:
    """What the rows of the last days say. `limits` are the means that count as worse, by the things watched.

    `worse` are the things whose loss is proven to be more than the rules of the rollout allowed.
    """

    version: str
    since: str
    evidence: StageEvidence
    limits: Mapping[str, float]
    bound: float
    worse: tuple[str, ...]


def compare_with_end(document: ReleaseDocument, rows: Iterable[bytes | str], now: str) -> Monitored | None:
    """Compare the rows of the version in production with the end of its rollout; None without such an end.

    The means at the end count as known numbers. A thing is worse if its mean is proven to be beyond the mean at the end
    and the loss that the rules allow, at e >= K / alpha with K things watched. Raises DocumentError for monitoring that
    is damaged.
    """
    if document.monitoring is None:
        return None
    given = Value(document.monitoring, "monitoring")
    digest = given["version"].digest()
    if digest not in document.versions:
        given["version"].fail("is not among the versions")
    since = read_moment(given["since"])
    rules = parse_rules(given["rules"].object(), "monitoring.rules")
    means = {name: one["mean"].optional(read_number) for name, one in given["means"].members()}
    known = {name: mean for name, mean in means.items() if mean is not None}
    floors = {
        name: max(0.0, known[name] - drop)
        for name, drop in rules.scores.items()
        if name in known and name not in rules.criteria  # those are scored only where two versions are compared
    }
    errors = min(1.0, known.get("errors", 0.0) + rules.max_errors)
    start = find_instant(now) - WINDOW.total_seconds()
    began = since if find_instant(since) >= start else f"{format_instant(start)[:-5]}Z"
    # staging is the stage that compares one arm with fixed limits
    state = RolloutState(
        kind="canary",
        candidate=digest,
        control="",
        share=0,
        salt="monitoring",
        stage=STAGING,
        started=began,
        began=began,
        rules=replace(rules, floors=floors, max_errors=errors, criteria={}),
    )
    versions = {digest: document.versions[digest].version, "": ""}
    evidence = tally_stage(_rename(rows), name=document.name, state=state, versions=versions, now=now)
    bound = max(1, len(evidence.watched)) / rules.alpha
    return Monitored(
        version=digest,
        since=began,
        evidence=evidence,
        limits={one.name: one.allowed for one in evidence.watched},
        bound=bound,
        worse=tuple(one.name for one in evidence.watched if one.log_e_worse >= math.log(bound)),
    )


def _rename(rows: Iterable[bytes | str]) -> Iterator[bytes | str | Mapping[str, Any]]:
    """Yield the rows with those of production in the place of staging's, and those of other labels as they are."""
    names = {"production": "staging", "staging": "other"}
    for row in rows:
        found = load_row(row)
        if isinstance(found, Mapping):
            variant = found.get("variant")
            yield {**found, "variant": names.get(variant, variant)} if isinstance(variant, str) else found
        else:
            yield row
