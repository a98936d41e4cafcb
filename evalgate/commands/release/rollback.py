"""`release rollback`: make an earlier version production again, with one append and nothing but the registry."""

from __future__ import annotations

import shlex

from evalgate.release.document import PublishedVersion, ReleaseDocument
from evalgate.release.label_move import LabelMove, move_label
from evalgate.release.promotion import Actor, find_rollback, roll_back
from evalgate.release.registry import PersonNeededError, RaceLostError, RefusedError, Registry, StoredDocument
from evalgate.release.version_lookup import find_content, find_last_move, find_version, read_documents, read_last

_LABEL = "production"
_MOST_TRIES = 5


def roll_back_production(
    registry: Registry, name: str, by: Actor, why: str, *, to: str | None = None, dry_run: bool = False
) -> LabelMove:
    """Make an earlier version production again, end a rollout, and return the move.

    `to` names any version that was in production. The default is the last one that was not itself rolled back. A
    default rollback never goes back two steps if two people give the same command: the loser of a race is told that it
    is done, and so is a command that is repeated with the same reason. After a rollback, another one must name its
    version, since it could be either a repetition or a second step.

    Raises InputError without an older version, RefusedError for a version that was never in production,
    PersonNeededError after another rollback, RaceLostError if production moved in another way, and RegistryError.
    """
    last = read_last(registry, name)
    for _ in range(_MOST_TRIES):
        move = _find_repeat(registry, last, by, why) if to is None else None
        if move is not None:
            return move
        version = _choose(registry, last.document, to)
        if to is not None and _is_there(last.document, version):
            return LabelMove(stored=last, label=_LABEL, version=version, before=None, result="unchanged")
        following = roll_back(last, version, by, why)
        try:
            return move_label(registry, last, following, version, dry_run=dry_run)
        except RaceLostError as lost:
            if _is_same(lost.winner.document, version):
                return _make_unchanged(lost.winner, version, lost.winner.document)
            if not _keeps_production(last.document, lost.winner.document):
                raise
            last, race = lost.winner, lost
    raise race


def _choose(registry: Registry, document: ReleaseDocument, to: str | None) -> PublishedVersion:
    if to is None:
        return find_content(registry, document, find_rollback(document))
    version = find_version(registry, document, to)
    known = {*document.past, document.labels.get(_LABEL)}
    if version.digest not in known and not any(
        one.document.labels.get(_LABEL) == version.digest for one in read_documents(registry, document.name)
    ):
        raise RefusedError(
            f"{document.name}: {version} was never in production, so nothing can be rolled back to it",
            hint=f"promote it: evalgate release promote {shlex.quote(document.name)} --to production --version "
            f"{version.version}",
        )
    return version


def _find_repeat(registry: Registry, last: StoredDocument, by: Actor, why: str) -> LabelMove | None:
    """Return the move of an earlier rollback that this command repeats; None if production moved otherwise since.

    Raises InputError if there is no older version, and PersonNeededError if the command may be a second step.
    """
    document = last.document
    move = find_last_move(registry, last, _LABEL)
    if move is None or move.entry.verb != "rollback" or document.rollout is not None:
        return None
    now = document.find_label(_LABEL)
    if now is None:
        return None
    if (move.entry.who, move.entry.why) == (by.who, why):
        return _make_unchanged(last, now, move)
    older = find_content(registry, document, find_rollback(document))
    raise PersonNeededError(
        f"{document.name}: {now} is in production, and {_describe(move)}; another rollback could go back a step too "
        "far",
        hint="if that version is bad too, name the one before: evalgate release rollback "
        f"{shlex.quote(document.name)} --to {older.version} --reason TEXT",
    )


def _is_there(document: ReleaseDocument, version: PublishedVersion) -> bool:
    return document.labels.get(_LABEL) == version.digest and document.rollout is None


def _is_same(winner: ReleaseDocument, version: PublishedVersion) -> bool:
    return winner.entry.verb == "rollback" and _is_there(winner, version)


def _make_unchanged(last: StoredDocument, version: PublishedVersion, move: ReleaseDocument) -> LabelMove:
    return LabelMove(
        stored=last,
        label=_LABEL,
        version=version,
        before=None,
        result="unchanged",
        why_not=f"{_describe(move)}; --to VERSION goes back further",
    )


def _describe(move: ReleaseDocument) -> str:
    return f"{move.entry.who} rolled back to it at {move.at} ({move.entry.why})"


def _keeps_production(before: ReleaseDocument, after: ReleaseDocument) -> bool:
    """Return whether another command left production, its past and the rollout as they were."""
    return (before.labels.get(_LABEL), before.past, before.rollout) == (
        after.labels.get(_LABEL),
        after.past,
        after.rollout,
    )
