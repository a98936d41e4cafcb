"""One request to its answer: from the stored answers, else by a call with retries within the limits of its target."""

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
"""Seconds that one call waits in total because of rejections (429) and `Retry-After`."""
_LONGEST_BACKOFF = 30.0
_BUDGET_SPENT = "not evaluated: max_cost_usd reached"
_THROTTLED_ATTEMPT = 0.25  # share of an attempt that a 429 counts: it says nothing about this request
_WATCH_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class _TargetState:
    """The provider of one target and its limits; `own` is the narrower limit of a provider with low concurrency."""

    provider: Provider
    own: asyncio.Semaphore | contextlib.nullcontext[None]
    queue: RequestQueue
    hedging: Hedging
    circuit_breaker: CircuitBreaker


class Caller:
    """The calls of one engine; the state of each target (limits, hedging, circuit breaker) lasts from run to run."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        known: AnswerStore,
        limits: Limits,
        backoff: float,
        *,
        quotes: bool = True,
    ) -> None:
        """`quotes`: an error that ends the run may quote the endpoint's own message."""
        self._answers = known
        self._quotes = quotes
        self._limits = limits
        self._backoff = backoff
        self._slots = asyncio.Semaphore(limits.concurrency)
        self._budget = Budget(limits.max_cost_usd)
        requests, tokens = limits.requests_per_minute, limits.tokens_per_minute
        self._requests = None if requests is None else Bucket(requests)  # for all targets together
        self._tokens = None if tokens is None else Bucket(tokens)
        self._states = {name: self._make_state(provider) for name, provider in providers.items()}

    def _make_state(self, provider: Provider) -> _TargetState:
        own = provider.concurrency
        limit = ConcurrencyLimit(self._limits.concurrency, self._requests, self._tokens)
        provider.listen(limit.on_rate_limit)
        return _TargetState(
            provider=provider,
            own=contextlib.nullcontext() if own is None or own == WHOLE_ROUND else asyncio.Semaphore(own),
            queue=RequestQueue(limit),
            hedging=Hedging(),
            circuit_breaker=CircuitBreaker(self._limits.concurrency),
        )

    @property
    def collects(self) -> bool:
        """True if a provider needs every request of a round before it answers the first."""
        return any(state.provider.concurrency == WHOLE_ROUND for state in self._states.values())

    async def answer(self, request: Request, counters: Counters, abort: Abort) -> Outcome:
        """Return the outcome of a request, which is made once for all trials that share it. Raise StopError."""
        key = request.key
        outcome = await self._outcome(request, key, counters, abort)
        self._answers.record(request, key, outcome)
        return outcome

    def give_up(self) -> None:
        """Raise StopError in all calls that wait in a queue."""
        for state in self._states.values():
            state.queue.give_up(StopError())

    async def watch(self, abort: Abort) -> None:
        """Watch all targets until cancelled; end the run when one is down."""
        doubted: set[str] = set()
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            for name, state in self._states.items():
                down = state.circuit_breaker.is_down(state.hedging.usual)
                if not down and state.circuit_breaker.silence >= DOUBT and not await state.provider.is_there():
                    down = name in doubted  # two pings without a response
                    doubted.add(name)
                else:
                    doubted.discard(name)
                if down:
                    message = f'target "{name}" is down: {state.circuit_breaker.why}'
                    abort(ServiceError(message, hint="check `base_url`, and that the server runs and answers"))
                    return

    async def _outcome(self, request: Request, key: str, counters: Counters, abort: Abort) -> Outcome:
        known = self._answers.get(key)
        if known is not None:
            counters.saved += 1
            return await asyncio.shield(known) if isinstance(known, asyncio.Future) else known
        state = self._states[request.target]
        found = self._answers.find(state.provider.memory, request, key)
        if found is not None:
            counters.cached += 1
            self._answers.put(key, found)
            return found
        making = self._answers.begin(key)
        try:
            outcome = await self._call(state, request, key, counters, abort)
        except BaseException:
            making.set_exception(StopError())
            making.exception()  # mark it as retrieved: perhaps no other trial waits for it
            raise
        else:
            making.set_result(outcome)
            if is_answer(outcome):
                counters.unanswered.discard(key)
                self._answers.put(key, outcome)
        finally:
            self._answers.end(key)
        counters.failures += isinstance(outcome, Failure)
        return outcome

    async def _call(self, state: _TargetState, request: Request, key: str, counters: Counters, abort: Abort) -> Outcome:
        try:
            if state.provider.memory == "nothing":
                outcome = await state.provider.answer(request)
                counters.cached += 1
                return outcome
            return await self._attempts(state, request, key, counters, abort)
        except ProviderError as error:
            if error.fatal:
                raise abort(ServiceError(self._get_message(error), hint=error.hint)) from error
            if error.retryable and state.circuit_breaker.on_lost(error):
                tries = f"after {self._limits.attempts} attempts, and no request succeeds any more"
                raise abort(ServiceError(f"{self._get_message(error)} ({tries})", hint=error.hint)) from error
            return Failure(kind="infrastructure", message=error.message)

    def _get_message(self, error: ProviderError) -> str:
        return error.message if self._quotes else error.own

    async def _attempts(
        self, state: _TargetState, request: Request, key: str, counters: Counters, abort: Abort
    ) -> Outcome:
        try:
            return await self._attempt(state, request, key, counters, abort)
        except ProviderError as error:
            failed = [error]
        from tenacity import AsyncRetrying, retry_if_exception

        tries = 0.0
        waited = 0.0

        async def attempt() -> Outcome:
            nonlocal tries
            try:
                if failed:
                    raise failed.pop()  # the first attempt was made above, since most calls need no retry
                return await self._attempt(state, request, key, counters, abort)
            except ProviderError as error:
                tries += _THROTTLED_ATTEMPT if error.throttled else 1.0
                raise

        def has_ended(state: RetryCallState) -> bool:
            nonlocal waited
            if tries >= self._limits.attempts:
                return True
            error, pause = _get_error(state), state.upcoming_sleep
            if error is None or not (error.throttled or error.retry_after is not None):
                return False
            if waited + pause > LONGEST_WAIT:
                error.adding(f" (waited {waited:.0f} s; a call waits for its endpoint {LONGEST_WAIT:g} s at most)")
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

    async def _attempt(
        self, state: _TargetState, request: Request, key: str, counters: Counters, abort: Abort
    ) -> Outcome:
        if state.provider.concurrency == WHOLE_ROUND:
            return await self._collect_answer(state, request, key, counters, abort)
        # the narrowest limit first, so that a call that waits for it holds no slot of the others
        tokens = 0 if self._tokens is None else _estimate_tokens(request)
        async with state.own:
            await state.queue.enter(tokens)
            try:
                async with self._slots:
                    return await self._in_slot(state, request, key, counters, abort)
            finally:
                state.queue.leave()

    async def _collect_answer(
        self, state: _TargetState, request: Request, key: str, counters: Counters, abort: Abort
    ) -> Outcome:
        """Make a request that its provider collects, perhaps for hours: no slot, no limit, no hedging applies."""
        if counters.stopping:
            raise StopError
        if self._budget.is_spent:
            return Failure(kind="infrastructure", message=_BUDGET_SPENT)
        counters.send(key)
        outcome = await state.provider.answer(request)
        self._answers.store(state.provider.memory, request, key, outcome)
        self._pay(request, outcome, counters, abort)
        return outcome

    async def _in_slot(
        self, state: _TargetState, request: Request, key: str, counters: Counters, abort: Abort
    ) -> Outcome:
        if not await self._budget.enter(request.target):
            return Failure(kind="infrastructure", message=_BUDGET_SPENT)
        try:
            if counters.stopping:
                raise StopError
            counters.send(key)
            outcome = await self._ask_once(state, request)
            self._answers.store(state.provider.memory, request, key, outcome)
            self._pay(request, outcome, counters, abort)  # within the slot: the next call must see the new total
            return outcome
        finally:
            self._budget.leave(request.target)

    async def _ask_once(self, state: _TargetState, request: Request) -> Outcome:
        """Make one attempt, and record its result in the target's concurrency limit, hedging and circuit breaker."""
        started = time.monotonic()
        state.circuit_breaker.on_start()
        try:
            if state.provider.memory == "cache" and state.provider.concurrency is None:
                outcome = await state.hedging.first(
                    lambda: state.provider.answer(request), lambda: self._may_hedge(state, request)
                )
            else:
                outcome = await state.provider.answer(request)
        except ProviderError as error:
            self._learn(state, error)
            raise
        finally:
            state.circuit_breaker.on_end()
        seconds = time.monotonic() - started
        usage = outcome.usage
        state.queue.limit.on_answer(seconds, 0 if usage is None else usage.output_tokens)
        state.hedging.on_answer(seconds if outcome.seconds is None else outcome.seconds)
        state.circuit_breaker.on_answer()
        if self._tokens is not None and usage is not None:
            state.queue.limit.correct(usage.input_tokens + usage.output_tokens - _estimate_tokens(request))
        return outcome

    def _may_hedge(self, state: _TargetState, request: Request) -> bool:
        """Return True if a hedge is within all limits, and then count it in the rate limits."""
        if not self._budget.has_room(request.target) or state.queue.limit.delay(0) != 0.0:
            return False
        state.queue.limit.begin(0 if self._tokens is None else _estimate_tokens(request))
        return True

    def _learn(self, state: _TargetState, error: ProviderError) -> None:
        if error.throttled:
            state.circuit_breaker.on_headers()
            if (error.retry_after or 0.0) <= LONGEST_WAIT:
                state.queue.limit.pause(error.retry_after or 0.0)
        elif error.retryable:
            state.circuit_breaker.on_failure(self._get_message(error))
        if error.retryable:
            state.queue.limit.on_rejected()

    def _pay(self, request: Request, outcome: Outcome, counters: Counters, abort: Abort) -> None:
        counters.pay(outcome)
        if outcome.cost_usd is not None:
            self._budget.pay(request.target, outcome.cost_usd)
        elif self._budget.is_limited and is_answer(outcome):
            raise abort(
                InputError(
                    f'max_cost_usd is set, but a call to target "{request.target}" has no known cost',
                    hint="give the target `prices`; a cost limit works only for an endpoint that reports its usage",
                )
            )

    def _find_pause(self, state: RetryCallState) -> float:
        """Return the pause in seconds: exponential with jitter, and at least what the endpoint asks for."""
        error = _get_error(state)
        jitter = random.uniform(0, self._backoff)
        if error is not None and error.retry_after is not None:
            return error.retry_after + jitter
        return min(self._backoff * 2.0 ** min(state.attempt_number - 1, 30), _LONGEST_BACKOFF) + jitter


def _estimate_tokens(request: Request) -> int:
    """Return a rough estimate of a call's tokens; it is corrected when the answer is there."""
    asked = estimate_tokens(sum(len(message.content) for message in request.messages))
    limit = find_output_limit(request.parameters)
    return asked + (asked if limit is None else limit)


def _get_error(state: RetryCallState) -> ProviderError | None:
    error = state.outcome.exception() if state.outcome is not None else None
    return error if isinstance(error, ProviderError) else None


async def _choose_pause(seconds: float, counters: Counters) -> None:
    """Wait, and raise StopError if the run ends meanwhile."""
    try:
        async with asyncio.timeout(seconds):
            await counters.stopped.wait()
    except TimeoutError:
        return
    raise StopError


def _is_worth_retrying(error: BaseException) -> bool:
    return isinstance(error, ProviderError) and error.retryable and (error.retry_after or 0) <= LONGEST_PAUSE
