"""`release abort`: end a rollout without a decision."""

from __future__ import annotations

from evalgate.release.promotion import Actor
from evalgate.release.registry import Registry
from evalgate.release.rollout.transitions import abort_rollout
from evalgate.release.rollout_change import RolloutChange, change_rollout


def abort(registry: Registry, name: str, by: Actor, why: str, *, dry_run: bool = False) -> RolloutChange:
    """End the rollout of a prompt. Production stays as it is. Raises what `change_rollout` raises."""
    return change_rollout(registry, name, by, lambda last, who: abort_rollout(last, who, why), dry_run=dry_run)
