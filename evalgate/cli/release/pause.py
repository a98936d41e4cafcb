"""`evalgate release pause`: pause a rollout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalgate.cli.release.rollout_step import make_step_command

if TYPE_CHECKING:
    from evalgate.release.promotion import Actor
    from evalgate.release.registry import Registry
    from evalgate.release.rollout_change import RolloutChange


@make_step_command("pause")
def command(registry: Registry, name: str, by: Actor, why: str, *, dry_run: bool) -> RolloutChange:
    """Give the candidate of the rollout of the prompt NAME to no user, until it is resumed."""
    from evalgate.commands.release import pause

    return pause.pause(registry, name, by, why, dry_run=dry_run)
