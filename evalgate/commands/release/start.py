"""`release start`: give a version to some of the users, and watch it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from evalgate.commands.release.promote import choose_highest
from evalgate.domain.rollout import RolloutRules
from evalgate.errors import InputError
from evalgate.release.document import ReleaseDocument
from evalgate.release.promotion import Actor
from evalgate.release.registry import Registry, StoredDocument
from evalgate.release.rollout.reference_limits import find_limits
from evalgate.release.rollout.transitions import require_no_rollout, start_rollout
from evalgate.release.rollout_change import RolloutChange, change_rollout
from evalgate.release.version_lookup import find_version, read_last


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
    require_no_rollout(last.document)  # before the choice of a version, which may be refused for its past
    chosen = (
        choose_highest(registry, last, "production")
        if version is None
        else find_version(registry, last.document, version)
    )
    production = last.document.find_label("production")
    slow = expensive = None
    if production is not None:
        found = find_limits(rows, name=name, control=production.digest, version=production.version, now=by.at)
        slow, expensive = found.slow, found.expensive

    def make(last: StoredDocument, who: Actor) -> ReleaseDocument:
        return start_rollout(last, chosen, rules, who, why, kind=kind, slow=slow, expensive=expensive)

    return change_rollout(registry, name, by, make, dry_run=dry_run)


def require_scores(rules: RolloutRules, name: str, *, is_written: bool) -> None:
    """Raise InputError if a rollout would watch no score, and the configuration does not say so with `scores: {}`."""
    if not rules.scores and not is_written:
        raise InputError(
            f"{name}: no score is named that the rollout could watch",
            hint="name them in release.rollout.scores, such as {helpful: 0.10}; with {} failures, time and cost alone",
        )
