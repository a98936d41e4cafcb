"""`release rollback`: make an earlier version production again, with one append and nothing but the registry."""

from __future__ import annotations

import shlex
from dataclasses import replace

from evalgate.errors import InputError
from evalgate.release.document import PublishedVersion, ReleaseDocument
from evalgate.release.label_move import LabelMove, move_label
from evalgate.release.promotion import Actor, find_rollback, roll_back
from evalgate.release.registry import RaceLostError, RefusedError, Registry, StoredDocument
from evalgate.release.version_lookup import find_content, find_last_move, find_version, read_documents, read_last
from evalgate.release.walked_ledger import WalkedLedger, walk_ledger

_LABEL = "production"
_MOST_TRIES = 5


def roll_back_production(
    registry: Registry, name: str, by: Actor, why: str, *, to: str | None = None, dry_run: bool = False
) -> LabelMove:
    """Make an earlier version production again, end a rollout, and return the move.

    `to` names any version that was in production. The default is the last one that was not itself rolled back. If two
    people give the same command at once, one step is taken, and the other one is told that it is done. So is a person
    who repeats a command with the same reason: its answer may have been lost.

    On a broken ledger, only the versions count that were in production before the break, with the content that they
    had then, unless there were none. The move has a warning then.

    Raises InputError without an older version, RefusedError for a version that was never in production, RaceLostError
    if production moved in another way, and RegistryError.
    """
    last = read_last(registry, name)
    for _ in range(_MOST_TRIES):
        ledger = walk_ledger(registry, last)
        is_sound = _is_sound(ledger, last.document)
        repeated = _find_repeat(registry, last, by, why) if to is None and is_sound else None
        if repeated is not None:
            return replace(repeated, warning=_warn(ledger))
        is_readable = ledger.first_break is None or not ledger.walk.in_production
        version = (
            _choose(registry, last.document, to) if is_readable else _choose_before_break(ledger, last.document, to)
        )
        following = roll_back(last, version, by, why)
        if ledger.first_break is None:
            following = ledger.follow(following)
        if to is not None and is_sound and _is_there(last.document, version):
            unchanged = LabelMove(stored=last, label=_LABEL, version=version, before=None, result="unchanged")
            return replace(unchanged, warning=_warn(ledger))
        try:
            moved = move_label(registry, last, following, version, dry_run=dry_run)
            return replace(moved, warning=_warn(ledger))
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


def _choose_before_break(ledger: WalkedLedger, document: ReleaseDocument, to: str | None) -> PublishedVersion:
    """Return the version to go back to on a broken ledger: one that was in production before the break."""
    walk, name = ledger.walk, document.name
    known = [walk.contents[digest] for digest in walk.in_production]
    if to is not None:
        found = [
            one for one in known if to in (one.version, one.digest) or (len(to) >= 7 and one.digest.startswith(to))
        ]
        if len(found) == 1:
            return found[0]
        shown = ", ".join(one.version for one in known) or "none"
        raise RefusedError(
            f'{name}: the ledger is broken ({ledger.first_break}), and "{to}" is not a version that was in production '
            "before that",
            hint=f"the versions that were: {shown}",
        )
    sound = walk.last
    order = [] if sound is None else [one for one in (sound.labels.get(_LABEL), *sound.past) if one is not None]
    now = document.labels.get(_LABEL)
    if now in order and _is_sound(ledger, document):
        order = order[order.index(now) + (document.rollout is None) :]
    if not order:
        raise InputError(
            f"{name}: the ledger is broken ({ledger.first_break}), and there is no older version in production before "
            "that to roll back to",
            hint=f"look at it with `evalgate release verify {shlex.quote(name)}`, and restore the registry from a copy",
        )
    return walk.contents[order[0]]


def _is_sound(ledger: WalkedLedger, document: ReleaseDocument) -> bool:
    """Return whether production is a version that was there before a break, with its content."""
    now = document.find_label(_LABEL)
    if ledger.first_break is None or now is None or not ledger.walk.in_production:
        return True
    return now.digest in ledger.walk.in_production and ledger.walk.find_other_content(now) is None


def _warn(ledger: WalkedLedger) -> str:
    if ledger.first_break is None:
        return ""
    if not ledger.walk.in_production:
        return f"the ledger is broken, and no version was in production before that: {ledger.first_break}"
    return f"the ledger is broken, and this version was in production before that: {ledger.first_break}"


def _find_repeat(registry: Registry, last: StoredDocument, by: Actor, why: str) -> LabelMove | None:
    """Return the move of an earlier rollback that this command repeats; None if it is another one."""
    document = last.document
    move = find_last_move(registry, last, _LABEL)
    now = document.find_label(_LABEL)
    if move is None or now is None or move.entry.verb != "rollback" or document.rollout is not None:
        return None
    return _make_unchanged(last, now, move) if (move.entry.who, move.entry.why) == (by.who, why) else None


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
