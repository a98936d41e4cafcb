"""`release promote`: move a label to a published version, if its report allows that."""

from __future__ import annotations

from evalgate.errors import InputError
from evalgate.release.document import PublishedVersion
from evalgate.release.label_move import LabelMove, move_label
from evalgate.release.promotion import Actor, find_highest, promote_version
from evalgate.release.registry import RefusedError, Registry, StoredDocument
from evalgate.release.version_lookup import find_last_move, find_version, read_last
from evalgate.release.walked_ledger import require_whole


def promote(
    registry: Registry,
    name: str,
    label: str,
    by: Actor,
    why: str,
    *,
    version: str | None = None,
    dry_run: bool = False,
) -> LabelMove:
    """Move a label of a prompt to a version, by default the highest published one, and return the move.

    Nothing changes if the version has the label. A canary that production needs is read from the ledger. Raises
    RefusedError with all that is missing and for a broken ledger, RaceLostError with the winner, RegistryError and
    InputError.
    """
    last = read_last(registry, name)
    ledger = require_whole(registry, last)
    chosen = (
        choose_highest(registry, last, label) if version is None else find_version(registry, last.document, version)
    )
    if last.document.labels.get(label) == chosen.digest:
        return LabelMove(stored=last, label=label, version=chosen, before=None, result="unchanged")
    by = ledger.settle(by)
    hours = ledger.walk.count_canary(chosen, by.at)
    following = ledger.follow(promote_version(last, chosen, label, by, why, hours=hours))
    return move_label(registry, last, following, chosen, dry_run=dry_run)


def choose_highest(registry: Registry, last: StoredDocument, label: str) -> PublishedVersion:
    """Return the highest version. Raises RefusedError if production was rolled back from it."""
    highest = find_highest(last.document)
    if highest is None:
        raise InputError(f"{last.document.name}: no version was published", hint="evalgate release publish")
    move = find_last_move(registry, last, "production", highest.digest) if label == "production" else None
    if move is not None and move.entry.verb == "rollback" and move.entry.origin == highest.digest:
        entry = move.entry
        raise RefusedError(
            f"{last.document.name}: {highest} is the highest version, and {entry.who} rolled back from it at "
            f"{move.at} ({entry.why})",
            hint=f"to take it all the same, name it: --version {highest.version}",
        )
    return highest
