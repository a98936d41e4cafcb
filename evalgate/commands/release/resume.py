"""`release resume`: begin the stage of a paused rollout anew."""

from __future__ import annotations

from evalgate.release.promotion import Actor
from evalgate.release.registry import Registry
from evalgate.release.rollout.transitions import resume_rollout
from evalgate.release.rollout_change import RolloutChange, change_rollout


def resume(registry: Registry, name: str, by: Actor, why: str, *, dry_run: bool = False) -> RolloutChange:
    """Resume a paused rollout of a prompt, whose stage begins anew. Raises what `change_rollout` raises."""
    return change_rollout(registry, name, by, lambda last, who: resume_rollout(last, who, why), dry_run=dry_run)
