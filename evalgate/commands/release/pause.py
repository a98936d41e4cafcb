"""`release pause`: give the candidate of a rollout to no user for a while."""

from __future__ import annotations

from evalgate.release.promotion import Actor
from evalgate.release.registry import Registry
from evalgate.release.rollout.transitions import pause_rollout
from evalgate.release.rollout_change import RolloutChange, change_rollout


def pause(registry: Registry, name: str, by: Actor, why: str, *, dry_run: bool = False) -> RolloutChange:
    """Pause the rollout of a prompt: all users get the version in production. Raises what `change_rollout` raises."""
    return change_rollout(registry, name, by, lambda last, who: pause_rollout(last, who, why), dry_run=dry_run)
