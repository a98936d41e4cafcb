"""The ledger: the series of all documents of a prompt, which a chain of digests protects. Pure.

A change of an earlier document breaks the chain at the one after it. A person who can write the registry can compute
the chain anew, so each document also has to follow the rules of its verb: a label moves only to a version that a
`publish` added before, and only on what the version needs for it.

What the ledger cannot show are documents that are missing at the end: readers refuse a revision that is lower than the
one that they have. Nor does it show what the last document says of the version that it publishes: the digest is that
of the prompt, whose syntax the parts no longer have, so that it cannot be computed from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from evalgate.release.checked_value import DocumentError
from evalgate.release.document import (
    LABELS,
    PAST_KEPT,
    PublishedVersion,
    ReleaseDocument,
    digest_document,
    encode_version,
    parse_document,
)
from evalgate.release.promotion import check_number, find_missing, make_canary_evidence
from evalgate.release.registry import RefusedError, StoredDocument
from evalgate.release.rollout.decision_record import find_rollback_gaps
from evalgate.release.rollout.stage_hours import count_hours
from evalgate.release.rollout.state import STAGING, parse_state
from evalgate.release.rollout.transitions import VERBS as ROLLOUT_VERBS
from evalgate.release.rollout.verb_rules import find_wrong_verb

VERBS: Final = ("publish", "promote", "rollback", *ROLLOUT_VERBS)
"""The verbs of entries that this version of evalgate writes, and knows the rules of."""
CLOCKS_DIFFER: Final = timedelta(days=1)
"""How much the time of a document may be before that of the document before it: they come from different clocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerBreak:
    """The first revision that does not follow from the ones before it, and what is wrong with it.

    `revision` is what the document says; for bytes that are not a document, the number that it should have.
    """

    revision: int
    problem: str

    def __str__(self) -> str:
        return f"revision {self.revision}: {self.problem}"


def verify(documents: Iterable[bytes], name: str | None = None) -> LedgerBreak | None:
    """Return the first break of a ledger, whose documents are given oldest first; None if it is whole.

    `name` is the prompt that the documents are of, by default that of the first one.
    """
    walk = LedgerWalk(name)
    return next((found for found in map(walk.step, documents) if found is not None), None)


