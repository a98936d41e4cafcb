"""`release plan`: how long a rollout will take, from the rows of the last days."""

from __future__ import annotations

from collections.abc import Iterable

from evalgate.domain.rollout import RolloutRules
from evalgate.errors import InputError
from evalgate.release.rollout.traffic_plan import DAYS, DROPS, TrafficPlan, observe_traffic, plan_rollout

__all__ = ["DAYS", "DROPS", "TrafficPlan", "plan"]


def plan(rows: Iterable[bytes], name: str, rules: RolloutRules, now: str) -> TrafficPlan:
    """Return the plan of a rollout of a prompt. Raises InputError if no row of the last days has a key."""
    traffic = observe_traffic(rows, name=name, scores=tuple(rules.scores), now=now)
    if not traffic.keys:
        raise InputError(
            f"{name}: no row of the last {DAYS} days has a key, so nothing is known of its users",
            hint="log a row for each answer, with the key that `choose` was given: see docs/rollout.md",
        )
    return plan_rollout(rules, traffic)
