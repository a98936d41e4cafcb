"""The engine: it runs trials to their results, and answers each different request once, from the cheapest source.

A trial is a generator that yields batches of requests and is sent their outcomes. All waiting happens here and in these
modules: `session` (the workers of one run), `caller` (one request to its answer), `answers` (the stored answers), and
the limits on calls: `queue`, `concurrency`, `hedging`, `circuit_breaker`, `budget`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from evalgate.domain import Calls, Case, Check, Limits, Outcome, Output, Request, Result, Scored, Trial, Unscored, Usage
from evalgate.domain.numbers import show_count
from evalgate.execute.answers import AnswerStore
from evalgate.execute.caller import Caller
from evalgate.execute.counters import Price, no_price
from evalgate.execute.interrupt import on_interrupt
from evalgate.execute.measured_seconds import MeasuredSeconds
from evalgate.execute.providers.protocol import Provider
from evalgate.execute.request_forms import RequestForms
from evalgate.execute.session import Evaluate, Session, SessionProgress
from evalgate.mask import Mask
from evalgate.store.cache_entry import CacheEntry
from evalgate.store.journal import Journal
from evalgate.store.output_cache import Cache
from evalgate.store.results_file import ResultsFile


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressEvent:
    """The progress of all runs: trials done, calls so far, requests that failed, and cost in US dollars.

    `total` is None while it is not known. It shrinks when a gate stops early, and grows when fresh samples are drawn.
    """

    done: int
    total: int | None
    calls: Calls
    failures: int
    cost_usd: float | None

    def describe(self) -> str:
        """Return one line: 12/40 trials, 12 calls, 0 cached, 1 failed."""
        text = (
            f"{self.done}/{self.total or self.done} trials, {show_count(self.calls.made, 'call')}, "
            f"{self.calls.cached:,} cached"
        )
        return f"{text}, {self.failures} failed" if self.failures else text


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRun:
    """The results in the trials' order, with the calls, the token usage and the cost.

    `calls` counts each different request once: as "made" (sent to a provider, however often it was retried) or as
    "cached" (answered from cache, journal, recordings or a file). A request that equals an earlier one of this engine
    is "saved". `usage` and `cost_usd` are sums over the calls made; `cost_usd` is None when one of them has no known
    price.
    """

    results: list[Result]
    calls: Calls
    usage: Usage
    cost_usd: float | None


class Engine:
    """A context manager that runs trials; on exit it closes the providers, the cache and the journal.

    - `providers`: by target name.
    - `record`: keep every answer in `recorded`, by target and key.
    - `backoff`: the first pause in seconds before a retry; it doubles each time, with jitter.
    - `expected`: the number of trials in all runs, as far as it is known.
    - `mask`: removes secrets from answers that earlier runs stored.
    - `quotes`: an error that ends a run may quote the endpoint's own message.
    - `reads_cache`: False to add answers to the cache without using any from there.
    - `store`: the folder for temporary files of answers and results (None: the system's temporary folder).
    - `forms`: the forms of requests that the endpoints accept.
    - `price`: what a call costs by list prices, if its target has no prices.
    - `run_code`: runs the checks that are code; without it they are unscored.
    - `measured`: the targets whose latency a check limits.

    `results_file` is the temporary file for results, and `forms` holds what was learned of the endpoints. `last_run`
    has the calls and the cost of the last run without its results, also of one that an error ended.
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
        forms: RequestForms | None = None,
        reads_cache: bool = True,
        price: Price = no_price,
        run_code: Callable[[Check, Case, Output], Scored] | None = None,
        measured: Collection[str] = (),
    ) -> None:
        self._run_code = run_code
        self._limits = limits or Limits()
        self.results_file = ResultsFile(store)
        answers = ResultsFile(store)
        self._answers = AnswerStore(cache, journal, answers, record=record, mask=mask, reads_cache=reads_cache)
        self._providers = providers
        self._on_event = on_event
        self._expected = expected
        self._before = ProgressEvent(done=0, total=None, calls=Calls(), failures=0, cost_usd=0.0)
        self._last = self._before
        self.last_run = EngineRun(results=[], calls=Calls(), usage=Usage(), cost_usd=0.0)
        self._runner = asyncio.Runner()
        self.forms = forms or RequestForms()
        self._caller = Caller(
            providers,
            self._answers,
            self._limits,
            backoff,
            quotes=quotes,
            forms=self.forms,
            price=price,
            measured=MeasuredSeconds(measured),
        )

    def run_code(self, check: Check, case: Case, output: Output) -> Scored:
        """Score an output by the code of a check."""
        if self._run_code is None:
            return Unscored(reason="code of the repository is not run here")
        return self._run_code(check, case, output)

    @property
    def warnings(self) -> tuple[str, ...]:
        """The problems that did not stop the run (an unwritable cache, ...), one sentence each."""
        return tuple(dict.fromkeys([*self._answers.warnings, *self.results_file.warnings]))

    @property
    def recorded_targets(self) -> frozenset[str]:
        """The targets whose answers are recorded: their requests are not adapted."""
        return frozenset(name for name, provider in self._providers.items() if provider.memory == "nothing")

    @property
    def endpoints(self) -> frozenset[str]:
        """The targets that are called: the same request may have another answer later."""
        return frozenset(self._providers) - self.recorded_targets

    @property
    def recorded(self) -> Mapping[str, Mapping[str, CacheEntry]]:
        """With `record`, every answer so far by target and key; `write_recordings` writes those of one target."""
        return self._answers.recorded

    def run(self, trials: Iterable[Trial], evaluate: Evaluate) -> EngineRun:
        """Run every trial to its Result.

        A request that fails after all attempts is a Failure("infrastructure"). Raise ServiceError, once, when no
        further request can succeed; InputError when `max_cost_usd` is set and a call's cost is not known;
        InterruptedRunError after Ctrl-C; and the exceptions of `evaluate`. The answers so far stay in the journal.
        """
        loop = self._runner.get_loop()
        session = Session(self._caller, loop, trials, evaluate, self._limits.concurrency, self._show)
        try:
            with on_interrupt(session.interrupt, loop):
                results = self._runner.run(session.run())
        except KeyboardInterrupt:
            session.abandon()  # the same loop runs once more to close, and must not resume the stuck trial
            raise
        finally:
            self._before, counters = self._last, session.counters
            self.last_run = EngineRun(results=[], calls=counters.calls, usage=counters.usage, cost_usd=counters.cost)
        return replace(self.last_run, results=results)

    def put(self, request: Request, outcome: Outcome) -> None:
        """Add an answer that was made outside of this engine; requests equal to this one use it.

        Raise FormChangedError if it was given in a form that the endpoint refuses now.
        """
        self.forms.on_stored_answer(request)
        self._answers.put(self.forms.adapt(request).key, outcome)

    def finish(self) -> None:
        """Remove the journal, once all runs are complete."""
        self._answers.finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self._runner.run(self._close())
        finally:
            self._runner.close()
            self._answers.close()

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