class LedgerWalk:
    """A walk along the documents of a ledger, oldest first.

    `last` is the last document that follows from the ones before it. `contents` are the versions that were published
    so far, by digest; `in_production` the digests of those that were in production, latest last.
    """

    def __init__(self, name: str | None = None) -> None:
        self.name = name
        self.last: ReleaseDocument | None = None
        self.contents: dict[str, PublishedVersion] = {}
        self.in_production: dict[str, None] = {}
        self._digest: str | None = None
        self._hours = 0.0
        self._encoded: dict[str, tuple[bytes, int]] = {}

    def step(self, data: bytes) -> LedgerBreak | None:
        """Return what is wrong with the next document; None if it follows. After a break the walk stays where it is."""
        try:
            document = parse_document(data)
        except DocumentError as error:
            number = 1 if self.last is None else self.last.revision + 1
            return LedgerBreak(revision=number, problem=f"the bytes are not a release document: {error}")
        problem = next(self._find_problems(document), None)
        if problem is not None:
            return LedgerBreak(revision=document.revision, problem=problem)
        self._take(document, digest_document(data))
        return None

    def find_other_content(self, version: PublishedVersion) -> str | None:
        """Return what differs if the ledger has another content of a version; None if it has this one, or none."""
        known = self._encoded.get(version.digest)
        if known is None or known[0] == encode_version(version):
            return None
        return f"the version {version} has another content than in revision {known[1]}"

    def count_canary(self, version: PublishedVersion, until: str) -> float:
        """Return for how many hours the rollout in progress has given a version to users: no staging, no pause."""
        rollout = None if self.last is None else self.last.rollout
        if self.last is None or rollout is None or rollout["candidate"] != version.digest:
            return 0.0
        return self._hours + _count_serving(self.last, until)

    def _take(self, document: ReleaseDocument, digest: str) -> None:
        if self.last is not None:
            self._hours = self._hours + _count_serving(self.last, document.at) if document.rollout is not None else 0.0
        self.name = document.name
        self.last, self._digest = document, digest
        target = document.entry.target
        if document.entry.verb == "publish" and target is not None:
            self.contents[target] = document.versions[target]
            self._encoded[target] = (encode_version(document.versions[target]), document.revision)
        production = document.labels.get("production")
        if production is not None and next(reversed(self.in_production), None) != production:
            self.in_production.pop(production, None)
            self.in_production[production] = None

    def _find_problems(self, document: ReleaseDocument) -> Iterator[str]:
        """Yield what is wrong with a document after the last one."""
        last, entry = self.last, document.entry
        if self.name is not None and document.name != self.name:
            yield f'its name is "{document.name}", not "{self.name}"'
        if document.previous != self._digest:
            yield _explain_previous(last, document, self._digest)
        if last is not None and document.revision <= last.revision:
            yield f"its number is not above {last.revision}, the one before it"
        yield from _find_wrong_time(last, document)
        if entry.verb not in VERBS:
            yield f'its verb is "{entry.verb}", and the verbs are {", ".join(VERBS)}'
        yield from _find_unexplained_labels(last, document)
        yield from _find_wrong_past(last, document)
        yield from _find_wrong_rollout(last, document)
        yield from self._find_wrong_versions(document)
        yield from self._find_wrong_move(document)

    def _find_wrong_versions(self, document: ReleaseDocument) -> Iterator[str]:
        """Yield versions that were never published, have another content, or are missing."""
        entry, last = document.entry, self.last
        known = set(self.contents)
        if entry.verb == "publish":
            yield from self._find_wrong_publication(document)
            known |= {entry.target or ""}
        for key, version in document.versions.items():
            if key not in known:
                yield f"the version {version} was never published"
            other = self.find_other_content(version)
            if other is not None:
                yield other
        newest = entry.target if entry.verb == "publish" else next(reversed(self.contents), None)
        before = set() if last is None else set(last.versions)
        kept = [one for one in document.past[:1] if one in before] + ([] if newest is None else [newest])
        for one in kept:
            if one not in document.versions:
                yield f"the version {_shorten(one)}, which readers may need, is not in it any more"

    def _find_wrong_publication(self, document: ReleaseDocument) -> Iterator[str]:
        entry = document.entry
        version = document.versions.get(entry.target or "")
        if version is None:
            yield f"it publishes {_shorten(entry.target)}, which it does not have"
            return
        if version.digest in self.contents:
            yield f"it publishes {version}, which was published before"
        elif self.last is not None and not _is_above(version, self.last):
            yield f"it publishes {version}, and its number is not above those before it"
        for lack in find_missing(document, version, "staging"):
            yield f"it publishes {version}, but {lack.what}"

    def _find_wrong_move(self, document: ReleaseDocument) -> Iterator[str]:
        """Yield why the label of an entry may not move as it did."""
        entry = document.entry
        if entry.verb == "publish":
            if entry.label is not None or entry.origin is not None:
                yield "it publishes a version and moves a label"
        elif entry.verb in ROLLOUT_VERBS:
            if self.last is None:
                yield f'its verb is "{entry.verb}", and nothing was published'
            else:
                yield from find_wrong_verb(self.last, document, self.contents)
            return
        elif entry.label not in LABELS or (entry.verb == "rollback" and entry.label != "production"):
            yield f'it is a {entry.verb} of "{entry.label}"'
        elif entry.target not in self.contents or self.last is None:
            yield f"{entry.label} moves to {_shorten(entry.target)}, which was never published"
        elif entry.verb == "rollback" and entry.target not in self.in_production:
            yield f"it rolls back to {self.contents[entry.target]}, which was never in production"
        elif entry.verb == "promote":
            version = self.contents[entry.target]
            hours = self.count_canary(version, document.at)
            for lack in find_missing(self.last, version, entry.label, hours):
                yield f"{version} became {entry.label}, but {lack.what}"
        yield from self._find_wrong_evidence(document)

    def _find_wrong_evidence(self, document: ReleaseDocument) -> Iterator[str]:
        """Yield what is wrong with the evidence of an entry that is none of a rollout's own verbs."""
        entry, last = document.entry, self.last
        if entry.verb == "rollback":
            state = None if last is None or entry.evidence is None else parse_state(last)
            yield from find_rollback_gaps(entry.evidence, state, document.at)
            return
        version = self.contents.get(entry.target or "")
        ends = entry.verb == "promote" and entry.label == "production" and version is not None
        ends = ends and last is not None and last.rollout is not None and last.rollout["candidate"] == entry.target
        hours = 0.0 if version is None else self.count_canary(version, document.at)
        if entry.evidence != (make_canary_evidence(hours) if ends else None):
            yield "its evidence is not that of the canary in the ledger"


def _count_serving(document: ReleaseDocument, until: str) -> float:
    """Return the hours from a document to a later time, if users had the candidate of its rollout; else 0."""
    state = parse_state(document)
    if state is None or state.paused or state.stage == STAGING:
        return 0.0
    return max(0.0, count_hours(document.at, until))


