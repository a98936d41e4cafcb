"""What is known already: answers of this engine, of an interrupted run (journal) and of earlier ones (cache)."""

from __future__ import annotations

import asyncio
from typing import TypeAlias

from evalgate.domain import Outcome, Output, Request, digest
from evalgate.execute.cache import Cache
from evalgate.execute.entries import Entry, dump, is_answer
from evalgate.execute.journal import Journal
from evalgate.execute.protocol import Memory, WhileUnchanged

Known: TypeAlias = "Outcome | asyncio.Future[Outcome]"


class KnownAnswers:
    """One place for all that is remembered; a provider's `memory` says which stores may hold its answers.

    `answers` are those of this engine by request key, a future while one is being made. With `record`, every answer
    is kept in `recorded` too, by target and key.
    """

    def __init__(self, cache: Cache | None, journal: Journal | None, *, record: bool = False) -> None:
        self.answers: dict[str, Known] = {}
        self.recorded: dict[str, dict[str, Entry]] = {}
        self._cache = cache
        self._journal = journal
        self._record = record

    @property
    def warnings(self) -> tuple[str, ...]:
        stores = [store for store in (self._cache, self._journal) if store is not None]
        return tuple(warning for store in stores for warning in store.warnings)

    def find(self, memory: Memory, request: Request, key: str) -> Outcome | None:
        """An answer from an earlier run, marked `cached`."""
        cache = self._cache if memory == "cache" else None
        found = cache.get(key, request.max_age) if cache is not None else None
        name = _in_journal(memory, key)
        if found is None and self._journal is not None and name is not None:
            found = self._journal.get(name)
            if found is not None and cache is not None:
                cache.put(key, found, request.about)
        return found

    def keep(self, memory: Memory, request: Request, key: str, outcome: Outcome) -> None:
        """Stores a new answer, first where an interruption cannot reach it."""
        name = _in_journal(memory, key)
        if name is None or not isinstance(outcome, Output):
            return  # a failure of either kind is asked again next time: the endpoint may have been mended
        line = dump(Entry(key=name, about=request.about, outcome=outcome))
        if self._journal is not None:
            self._journal.put_line(line)
        if self._cache is not None and memory == "cache":
            self._cache.put_line(key, line)

    def record(self, request: Request, key: str, outcome: Outcome) -> None:
        """Of several requests that are equal, the first name in order is kept: the file does not depend on luck."""
        if not self._record or not is_answer(outcome):
            return
        entries = self.recorded.setdefault(request.target, {})
        about = min(request.about, entries[key].about) if key in entries else request.about
        entries[key] = Entry(key=key, about=about, outcome=outcome)

    def finish(self) -> None:
        if self._journal is not None:
            self._journal.finish()

    def close(self) -> None:
        for store in (self._cache, self._journal):
            if store is not None:
                store.close()


def _in_journal(memory: Memory, key: str) -> str | None:
    """The key an answer has in the journal; None: it is not kept there."""
    if isinstance(memory, WhileUnchanged):
        return digest([key, memory.fingerprint])
    return key if memory == "cache" else None
