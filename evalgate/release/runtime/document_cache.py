"""The documents of a client in memory: what may replace what, and when each is asked for again."""

from __future__ import annotations

import os
import threading
from time import monotonic

from evalgate.release.checked_value import DocumentError
from evalgate.release.runtime.cached_document import CachedDocument, check_successor, parse_cached

_FIRST_BACKOFF = 2.0


def compute_backoff(failures: int, longest: float) -> float:
    """Return the seconds to wait after so many failures in a row: from 1 or 2, doubled each time, with jitter."""
    return float(min(longest, _FIRST_BACKOFF ** min(failures, 16)) * spread(0.5, 1.0))


class DocumentCache:
    """The last document of each prompt. `by_name` is read without a lock, as each change replaces one entry.

    `ttl` is how long a document is served, in seconds, before the registry is asked again.
    """

    def __init__(self, ttl: float) -> None:
        self.by_name: dict[str, CachedDocument] = {}
        self._ttl = ttl
        self._lock = threading.Lock()

    def reset_after_fork(self) -> None:
        """Replace the lock, which a thread that is not in this process may hold, and spread the times anew."""
        self._lock = threading.Lock()
        for held in self.by_name.values():
            if not held.failures:
                self._schedule(held)

    def accept(self, name: str, data: bytes, confirmed: float, *, base: CachedDocument | None = None) -> CachedDocument:
        """Keep a document that was the last one at the time `confirmed`, and return it.

        `base` is what must not be replaced by less, if nothing is held. Raises DocumentError for bytes that are no
        document of the prompt, and for a document that may not follow the one before, which is kept.
        """
        old = self.by_name.get(name)
        if old is not None and old.data == data:
            self._confirm(old, confirmed)
            return old
        new = parse_cached(name, data, confirmed)
        with self._lock:
            before = self.by_name.get(name)
            old = before or base
            if old is not None:
                check_successor(old, new)
            if before is not None and before.digest == new.digest:
                self._confirm(before, confirmed)
                return before
            self._schedule(new)
            self.by_name[name] = new
        return new

    def confirm(self, name: str, digest: str, confirmed: float) -> None:
        """Note when a document was the last one, if it is the one that is held."""
        held = self.by_name.get(name)
        if held is not None and held.digest == digest:
            self._confirm(held, confirmed)

    def accept_copy(self, held: CachedDocument) -> None:
        """Keep a document of an earlier process while the registry does not answer, unless there is one."""
        with self._lock:
            if held.document.name not in self.by_name:
                held.saved = held.confirmed
                self._delay(held)
                self.by_name[held.document.name] = held

    def fail(self, name: str) -> None:
        """Note that the registry gave no document that counts, and ask again later."""
        held = self.by_name.get(name)
        if held is not None:
            self._delay(held)

    def _confirm(self, held: CachedDocument, confirmed: float) -> None:
        if confirmed > held.confirmed:
            held.confirmed = confirmed
            held.failures = 0
            self._schedule(held)

    def _schedule(self, held: CachedDocument) -> None:
        # earlier by chance, so that processes which start together do not ask together, and never later than `ttl`
        held.due = held.confirmed + self._ttl * spread(0.8, 1.0)

    def _delay(self, held: CachedDocument) -> None:
        held.failures += 1
        held.due = monotonic() + compute_backoff(held.failures, self._ttl)


def describe_refusal(error: DocumentError) -> str:
    """Return why a document does not count, for the log."""
    return f"the document is refused: {error}"


def spread(least: float, most: float) -> float:
    """Return a number by chance, so that processes do not all ask at the same time, whenever they were forked."""
    return least + (most - least) * int.from_bytes(os.urandom(4), "big") / 2**32