def _explain_previous(last: ReleaseDocument | None, document: ReleaseDocument, digest: str | None) -> str:
    if last is None or digest is None:
        return f"it is the first one here, but follows another one ({_shorten(document.previous)}), which is missing"
    if document.previous is None:
        return f"it follows nothing, though revision {last.revision} is before it"
    return (
        f"it follows the document {_shorten(document.previous)}, but revision {last.revision} before it is "
        f"{_shorten(digest)}: one of them was edited, or revisions between them are missing"
    )


def _find_unexplained_labels(last: ReleaseDocument | None, document: ReleaseDocument) -> Iterator[str]:
    """Yield the changes of labels that the entry does not tell.

    An entry tells of one label. A rollback also ends a rollout, and takes the label `canary` from its candidate.
    """
    entry = document.entry
    before: Mapping[str, str] = {} if last is None else last.labels
    rollout = None if last is None else last.rollout
    candidate = None if rollout is None else rollout["candidate"]
    if entry.label is not None:
        if document.labels.get(entry.label) != entry.target:
            yield (
                f"its entry says that {entry.label} moved to {_shorten(entry.target)}, but {entry.label} is "
                f"{_shorten(document.labels.get(entry.label))}"
            )
        ends = candidate is not None and document.rollout is None
        if before.get(entry.label) != entry.origin and not (ends and entry.origin == candidate):
            yield (
                f"its entry says that {entry.label} moved from {_shorten(entry.origin)}, but {entry.label} was "
                f"{_shorten(before.get(entry.label))}"
            )
    for label in sorted({*before, *document.labels} - {entry.label}):
        old, new = before.get(label), document.labels.get(label)
        ended = label == "canary" and new is None and old == candidate and document.rollout is None
        if old != new and not ended:
            yield f"{label} moved from {_shorten(old)} to {_shorten(new)}, and its entry ({entry.verb}) does not say so"


def _find_wrong_past(last: ReleaseDocument | None, document: ReleaseDocument) -> Iterator[str]:
    """Yield the problem if the earlier versions in production do not follow from the move of the label."""
    before: tuple[str, ...] = () if last is None else last.past
    old = None if last is None else last.labels.get("production")
    new = document.labels.get("production")
    if document.entry.verb == "rollback":
        expected = before[before.index(new) + 1 :] if new in before else before
    elif old != new:
        expected = tuple(one for one in (old, *before) if one is not None and one != new)[:PAST_KEPT]
    else:
        expected = before
    if document.past != expected:
        yield (
            f"its earlier versions in production are {_list(document.past)}, but by its entry "
            f"({document.entry.verb}) they are {_list(expected)}"
        )


def _find_wrong_rollout(last: ReleaseDocument | None, document: ReleaseDocument) -> Iterator[str]:
    """Yield the problem if the rollout or the monitoring changed with a verb that is none of a rollout's.

    A rollback ends the rollout, and so does the promotion of its candidate to production. The monitoring is that of the
    version in production.
    """
    entry, before = document.entry, None if last is None else last.rollout
    if entry.verb in ROLLOUT_VERBS:
        return
    ends = entry.verb == "promote" and entry.label == "production" and before is not None
    if entry.verb == "rollback":
        if document.rollout is not None:
            yield "it is a rollback, and leaves a rollout"
    elif document.rollout != (None if ends else before):
        yield f"its rollout is not that of the revision before it, and its entry ({entry.verb}) does not say so"
    stays = last is not None and last.labels.get("production") == document.labels.get("production")
    if document.monitoring != (last.monitoring if last is not None and stays else None):
        yield f"its monitoring is not that of its version in production, and its entry ({entry.verb}) does not say so"


def _find_wrong_time(last: ReleaseDocument | None, document: ReleaseDocument) -> Iterator[str]:
    try:
        at = datetime.fromisoformat(document.at)
    except ValueError:
        yield f"its time is {document.at}, which is not a valid date"
        return
    if last is not None and at < datetime.fromisoformat(last.at) - CLOCKS_DIFFER:
        yield f"its time is {document.at}, and that of revision {last.revision} before it is {last.at}"


def _is_above(version: PublishedVersion, last: ReleaseDocument) -> bool:
    try:
        check_number(StoredDocument(document=last, data=b""), last.name, version.version)
    except (RefusedError, ValueError):  # the latter for numbers such as 1.0.0-01
        return False
    return True


def _shorten(digest: str | None) -> str:
    return "nothing" if digest is None else digest[:12]


def _list(digests: tuple[str, ...]) -> str:
    return ", ".join(digest[:12] for digest in digests) or "none"
