"""The engine: drives trials to their results; every request is answered once, from where it costs least.

A trial is a generator that yields batches of requests and is sent their outcomes; all waiting is here.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self, TypeAlias

from evalgate.domain import Calls, Failure, Limits, Outcome, Request, Result, Trial, Usage
from evalgate.errors import EvalgateError, InputError, InterruptedRunError, ServiceError
from evalgate.execute.cache import Cache
from evalgate.execute.entries import Entry, is_answer
from evalgate.execute.interrupt import on_interrupt
from evalgate.execute.journal import Journal
from evalgate.execute.known import KnownAnswers
from evalgate.execute.protocol import WHOLE_ROUND, Provider, ProviderError

if TYPE_CHECKING:
    from tenacity import RetryCallState

Evaluate: TypeAlias = Callable[[Trial], Generator[Sequence[Request], Sequence[Outcome], Result]]

GRACE = 5.0
"""Seconds that calls in flight have to finish after the first Ctrl-C."""

_LARGEST_ROUND = 50_000
_LONGEST_BACKOFF = 30.0
_LONGEST_RETRY_AFTER = 300.0
_SPENT = "not evaluated: max_cost_usd reached"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """How far a run is: trials done (`total` None: not known yet), its calls so far, requests that failed, dollars."""

    done: int
    total: int | None
    calls: Calls
    failures: int
    cost_usd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
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
    """

    def __init__(
        self,
        providers: Mapping[str, Provider],
        *,
        cache: Cache | None = None,
        journal: Journal | None = None,
        limits: Limits | None = None,
        on_event: Callable[[Event], None] | None = None,
        record: bool = False,
        backoff: float = 0.5,
    ) -> None:
        self._known = KnownAnswers(cache, journal, record=record)
        self._providers = providers
        self._limits = limits or Limits()
        self._on_event = on_event or (lambda event: None)
        self._backoff = backoff
        self._runner = asyncio.Runner()
        self._slots = asyncio.Semaphore(self._limits.concurrency)
        self._own_slots = {
            name: asyncio.Semaphore(provider.concurrency)
            for name, provider in providers.items()
            if provider.concurrency is not None and provider.concurrency != WHOLE_ROUND
        }
        self._collecting = {name for name, provider in providers.items() if provider.concurrency == WHOLE_ROUND}
        self._health = {name: _Health() for name in providers}
        self._spent = 0.0

    @property
    def warnings(self) -> tuple[str, ...]:
        """What did not work without stopping the run (an unwritable cache, ...), a sentence each."""
        return self._known.warnings

    @property
    def recorded(self) -> Mapping[str, Mapping[str, Entry]]:
        """With `record`: every answer so far, by target and key; `cache.write_recordings` writes those of a target."""
        return self._known.recorded

    def run(self, trials: Iterable[Trial], evaluate: Evaluate) -> Run:
        """Drives every trial to its Result.

        A request that fails after all attempts is a Failure("infrastructure"). Raises ServiceError, once, when no
        further request can succeed; InputError when `max_cost_usd` is set and a call's cost is not known;
        InterruptedRunError after Ctrl-C; and whatever `evaluate` raises. Answers so far stay in the journal.
        """
        session = _Session(self, trials, evaluate)
        with on_interrupt(session.interrupt):
            return self._runner.run(session.run())

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


class _StopError(Exception):
    """This trial is given up because the whole session ends."""


@dataclass(slots=True)
class _Health:
    """A circuit breaker: requests lost one after another, with no answer between them."""

    answered: bool = False
    lost: int = 0

    def is_down(self, error: ProviderError, concurrency: int) -> bool:
        """Counts a request that was lost after all its attempts; True when going on makes no sense."""
        self.lost += 1
        if self.answered:
            return self.lost >= max(10, 2 * concurrency)
        return error.unreachable or self.lost >= 3


@dataclass(slots=True)
class _Tally:
    made: set[str] = field(default_factory=set)
    cached: int = 0
    saved: int = 0
    failures: int = 0
    usage: Usage = field(default_factory=Usage)
    cost: float | None = 0.0

    @property
    def calls(self) -> Calls:
        return Calls(made=len(self.made), cached=self.cached, saved=self.saved)


