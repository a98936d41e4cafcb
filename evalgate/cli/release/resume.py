"""`evalgate release resume`: resume a paused rollout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalgate.cli.release.rollout_step import make_step_command

if TYPE_CHECKING:
    from evalgate.release.promotion import Actor
    from evalgate.release.registry import Registry
    from evalgate.release.rollout_change import RolloutChange


@make_step_command("resume")
def command(registry: Registry, name: str, by: Actor, why: str, *, dry_run: bool) -> RolloutChange:
    """Resume the rollout of the prompt NAME. Its stage begins anew: all users had the version in production."""
    from evalgate.commands.release import resume

    return resume.resume(registry, name, by, why, dry_run=dry_run)
