"""The stored answers: those of this engine, of an interrupted run (journal) and of earlier runs (cache)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TypeAlias

from evalgate.domain import Outcome, Output, Request, digest
from evalgate.execute.providers.protocol import DeclaredCode, FunctionMemory, Memory
from evalgate.mask import Mask
from evalgate.store.cache_entry import CacheEntry, dump, is_answer, load
from evalgate.store.journal import Journal
from evalgate.store.output_cache import Cache
from evalgate.store.results_file import ResultsFile

Known: TypeAlias = "Outcome | asyncio.Future[Outcome]"

_CACHED, _FRESH = "+", "-"
_CACHEABLE = ("cache", "declared")
_KEY_DIGITS = 15  # of a key: 60 bits, which fit into an integer of two internal digits in CPython


class AnswerStore:
    """The answers of this engine, the journal and the cache; a provider's `memory` selects which of them it uses.

    Answers of this engine are in `results_file`. The secrets of `mask` are removed from answers of earlier runs. With
    `record`, every answer is kept in `recorded` too, by target and key. Without `reads_cache`, answers are added to the
    cache where it has none, and none is used from there.
    """

    def __init__(
        self,
        cache: Cache | None,
        journal: Journal | None,
        results_file: ResultsFile,
        *,
        record: bool = False,
        mask: Mask | None = None,
        reads_cache: bool = True,
    ) -> None:
        self.recorded: dict[str, dict[str, CacheEntry]] = {}
        self._cache = cache
        self._reads_cache = reads_cache
        self._journal = journal
        self._record = record
        self._mask = mask or Mask(())
        self._results_file = results_file
        # by the beginning of the key, as a number: one for each call, so memory counts. The file has the whole key
        self._positions: dict[int, int] = {}
        self._pending: dict[str, asyncio.Future[Outcome]] = {}

    @property
    def warnings(self) -> tuple[str, ...]:
        stores = [store for store in (self._cache, self._journal, self._results_file) if store is not None]
        return tuple(dict.fromkeys(warning for store in stores for warning in store.warnings))

    def get(self, key: str) -> Known | None:
        """Return the answer of this engine to a request, a future while it is being made, or None."""
        pending = self._pending.get(key)
        if pending is not None:
            return pending
        position = self._positions.get(_shorten_key(key))
        if position is None:
            return None
        stored = self._results_file.get(position)
        if not stored.startswith(key):
            return None  # the same beginning, but another request: treat this one as not answered
        line = stored[len(key) :]
        outcome = load(line[1:]).outcome
        return replace(outcome, cached=True) if line[0] == _CACHED else outcome

    def begin(self, key: str) -> asyncio.Future[Outcome]:
        """Mark an answer as being made, and return the future on which equal requests wait."""
        self._pending[key] = asyncio.get_running_loop().create_future()
        return self._pending[key]

    def end(self, key: str) -> None:
        """Remove the mark of `begin`, after the answer was made or the call has failed."""
        del self._pending[key]

    def put(self, key: str, outcome: Outcome) -> None:
        """Store an answer for equal requests of this engine, unless there is one already."""
        if _shorten_key(key) not in self._positions:
            self._add_line(key, dump(CacheEntry(key=key, about="", outcome=outcome)), cached=outcome.cached)

    def _add_line(self, key: str, line: str, *, cached: bool) -> None:
        self._positions[_shorten_key(key)] = self._results_file.put(f"{key}{_CACHED if cached else _FRESH}{line}")

    def find(self, memory: Memory, request: Request, key: str) -> Outcome | None:
        """Return an answer from an earlier run, marked `cached`; None if there is none."""
        cache = self._cache if _is_cacheable(memory) else None
        name, key = _find_journal_key(memory, key), _find_cache_key(memory, key)
        read = cache if self._reads_cache else None
        found = self._mask.value(read.get(key, request.max_age)) if read is not None else None
        if found is None and self._journal is not None and name is not None:
            found = self._mask.value(self._journal.get(name))
            if found is not None and cache is not None and self._may_write(cache, request, key):
                cache.put(key, found, request.about)
        return found

    def store(self, memory: Memory, request: Request, key: str, outcome: Outcome) -> None:
        """Store a new answer in this engine, then in the journal, and last in the cache, which writes in batches."""
        name = _find_journal_key(memory, key)
        if name is None or not isinstance(outcome, Output):
            return  # a failure of either kind is requested again next time: the endpoint may work by then
        line = dump(CacheEntry(key=name, about=request.about, outcome=outcome))
        self._add_line(key, line, cached=outcome.cached)
        key = _find_cache_key(memory, key)
        if self._journal is not None:
            self._journal.put_line(line)
        cache = self._cache if _is_cacheable(memory) else None
        if cache is not None and self._may_write(cache, request, key):
            cache.put_line(key, line)

    def _may_write(self, cache: Cache, request: Request, key: str) -> bool:
        return self._reads_cache or cache.get(key, request.max_age) is None

    def record(self, request: Request, key: str, outcome: Outcome) -> None:
        """Record an answer; of equal requests keep the first `about` in sort order, so that files are reproducible."""
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


def _shorten_key(key: str) -> int:
    return int(key[:_KEY_DIGITS], 16)


def _is_cacheable(memory: Memory) -> bool:
    return isinstance(memory, DeclaredCode) or memory in _CACHEABLE


def _find_cache_key(memory: Memory, key: str) -> str:
    """Return the key of an answer in the cache; that of the request, unless the function's code counts too."""
    return digest([key, memory.code]) if isinstance(memory, DeclaredCode) else key


def _find_journal_key(memory: Memory, key: str) -> str | None:
    """Return the key of an answer in the journal; None: it is not kept there."""
    if isinstance(memory, FunctionMemory):
        return digest([key, memory.fingerprint])
    return _find_cache_key(memory, key) if _is_cacheable(memory) else None
