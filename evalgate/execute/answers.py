"""What is known already: answers of this engine, of an interrupted run (journal) and of earlier ones (cache)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TypeAlias

from evalgate.domain import Outcome, Output, Request, digest
from evalgate.domain.masking import Mask
from evalgate.execute.providers.protocol import FunctionMemory, Memory
from evalgate.store.cache_entry import CacheEntry, dump, is_answer, load
from evalgate.store.journal import Journal
from evalgate.store.output_cache import Cache
from evalgate.store.results_file import ResultsFile

Known: TypeAlias = "Outcome | asyncio.Future[Outcome]"

_CACHED, _MADE = "+", "-"
_KEPT = ("cache", "declared")
_DIGITS = 15  # of a key: 60 bits, the most that a Python number of two digits holds


class AnswerStore:
    """One place for all that is remembered; a provider's `memory` says which stores may hold its answers.

    Answers of this engine lie in `results_file`; those of earlier ones come out without the secrets of `mask`. With
    `record`, every answer is kept in `recorded` too, by target and key.
    """

    def __init__(
        self,
        cache: Cache | None,
        journal: Journal | None,
        results_file: ResultsFile,
        *,
        record: bool = False,
        mask: Mask | None = None,
    ) -> None:
        self.recorded: dict[str, dict[str, CacheEntry]] = {}
        self._cache = cache
        self._journal = journal
        self._record = record
        self._mask = mask or Mask(())
        self._results_file = results_file
        # by the beginning of the key, as a number: there is one for each call of a run. The whole key is in that file
        self._places: dict[int, int] = {}
        self._making: dict[str, asyncio.Future[Outcome]] = {}

    @property
    def warnings(self) -> tuple[str, ...]:
        stores = [store for store in (self._cache, self._journal, self._results_file) if store is not None]
        return tuple(dict.fromkeys(warning for store in stores for warning in store.warnings))

    def get(self, key: str) -> Known | None:
        """What a request was answered in this engine, or will be: a future while the answer is being made."""
        making = self._making.get(key)
        if making is not None:
            return making
        place = self._places.get(_short(key))
        if place is None:
            return None
        told = self._results_file.get(place)
        if not told.startswith(key):
            return None  # of another request: it is asked for as if nothing were known
        line = told[len(key) :]
        outcome = load(line[1:]).outcome
        return replace(outcome, cached=True) if line[0] == _CACHED else outcome

    def begin(self, key: str) -> asyncio.Future[Outcome]:
        """An answer is being made; who asks for it meanwhile waits for this future."""
        self._making[key] = asyncio.get_running_loop().create_future()
        return self._making[key]

    def end(self, key: str) -> None:
        """The answer was made, or there is none."""
        del self._making[key]

    def put(self, key: str, outcome: Outcome) -> None:
        """Keeps an answer for equal requests of this engine, unless one is kept already."""
        if _short(key) not in self._places:
            self._add_line(key, dump(CacheEntry(key=key, about="", outcome=outcome)), cached=outcome.cached)

    def _add_line(self, key: str, line: str, *, cached: bool) -> None:
        self._places[_short(key)] = self._results_file.put(f"{key}{_CACHED if cached else _MADE}{line}")

    def find(self, memory: Memory, request: Request, key: str) -> Outcome | None:
        """An answer from an earlier run, marked `cached`."""
        cache = self._cache if memory in _KEPT else None
        found = self._mask.value(cache.get(key, request.max_age)) if cache is not None else None
        name = _in_journal(memory, key)
        if found is None and self._journal is not None and name is not None:
            found = self._mask.value(self._journal.get(name))
            if found is not None and cache is not None:
                cache.put(key, found, request.about)
        return found

    def store(self, memory: Memory, request: Request, key: str, outcome: Outcome) -> None:
        """Stores a new answer, first where an interruption cannot reach it."""
        name = _in_journal(memory, key)
        if name is None or not isinstance(outcome, Output):
            return  # a failure of either kind is asked again next time: the endpoint may have been mended
        line = dump(CacheEntry(key=name, about=request.about, outcome=outcome))
        self._add_line(key, line, cached=outcome.cached)
        if self._journal is not None:
            self._journal.put_line(line)
        if self._cache is not None and memory in _KEPT:
            self._cache.put_line(key, line)

    def record(self, request: Request, key: str, outcome: Outcome) -> None:
        """Of several requests that are equal, the first name in order is kept: the file does not depend on luck."""
        if not self._record or not is_answer(outcome):
            return
        entries = self.recorded.setdefault(request.target, {})
        about = min(request.about, entries[key].about) if key in entries else request.about
        entries[key] = CacheEntry(key=key, about=about, outcome=outcome)

    def finish(self) -> None:
        if self._journal is not None:
            self._journal.finish()

    def close(self) -> None:
        for store in (self._cache, self._journal):
            if store is not None:
                store.close()


def _short(key: str) -> int:
    return int(key[:_DIGITS], 16)


def _in_journal(memory: Memory, key: str) -> str | None:
    """The key an answer has in the journal; None: it is not kept there."""
    if isinstance(memory, FunctionMemory):
        return digest([key, memory.fingerprint])
    return key if memory in _KEPT else None
