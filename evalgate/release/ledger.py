"""The ledger: the series of all documents of a prompt, which a chain of digests protects. Pure.

A change of an earlier document breaks the chain at the one after it. What the chain cannot show are documents that are
missing at the end: readers refuse a revision that is lower than the one that they have.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from evalgate.release.checked_value import DocumentError
from evalgate.release.document import PAST_KEPT, ReleaseDocument, digest_document, encode_version, parse_document


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerBreak:
    """The first revision that does not follow from the ones before it, and what is wrong with it.

    `revision` is what the document says; for bytes that are no document, the number that it should have.
    """

    revision: int
    problem: str

    def __str__(self) -> str:
        return f"revision {self.revision}: {self.problem}"


def verify(documents: Iterable[bytes], name: str | None = None) -> LedgerBreak | None:
    """Return the first break of a ledger, whose documents are given oldest first; None if it is whole.

    `name` is the prompt that the documents are of, by default that of the first one.
    """
    last: ReleaseDocument | None = None
    digest: str | None = None
    contents: dict[str, tuple[str, int]] = {}
    for data in documents:
        try:
            document = parse_document(data)
        except DocumentError as error:
            number = 1 if last is None else last.revision + 1
            return LedgerBreak(revision=number, problem=f"the bytes are no release document: {error}")
        name = document.name if name is None else name
        problem = next(_find_problems(last, digest, document, name, contents), None)
        if problem is not None:
            return LedgerBreak(revision=document.revision, problem=problem)
        last, digest = document, digest_document(data)
    return None


def _find_problems(
    last: ReleaseDocument | None,
    digest: str | None,
    document: ReleaseDocument,
    name: str,
    contents: dict[str, tuple[str, int]],
) -> Iterator[str]:
    """Yield what is wrong with a document after the last one; `digest` is of the last one's bytes.

    `contents` are the digests of the contents of all versions so far, and the revisions that had them first.
    """
    if document.name != name:
        yield f'its name is "{document.name}", not "{name}"'
    if document.previous != digest:
        yield _explain_previous(last, document, digest)
    if last is not None and document.revision <= last.revision:
        yield f"its number is not above {last.revision}, the one before it"
    yield from _find_unexplained_labels(last, document)
    yield from _find_wrong_past(last, document)
    if document.entry.verb == "rollback" and document.rollout is not None:
        yield "it is a rollback, and leaves a rollout"
    for key, version in document.versions.items():
        content = hashlib.sha256(encode_version(version)).hexdigest()
        known, since = contents.setdefault(key, (content, document.revision))
        if known != content:
            yield f"the version {version.version} ({key[:12]}) has another content than in revision {since}"


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


def _shorten(digest: str | None) -> str:
    return "nothing" if digest is None else digest[:12]


def _list(digests: tuple[str, ...]) -> str:
    return ", ".join(digest[:12] for digest in digests) or "none"
