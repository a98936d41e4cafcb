"""`evalgate release abort`: end a rollout without a decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalgate.cli.release.rollout_step import make_step_command

if TYPE_CHECKING:
    from evalgate.release.promotion import Actor
    from evalgate.release.registry import Registry
    from evalgate.release.rollout_change import RolloutChange


@make_step_command("abort")
def command(registry: Registry, name: str, by: Actor, why: str, *, dry_run: bool) -> RolloutChange:
    """End the rollout of the prompt NAME. All users get the version in production, which stays."""
    from evalgate.commands.release import abort

    return abort.abort(registry, name, by, why, dry_run=dry_run)
