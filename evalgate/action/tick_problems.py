"""What a person has to know after a tick: a rollback, a hold, a worse production, labels that were moved by hand.

Each problem has an identity that stays while the state is the same, so that it is told once.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from evalgate.commands.release.tick import Ticked
from evalgate.release.document import ReleaseDocument
from evalgate.release.langfuse_projection import LabelFinding

Kind = Literal["rollback", "hold", "held", "worse", "labels"]
KINDS: Final[tuple[Kind, ...]] = ("rollback", "hold", "held", "worse", "labels")
REMEMBERED: Final = timedelta(days=7)
"""For how long a later tick tells of a rollback that an earlier one could not tell of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TickProblem:
    """A problem: a few words for a title, a sentence with its numbers, and the commands that come next.

    `mark` is its kind and a digest of its state: the same state has the same mark. All texts are untrusted.
    """

    kind: Kind
    mark: str
    words: str
    sentence: str
    commands: Sequence[str]


def find_problems(done: Ticked, moved: Sequence[LabelFinding], now: str) -> list[TickProblem]:
    """Return the problems after a tick. `moved` are the labels that were moved by hand; `now` is in UTC."""
    return [*_find_rollback(done, now), *_find_hold(done), *_find_worse(done), *_find_labels(done, moved)]


def find_settled(done: Ticked, *, looked_at_labels: bool) -> frozenset[Kind]:
    """Return the kinds of problems that this tick can tell to be over. What it did not look at is not over.

    A rollback is over when a later rollout goes on. A paused rollout, a stage without rows, and a tick that lost a race
    tell nothing.
    """
    settled: set[Kind] = {"labels"} if looked_at_labels else set()
    is_ended = done.action == "watch" or (done.action == "idle" and done.code == "no_rollout")
    if done.action in ("advance", "finish"):
        settled.add("rollback")
    if done.action in ("advance", "finish", "roll_back") or is_ended or (done.action == "hold" and _has_rows(done)):
        settled |= {"hold", "held"}
    if done.action == "finish" or (is_ended and done.code != "no_rows"):
        settled.add("worse")
    return frozenset(settled)


def _has_rows(done: Ticked) -> bool:
    return done.code != "no_rows"


def _find_rollback(done: Ticked, now: str) -> Iterator[TickProblem]:
    """Yield the rollback that is the last entry of the ledger, if a tick did it: this one, or one not long ago."""
    document = done.stored.document
    entry = document.entry
    if entry.verb != "rollback" or entry.evidence is None:
        return
    if datetime.fromisoformat(now) - datetime.fromisoformat(document.at) > REMEMBERED:
        return
    name = shlex.quote(document.name)
    candidate, control = (_number(document, done, digest) for digest in (entry.origin, entry.target))
    yield TickProblem(
        kind="rollback",
        mark=_make_mark("rollback", (document.revision, entry.id)),
        words="was rolled back",
        sentence=f"all users get {control}, and none {candidate} (revision {document.revision}): {entry.why}",
        commands=(f"evalgate release history {name}", f"evalgate release verify {name}"),
    )


def _find_hold(done: Ticked) -> Iterator[TickProblem]:
    """Yield the hold that waiting does not end."""
    found = done.found
    if done.action != "hold" or found is None or not found.is_fault:
        return
    document = done.stored.document
    name, is_late = shlex.quote(document.name), done.code == "held_too_long"
    state = found.state
    candidate = _number(document, done, state.candidate)
    kind: Kind = "held" if is_late else "hold"
    by_hand = (f"evalgate release {verb} {name} --reason TEXT" for verb in ("advance", "abort"))
    yield TickProblem(
        kind=kind,
        mark=_make_mark(kind, (state.salt, state.stage, done.code)),
        words="is held for too long" if is_late else "is held",
        sentence=f"the rollout of {candidate} holds at {state.share / 100:g} % of the users: {done.sentence}",
        commands=(f"evalgate release status {name}", *(by_hand if is_late else ())),
    )


def _find_worse(done: Ticked) -> Iterator[TickProblem]:
    """Yield the production that got worse after its rollout."""
    found = done.monitored
    if found is None or not found.worse:
        return
    name = shlex.quote(done.stored.document.name)
    yield TickProblem(
        kind="worse",
        mark=_make_mark("worse", (found.version, *sorted(found.worse))),
        words="got worse in production",
        sentence=done.sentence,
        commands=("evalgate drift", f"evalgate release status {name}"),
    )


def _find_labels(done: Ticked, moved: Sequence[LabelFinding]) -> Iterator[TickProblem]:
    """Yield the labels in Langfuse that do not follow the ledger. No reader of evalgate follows them."""
    if not moved:
        return
    name = shlex.quote(done.stored.document.name)
    told = ", ".join(f"{one.label} (now on {_list_versions(one.versions)})" for one in moved)
    verb = "label was" if len(moved) == 1 else "labels were"
    yield TickProblem(
        kind="labels",
        mark=_make_mark("labels", sorted((one.label, *one.versions) for one in moved)),
        words="has labels that were moved by hand",
        sentence=f"{len(moved)} {verb} moved by hand in Langfuse, and not by evalgate: {told}",
        commands=(f"evalgate release show {name}", f"evalgate release project {name}"),
    )


def _make_mark(kind: Kind, state: Iterable[object]) -> str:
    return f"{kind}-{hashlib.sha256(repr(tuple(state)).encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


def _number(document: ReleaseDocument, done: Ticked, digest: str | None) -> str:
    """Return the number of a version, or the start of its digest where the document does not have it any more."""
    known = document.versions.get(digest or "") or done.before.document.versions.get(digest or "")
    return known.version if known is not None else (digest or "")[:12]


def _list_versions(numbers: Sequence[int]) -> str:
    return f"version{'' if len(numbers) == 1 else 's'} {', '.join(map(str, numbers))}"
