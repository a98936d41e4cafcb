"""`evalgate release advance`: let a rollout go on without the proof."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalgate.cli.release.rollout_step import make_step_command

if TYPE_CHECKING:
    from evalgate.release.promotion import Actor
    from evalgate.release.registry import Registry
    from evalgate.release.rollout_change import RolloutChange


@make_step_command("advance")
def command(registry: Registry, name: str, by: Actor, why: str, *, dry_run: bool) -> RolloutChange:
    """Let the rollout of the prompt NAME go on without the proof. The ledger records that you decided it.

    After the last stage its candidate becomes production.
    """
    from evalgate.commands.release import advance

    return advance.advance(registry, name, by, why, dry_run=dry_run)
