"""What a command did to a rollout: the document that it appended, or would append."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from evalgate.release.document import ReleaseDocument
from evalgate.release.promotion import Actor
from evalgate.release.registry import Registry, StoredDocument, append_document
from evalgate.release.rollout.state import RolloutState, describe_stage, parse_state
from evalgate.release.version_lookup import read_last
from evalgate.release.walked_ledger import require_whole

DRY_RUN = "dry run, nothing is written: "
"""The beginning of the sentence on the change of a dry run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutChange:
    """A document of a rollout, and the one before it. `stored` is None in a dry run: nothing was written."""

    before: StoredDocument
    document: ReleaseDocument
    stored: StoredDocument | None


def change_rollout(
    registry: Registry,
    name: str,
    by: Actor,
    make: Callable[[StoredDocument, Actor], ReleaseDocument],
    *,
    dry_run: bool = False,
) -> RolloutChange:
    """Append the document that `make` makes of the last one, and return the change.

    Raises what `make` raises, RefusedError for a broken ledger, RaceLostError with the winner, and RegistryError.
    """
    last = read_last(registry, name)
    ledger = require_whole(registry, last)
    document = ledger.follow(make(last, ledger.settle(by)))
    if dry_run:
        return RolloutChange(before=last, document=document, stored=None)
    stored = append_document(registry, document)
    return RolloutChange(before=last, document=stored.document, stored=stored)


def describe_rollout_change(done: RolloutChange) -> str:
    """Return a sentence on what changed, or would change; each channel has to escape it."""
    document = done.document
    told = describe_verb(done.before.document, document)
    if done.stored is None:
        return f"{document.name}: {DRY_RUN}{told}"
    return f"{document.name}: {told} (revision {document.revision})"


def describe_verb(before: ReleaseDocument, document: ReleaseDocument) -> str:
    """Describe what an entry did to a rollout: the versions, the stage and the share of the users."""
    old, new = parse_state(before), parse_state(document)
    state = new or old
    if state is None:
        return document.entry.verb
    candidate, control = (_number(before, document, one) for one in (state.candidate, state.control))
    share = _tell_share(state, candidate, control)
    told = {
        "start": f"the rollout of {candidate} starts: {share}",
        "advance": f"the rollout of {candidate} goes on: {share}",
        "finish": f"the rollout of {candidate} is finished: production is {candidate}, after {control}",
        "pause": f"the rollout of {candidate} is paused: all users get {control}",
        "resume": f"the rollout of {candidate} begins its stage anew: {share}",
        "abort": f"the rollout of {candidate} is ended: all users get {control}",
        "promote": f"the rollout of {candidate} is ended: production is {candidate}, after {control}",
        "rollback": f"{candidate} is rolled back: all users get {control}",
    }
    return told.get(document.entry.verb, f"the rollout of {candidate} holds in {describe_stage(state)}")


def _tell_share(state: RolloutState, candidate: str, control: str) -> str:
    if state.share == 0:
        return f"staging has {candidate}, and all users get {control}"
    return f"{state.share / 100:g} % of the users get {candidate}, in {describe_stage(state)}"


def _number(before: ReleaseDocument, document: ReleaseDocument, digest: str) -> str:
    version = document.versions.get(digest) or before.versions.get(digest)
    return digest[:12] if version is None else version.version
