"""A document that readers are served from, and the rules by which another one replaces it."""

from __future__ import annotations

import math
from time import monotonic, time

from evalgate.release.checked_value import DocumentError
from evalgate.release.document import PublishedVersion, ReleaseDocument, digest_document, parse_document
from evalgate.release.runtime.prompt_error import make_printable


class CachedDocument:
    """A document in memory, with what a request needs at hand.

    `labels` maps labels to versions; `rollout` is (salt, share in basis points, candidate), or None. `confirmed` is
    when the registry last said that this is its last document, `due` when it is asked again, both on the monotonic
    clock; `failures` counts the requests since then that failed. These three change, the rest does not.
    """

    __slots__ = ("confirmed", "data", "digest", "document", "due", "failures", "labels", "rollout", "saved")

    def __init__(self, document: ReleaseDocument, data: bytes, confirmed: float) -> None:
        self.document = document
        self.data = data
        self.digest = digest_document(data)
        self.labels: dict[str, PublishedVersion] = {
            label: document.versions[digest] for label, digest in document.labels.items()
        }
        self.rollout: tuple[str, int, PublishedVersion] | None = None
        if document.rollout is not None:
            candidate = document.versions[document.rollout["candidate"]]
            self.rollout = (document.rollout["salt"], document.rollout["share"], candidate)
        self.confirmed = confirmed
        self.due = confirmed
        self.failures = 0
        self.saved = -math.inf

    @property
    def revision(self) -> int:
        return self.document.revision


def parse_cached(name: str, data: bytes, confirmed: float) -> CachedDocument:
    """Return the document of a prompt that some bytes are. Raises DocumentError, also for another name."""
    document = parse_document(data)
    if document.name != name:
        raise DocumentError(f'name: it is a document of "{make_printable(document.name)}"')
    return CachedDocument(document, data, confirmed)


def check_successor(old: CachedDocument, new: CachedDocument) -> None:
    """Raise DocumentError unless `new` may replace `old`: the same document, or a later one of the same chain."""
    if new.revision < old.revision:
        raise DocumentError(f"revision: {new.revision} is below {old.revision}, which was served before")
    if new.revision == old.revision and new.digest != old.digest:
        raise DocumentError(f"revision: another document had the revision {old.revision} before")
    if new.revision == old.revision + 1 and new.document.previous != old.digest:
        raise DocumentError(f"previous: it is not the digest of revision {old.revision}, which was served before")


def count_from(wall: float) -> float:
    """Return a time of the wall clock, in seconds since 1970, on the monotonic clock. The future counts as now."""
    return monotonic() - max(0.0, time() - wall)


def tell_wall(counted: float) -> float:
    """Return a time of the monotonic clock in seconds since 1970."""
    return time() - (monotonic() - counted)
