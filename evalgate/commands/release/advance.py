"""`release advance`: let a rollout go on by a person's word, without the proof."""

from __future__ import annotations

from evalgate.release.document import ReleaseDocument
from evalgate.release.promotion import Actor
from evalgate.release.registry import Registry, StoredDocument
from evalgate.release.rollout.decision_record import encode_word
from evalgate.release.rollout.transitions import advance_rollout, require_state
from evalgate.release.rollout_change import RolloutChange, change_rollout


def advance(registry: Registry, name: str, by: Actor, why: str, *, dry_run: bool = False) -> RolloutChange:
    """Begin the next stage of a rollout; after the last one its candidate becomes production.

    The ledger keeps that this was a person's word. Raises what `change_rollout` raises.
    """

    def make(last: StoredDocument, who: Actor) -> ReleaseDocument:
        return advance_rollout(last, who, why, encode_word(require_state(last)))

    return change_rollout(registry, name, by, make, dry_run=dry_run)
