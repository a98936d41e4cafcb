"""The engine: drives trials to their results; every request is answered once, from where it costs least.

A trial is a generator that yields batches of requests and is sent their outcomes; all waiting is here and in the
modules it is made of: `session` (one run's workers), `caller` (one request to its answer), `known` (what need not be
asked), and what holds calls back: `queue`, `concurrency`, `hedging`, `circuit_breaker`, `budget`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from evalgate.domain import Calls, Limits, Outcome, Request, Result, Trial, Usage
from evalgate.domain.masking import Mask
from evalgate.execute.answers import AnswerStore
from evalgate.execute.caller import Caller
from evalgate.execute.interrupt import on_interrupt
from evalgate.execute.providers.protocol import Provider
from evalgate.execute.session import Evaluate, Session, SessionProgress
from evalgate.store.cache_entry import CacheEntry
from evalgate.store.journal import Journal
from evalgate.store.output_cache import Cache
from evalgate.store.results_file import ResultsFile


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressEvent:
    """How far all runs are: trials done (`total` None: not known yet), calls so far, requests that failed, dollars.

    `total` may turn out smaller, where a gate stops early, and grows when fresh samples are drawn.
    """

    done: int
    total: int | None
    calls: Calls
    failures: int
    cost_usd: float | None

    def describe(self) -> str:
        """One line: 12/40 trials, 12 calls, 0 cached, 1 failed."""
        text = f"{self.done}/{self.total or self.done} trials, {self.calls.made} calls, {self.calls.cached} cached"
        return f"{text}, {self.failures} failed" if self.failures else text


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRun:
    """Results in the trials' order, and what they cost.

    `calls`: each different request is "made" (sent to a provider, however often it was retried) or "cached" (answered
    from cache, journal, recordings or a file); one that equals an earlier request of this engine is "saved".
    `usage` and `cost_usd` are of the calls made; `cost_usd` is None when the price of one of them is not known.
    """

    results: list[Result]
    calls: Calls
    usage: Usage
    cost_usd: float | None


class Engine:
    """Answers requests for as long as it is open (a context manager; it closes providers, cache and journal).

    `providers` are by target name. `record` keeps every answer of a run in `recorded`, by target and key.
    `backoff` is the first pause in seconds before a failed call is tried again; it doubles each time, with jitter.
    `expected` is how many trials there will be in all runs, as far as that is known. `mask` takes secrets out of what
    earlier runs stored. `quotes`: an error that ends a run may tell what the endpoint said.
    What need not stay in memory lies in the folder `store` (None: the system's for such files); `results_file` is for
    results.
    """

    def __init__(
        self,
        providers: Mapping[str, Provider],
        *,
        cache: Cache | None = None,
        journal: Journal | None = None,
        limits: Limits | None = None,
        on_event: Callable[[ProgressEvent], None] | None = None,
        record: bool = False,
        backoff: float = 0.5,
        store: Path | None = None,
        expected: int = 0,
        mask: Mask | None = None,
        quotes: bool = True,
    ) -> None:
        self._limits = limits or Limits()
        self.results_file = ResultsFile(store)
        self._known = AnswerStore(cache, journal, ResultsFile(store), record=record, mask=mask)
        self._providers = providers
        self._on_event = on_event
        self._expected = expected
        self._before = ProgressEvent(done=0, total=None, calls=Calls(), failures=0, cost_usd=0.0)
        self._last = self._before
        self._runner = asyncio.Runner()
        self._caller = Caller(providers, self._known, self._limits, backoff, quotes=quotes)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What did not work without stopping the run (an unwritable cache, ...), a sentence each."""
        return tuple(dict.fromkeys([*self._known.warnings, *self.results_file.warnings]))

    @property
    def recorded(self) -> Mapping[str, Mapping[str, CacheEntry]]:
        """With `record`: every answer so far, by target and key; `cache.write_recordings` writes those of a target."""
        return self._known.recorded

    def run(self, trials: Iterable[Trial], evaluate: Evaluate) -> EngineRun:
        """Drives every trial to its Result.

        A request that fails after all attempts is a Failure("infrastructure"). Raises ServiceError, once, when no
        further request can succeed; InputError when `max_cost_usd` is set and a call's cost is not known;
        InterruptedRunError after Ctrl-C; and whatever `evaluate` raises. Answers so far stay in the journal.
        """
        loop = self._runner.get_loop()
        session = Session(self._caller, loop, trials, evaluate, self._limits.concurrency, self._show)
        try:
            with on_interrupt(session.interrupt, loop):
                results = self._runner.run(session.run())
        except KeyboardInterrupt:
            session.abandon()  # closing goes on in the same loop, and must not come back to what was stuck
            raise
        self._before, counters = self._last, session.counters
        return EngineRun(results=results, calls=counters.calls, usage=counters.usage, cost_usd=counters.cost)

    def put(self, request: Request, outcome: Outcome) -> None:
        """What this request was answered elsewhere: an equal one shares the answer."""
        self._known.put(request.key, outcome)

    def finish(self) -> None:
        """All runs are complete: the journal is no longer needed."""
        self._known.finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self._runner.run(self._close())
        finally:
            self._runner.close()
            self._known.close()

    async def _close(self) -> None:
        for provider in self._providers.values():
            await provider.aclose()

    def _show(self, progress: SessionProgress) -> None:
        counters, before = progress.counters, self._before
        total = None if progress.total is None else max(self._expected, before.done + progress.total)
        costs = (before.cost_usd, counters.cost)
        self._last = ProgressEvent(
            done=before.done + progress.done,
            total=total,
            calls=Calls(
                made=before.calls.made + counters.made,
                cached=before.calls.cached + counters.cached,
                saved=before.calls.saved + counters.saved,
            ),
            failures=before.failures + counters.failures,
            cost_usd=None if costs[0] is None or costs[1] is None else costs[0] + costs[1],
        )
        if self._on_event is not None:
            self._on_event(self._last)
