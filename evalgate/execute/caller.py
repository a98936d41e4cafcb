"""One request to its answer: known already, or called, again where that helps, as fast as the target allows."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalgate.domain import Failure, Limits, Outcome, Request
from evalgate.domain.tokens import estimate_tokens, find_output_limit
from evalgate.errors import InputError, ServiceError
from evalgate.execute.answers import AnswerStore
from evalgate.execute.counters import Abort, Counters, StopError
from evalgate.execute.limits.budget import Budget
from evalgate.execute.limits.circuit_breaker import DOUBT, CircuitBreaker
from evalgate.execute.limits.concurrency import LONGEST_PAUSE, Bucket, ConcurrencyLimit
from evalgate.execute.limits.hedging import Hedging
from evalgate.execute.limits.queue import RequestQueue
from evalgate.execute.providers.protocol import WHOLE_ROUND, Provider, ProviderError
from evalgate.store.cache_entry import is_answer

if TYPE_CHECKING:
    from tenacity import RetryCallState

LONGEST_WAIT = 120.0
"""Seconds that one call waits, in all, because there were too many requests (429) or for as long as it is asked to."""
_LONGEST_BACKOFF = 30.0
_SPENT = "not evaluated: max_cost_usd reached"
_A_TURN_AWAY = 0.25  # of an attempt: "too many requests" says nothing of this one
_WATCH_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """All that belongs to one target; `own` is the narrower queue of a provider that takes few requests at once."""

    provider: Provider
    own: asyncio.Semaphore | contextlib.nullcontext[None]
    queue: RequestQueue
    hedging: Hedging
    circuit_breaker: CircuitBreaker


class Caller:
    """Answers requests for as long as the engine is open: what is learned of a target holds from run to run."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        known: AnswerStore,
        limits: Limits,
        backoff: float,
        *,
        quotes: bool = True,
    ) -> None:
        """`quotes`: an error that ends the run may tell what the endpoint said."""
        self._known = known
        self._quotes = quotes
        self._limits = limits
        self._backoff = backoff
        self._slots = asyncio.Semaphore(limits.concurrency)
        self._budget = Budget(limits.max_cost_usd)
        requests, tokens = limits.requests_per_minute, limits.tokens_per_minute
        self._requests = None if requests is None else Bucket(requests)  # of all targets together
        self._tokens = None if tokens is None else Bucket(tokens)
        self._lines = {name: self._line(provider) for name, provider in providers.items()}

    def _line(self, provider: Provider) -> _Line:
        own = provider.concurrency
        limit = ConcurrencyLimit(self._limits.concurrency, self._requests, self._tokens)
        provider.listen(limit.told)
        return _Line(
            provider=provider,
            own=contextlib.nullcontext() if own is None or own == WHOLE_ROUND else asyncio.Semaphore(own),
            queue=RequestQueue(limit),
            hedging=Hedging(),
            circuit_breaker=CircuitBreaker(self._limits.concurrency),
        )

    @property
    def collects(self) -> bool:
        """Whether some provider wants every request of a round before it answers the first."""
        return any(line.provider.concurrency == WHOLE_ROUND for line in self._lines.values())

    async def answer(self, request: Request, counters: Counters, abort: Abort) -> Outcome:
        """The outcome of a request, asked for once however many trials want it. Raises StopError."""
        key = request.key
        outcome = await self._outcome(request, key, counters, abort)
        self._known.record(request, key, outcome)
        return outcome

    def give_up(self) -> None:
        """Nobody waits for a turn any more."""
        for line in self._lines.values():
            line.queue.give_up(StopError())

    async def watch(self, abort: Abort) -> None:
        """Ends the run when a target is down; runs until it is cancelled."""
        doubted: set[str] = set()
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            for name, line in self._lines.items():
                down = line.circuit_breaker.is_down(line.hedging.usual)
                if not down and line.circuit_breaker.silence >= DOUBT and not await line.provider.is_there():
                    down = name in doubted  # nothing was heard, twice
                    doubted.add(name)
                else:
                    doubted.discard(name)
                if down:
                    message = f'target "{name}" is down: {line.circuit_breaker.why}'
                    abort(ServiceError(message, hint="check `base_url`, and that the server runs and answers"))
                    return

    async def _outcome(self, request: Request, key: str, counters: Counters, abort: Abort) -> Outcome:
        known = self._known.get(key)
        if known is not None:
            counters.saved += 1
            return await asyncio.shield(known) if isinstance(known, asyncio.Future) else known
        line = self._lines[request.target]
        found = self._known.find(line.provider.memory, request, key)
        if found is not None:
            counters.cached += 1
            self._known.put(key, found)
            return found
        making = self._known.begin(key)
        try:
            outcome = await self._call(line, request, key, counters, abort)
        except BaseException:
            making.set_exception(StopError())
            making.exception()  # retrieved, should nobody else have waited
            raise
        else:
            making.set_result(outcome)
            if is_answer(outcome):
                counters.unanswered.discard(key)
                self._known.put(key, outcome)
        finally:
            self._known.end(key)
        counters.failures += isinstance(outcome, Failure)
        return outcome

    async def _call(self, line: _Line, request: Request, key: str, counters: Counters, abort: Abort) -> Outcome:
        try:
            if line.provider.memory == "nothing":
                outcome = await line.provider.answer(request)
                counters.cached += 1
                return outcome
            return await self._attempts(line, request, key, counters, abort)
        except ProviderError as error:
            if error.fatal:
                raise abort(ServiceError(self._told(error), hint=error.hint)) from error
            if error.retryable and line.circuit_breaker.lost(error):
                tries = f"after {self._limits.attempts} attempts, and no request succeeds any more"
                raise abort(ServiceError(f"{self._told(error)} ({tries})", hint=error.hint)) from error
            return Failure(kind="infrastructure", message=error.message)

    def _told(self, error: ProviderError) -> str:
        return error.message if self._quotes else error.own

    async def _attempts(self, line: _Line, request: Request, key: str, counters: Counters, abort: Abort) -> Outcome:
        try:
            return await self._attempt(line, request, key, counters, abort)
        except ProviderError as error:
            failed = [error]
        from tenacity import AsyncRetrying, retry_if_exception

        tries = 0.0
        waited = 0.0

        async def attempt() -> Outcome:
            nonlocal tries
            try:
                if failed:
                    raise failed.pop()  # the first attempt is over: most calls need no other, and none of this
                return await self._attempt(line, request, key, counters, abort)
            except ProviderError as error:
                tries += _A_TURN_AWAY if error.throttled else 1.0
                raise

        def has_ended(state: RetryCallState) -> bool:
            nonlocal waited
            if tries >= self._limits.attempts:
                return True
            error, pause = _make_error(state), state.upcoming_sleep
            if error is None or not (error.throttled or error.retry_after is not None):
                return False
            if waited + pause > LONGEST_WAIT:
                error.adding(f" (waited {waited:.0f} s; for its endpoint a call waits {LONGEST_WAIT:g} s at most)")
                return True
            waited += pause
            return False

        retrying = AsyncRetrying(
            stop=has_ended,
            retry=retry_if_exception(_is_worth_retrying),
            wait=self._find_pause,
            sleep=lambda seconds: _choose_pause(seconds, counters),
            reraise=True,
        )
        return await retrying(attempt)

    async def _attempt(self, line: _Line, request: Request, key: str, counters: Counters, abort: Abort) -> Outcome:
        if line.provider.concurrency == WHOLE_ROUND:
            return await self._collect_answer(line, request, key, counters, abort)
        # the narrower doors first, so that who waits at one holds no slot of the others
        tokens = 0 if self._tokens is None else _estimate_tokens(request)
        async with line.own:
            await line.queue.enter(tokens)
            try:
                async with self._slots:
                    return await self._in_slot(line, request, key, counters, abort)
            finally:
                line.queue.leave()

    async def _collect_answer(
        self, line: _Line, request: Request, key: str, counters: Counters, abort: Abort
    ) -> Outcome:
        """One that waits in its provider for others, for hours perhaps: no slot, no limit, no hedging to be lost."""
        if counters.stopping:
            raise StopError
        if self._budget.is_spent:
            return Failure(kind="infrastructure", message=_SPENT)
        counters.send(key)
        outcome = await line.provider.answer(request)
        self._known.store(line.provider.memory, request, key, outcome)
        self._pay(request, outcome, counters, abort)
        return outcome

    async def _in_slot(self, line: _Line, request: Request, key: str, counters: Counters, abort: Abort) -> Outcome:
        if not await self._budget.enter(request.target):
            return Failure(kind="infrastructure", message=_SPENT)
        try:
            if counters.stopping:
                raise StopError
            counters.send(key)
            outcome = await self._ask_once(line, request)
            self._known.store(line.provider.memory, request, key, outcome)
            self._pay(request, outcome, counters, abort)  # within the slot: the next call must know what is left
            return outcome
        finally:
            self._budget.leave(request.target)

    async def _ask_once(self, line: _Line, request: Request) -> Outcome:
        """One attempt; the target's limit, hedging and circuit_breaker learn from how it went."""
        started = time.monotonic()
        line.circuit_breaker.on_start()
        try:
            if line.provider.memory == "cache" and line.provider.concurrency is None:
                outcome = await line.hedging.first(
                    lambda: line.provider.answer(request), lambda: self._may_hedge(line, request)
                )
            else:
                outcome = await line.provider.answer(request)
        except ProviderError as error:
            self._learn(line, error)
            raise
        finally:
            line.circuit_breaker.ended()
        seconds = time.monotonic() - started
        usage = outcome.usage
        line.queue.limit.answered(seconds, 0 if usage is None else usage.output_tokens)
        line.hedging.answered(seconds if outcome.seconds is None else outcome.seconds)
        line.circuit_breaker.answered()
        if self._tokens is not None and usage is not None:
            line.queue.limit.correct(usage.input_tokens + usage.output_tokens - _estimate_tokens(request))
        return outcome

    def _may_hedge(self, line: _Line, request: Request) -> bool:
        """Whether one more call is within all limits; then it is entered in the rates."""
        if not self._budget.has_room(request.target) or line.queue.limit.delay(0) != 0.0:
            return False
        line.queue.limit.begin(0 if self._tokens is None else _estimate_tokens(request))
        return True

    def _learn(self, line: _Line, error: ProviderError) -> None:
        if error.throttled:
            line.circuit_breaker.on_headers()
            if (error.retry_after or 0.0) <= LONGEST_WAIT:
                line.queue.limit.pause(error.retry_after or 0.0)
        elif error.retryable:
            line.circuit_breaker.failed(self._told(error))
        if error.retryable:
            line.queue.limit.on_rejected()

    def _pay(self, request: Request, outcome: Outcome, counters: Counters, abort: Abort) -> None:
        counters.pay(outcome)
        if outcome.cost_usd is not None:
            self._budget.pay(request.target, outcome.cost_usd)
        elif self._budget.is_limited and is_answer(outcome):
            raise abort(
                InputError(
                    f'max_cost_usd is set, but a call to target "{request.target}" has no known cost',
                    hint="give the target `prices`; an endpoint that reports no usage cannot be held to a limit",
                )
            )

    def _find_pause(self, state: RetryCallState) -> float:
        """Seconds: exponential with jitter, and never less than the endpoint asks for."""
        error = _make_error(state)
        jitter = random.uniform(0, self._backoff)
        if error is not None and error.retry_after is not None:
            return error.retry_after + jitter
        return min(self._backoff * 2.0 ** min(state.attempt_number - 1, 30), _LONGEST_BACKOFF) + jitter


def _estimate_tokens(request: Request) -> int:
    """What a call takes, roughly; it is put right when the answer is there."""
    asked = estimate_tokens(sum(len(message.content) for message in request.messages))
    limit = find_output_limit(request.parameters)
    return asked + (asked if limit is None else limit)


def _make_error(state: RetryCallState) -> ProviderError | None:
    error = state.outcome.exception() if state.outcome is not None else None
    return error if isinstance(error, ProviderError) else None


async def _choose_pause(seconds: float, counters: Counters) -> None:
    """Waits, but not when the run is to end."""
    try:
        async with asyncio.timeout(seconds):
            await counters.stopped.wait()
    except TimeoutError:
        return
    raise StopError


def _is_worth_retrying(error: BaseException) -> bool:
    return isinstance(error, ProviderError) and error.retryable and (error.retry_after or 0) <= LONGEST_PAUSE