class _Session:
    """One `Engine.run`: workers that take trials from one iterator, so that a long one never becomes many tasks."""

    def __init__(self, engine: Engine, trials: Iterable[Trial], evaluate: Evaluate) -> None:
        self._engine = engine
        self._limits = engine._limits
        self._evaluate = evaluate
        self._total = len(trials) if isinstance(trials, Sized) else None
        self._waiting = enumerate(trials)
        self._results: dict[int, Result] = {}
        self._tally = _Tally()
        self._workers: list[asyncio.Task[None]] = []
        self._loop = engine._runner.get_loop()
        self._stopping = False  # set by a signal handler, at any moment
        self._stopped = asyncio.Event()
        self._error: EvalgateError | None = None

    async def run(self) -> Run:
        # twice the slots: while some trials wait for an equal request's answer, the others keep every slot busy
        workers = 2 * self._limits.concurrency
        if self._engine._collecting:  # every trial's request is to be in the round
            workers = max(workers, _LARGEST_ROUND if self._total is None else self._total)
        self._workers = [asyncio.create_task(self._work()) for _ in range(workers)]
        try:
            await asyncio.wait(self._workers, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            self._cancel()
            ended = await asyncio.gather(*self._workers, return_exceptions=True)
        if self._error is not None:
            raise self._error
        for end in ended:
            if isinstance(end, Exception):
                raise end
        if self._stopping:
            hint = "run the same command again: it continues"
            raise InterruptedRunError(f"interrupted after {len(self._results)} trials", hint=hint)
        return Run(
            results=[self._results[index] for index in range(len(self._results))],
            calls=self._tally.calls,
            usage=self._tally.usage,
            cost_usd=self._tally.cost,
        )

    def interrupt(self, count: int) -> None:
        """From a signal handler: the first time no call is begun any more, the second time all are given up."""
        self._stopping = True
        self._loop.call_soon_threadsafe(self._stop if count == 1 else self._cancel)

    def _stop(self) -> None:
        self._stopped.set()
        self._loop.call_later(GRACE, self._cancel)

    def _cancel(self) -> None:
        for worker in self._workers:
            worker.cancel()

    def _abort(self, error: EvalgateError) -> _StopError:
        """Ends the session with one error, the first."""
        if self._error is None:
            self._error = error
            self._cancel()
        return _StopError()

    async def _work(self) -> None:
        for index, trial in self._waiting:
            try:
                self._results[index] = await self._drive(trial)
            except _StopError:
                return
            self._engine._on_event(
                Event(
                    done=len(self._results),
                    total=self._total,
                    calls=self._tally.calls,
                    failures=self._tally.failures,
                    cost_usd=self._tally.cost,
                )
            )
            await asyncio.sleep(0)  # a trial answered from the cache has waited for nothing: let the others have a turn
            if self._stopping:
                return

    async def _drive(self, trial: Trial) -> Result:
        steps = self._evaluate(trial)
        try:
            batch = next(steps)
            while True:
                batch = steps.send(await self._answer_all(batch))
        except StopIteration as end:
            result: Result = end.value
            return result
        finally:
            steps.close()

    async def _answer_all(self, batch: Sequence[Request]) -> Sequence[Outcome]:
        if len(batch) == 1:
            return (await self._answer(batch[0]),)
        # all are seen through, so that a stop leaves none behind; an abort cancels this gathering and all in it
        found = await asyncio.gather(*(self._answer(request) for request in batch), return_exceptions=True)
        for each in found:
            if isinstance(each, BaseException):
                raise each
        return [each for each in found if not isinstance(each, BaseException)]

    async def _answer(self, request: Request) -> Outcome:
        if self._stopping:
            raise _StopError
        key = request.key
        outcome = await self._outcome(request, key)
        self._engine._known.record(request, key, outcome)
        return outcome

    async def _outcome(self, request: Request, key: str) -> Outcome:
        answers = self._engine._known.answers
        known = answers.get(key)
        if known is not None:
            self._tally.saved += 1
            return await asyncio.shield(known) if isinstance(known, asyncio.Future) else known
        provider = self._engine._providers[request.target]
        found = self._engine._known.find(provider.memory, request, key)
        if found is not None:
            self._tally.cached += 1
            answers[key] = found
            return found
        making = answers[key] = self._loop.create_future()
        try:
            outcome = await self._call(provider, request, key)
        except BaseException:
            del answers[key]
            making.set_exception(_StopError())
            making.exception()  # retrieved, should nobody else have waited
            raise
        making.set_result(outcome)
        if is_answer(outcome):
            answers[key] = outcome
        else:
            del answers[key]
        self._tally.failures += isinstance(outcome, Failure)
        return outcome

    async def _call(self, provider: Provider, request: Request, key: str) -> Outcome:
        try:
            if provider.memory == "nothing":
                outcome = await provider.answer(request)
                self._tally.cached += 1
                return outcome
            outcome = await self._attempts(provider, request, key)
        except ProviderError as error:
            if error.fatal:
                raise self._abort(ServiceError(error.message, hint=error.hint)) from error
            health = self._engine._health[request.target]
            if error.retryable and health.is_down(error, self._limits.concurrency):
                message = f"{error.message} (after {self._limits.attempts} attempts, and no request succeeds any more)"
                raise self._abort(ServiceError(message, hint=error.hint)) from error
            return Failure(kind="infrastructure", message=error.message)
        return outcome

    async def _attempts(self, provider: Provider, request: Request, key: str) -> Outcome:
        from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt

        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._limits.attempts),
            retry=retry_if_exception(_is_worth_retrying),
            wait=self._pause_after,
            sleep=self._pause,
            reraise=True,
        )
        return await retrying(self._attempt, provider, request, key)

    async def _attempt(self, provider: Provider, request: Request, key: str) -> Outcome:
        free = contextlib.nullcontext()
        # the narrower door first, so that who waits at it holds no slot of the others
        own = self._engine._own_slots.get(request.target, free)
        async with own, free if request.target in self._engine._collecting else self._engine._slots:
            if self._stopping:
                raise _StopError
            if self._is_spent():
                return Failure(kind="infrastructure", message=_SPENT)
            self._tally.made.add(key)  # once, however often it is tried
            outcome = await provider.answer(request)
            self._engine._known.keep(provider.memory, request, key, outcome)
            self._pay(request, outcome)  # within the slot: the next call must know what is left
        self._engine._health[request.target] = _Health(answered=True)
        return outcome

    def _is_spent(self) -> bool:
        limit = self._limits.max_cost_usd
        return limit is not None and self._engine._spent >= limit

    def _pay(self, request: Request, outcome: Outcome) -> None:
        self._tally.usage += outcome.usage or Usage()
        cost = outcome.cost_usd
        if cost is not None:
            self._engine._spent += cost
        elif self._limits.max_cost_usd is not None and is_answer(outcome):
            raise self._abort(
                InputError(
                    f'max_cost_usd is set, but a call to target "{request.target}" has no known cost',
                    hint="give the target `prices`; an endpoint that reports no usage cannot be held to a limit",
                )
            )
        if is_answer(outcome):
            self._tally.cost = None if cost is None or self._tally.cost is None else self._tally.cost + cost

    def _pause_after(self, state: RetryCallState) -> float:
        """Seconds: exponential with jitter, and never less than the endpoint asks for."""
        error = state.outcome.exception() if state.outcome is not None else None
        jitter = random.uniform(0, self._engine._backoff)
        if isinstance(error, ProviderError) and error.retry_after is not None:
            return error.retry_after + jitter
        return min(self._engine._backoff * 2.0 ** (state.attempt_number - 1), _LONGEST_BACKOFF) + jitter

    async def _pause(self, seconds: float) -> None:
        """Waits, but not when the session is to end."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        except TimeoutError:
            return
        raise _StopError


def _is_worth_retrying(error: BaseException) -> bool:
    return isinstance(error, ProviderError) and error.retryable and (error.retry_after or 0) <= _LONGEST_RETRY_AFTER
