"""One request to its answer: from the stored answers, else by a call with retries within the limits of its target."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalgate.domain import Failure, Limits, Outcome, Request
from evalgate.domain.tokens import estimate_tokens, find_output_limit
from evalgate.errors import InputError, ServiceError
from evalgate.execute.answers import AnswerStore
from evalgate.execute.attempts_made import LONGEST_WAIT, AttemptsMade, is_worth_retrying
from evalgate.execute.counters import Abort, Counters, Price, StopError, no_price
from evalgate.execute.limits.budget import Budget
from evalgate.execute.limits.circuit_breaker import DOUBT, CircuitBreaker
from evalgate.execute.limits.concurrency import Bucket, ConcurrencyLimit
from evalgate.execute.limits.hedging import Hedging
from evalgate.execute.limits.queue import RequestQueue
from evalgate.execute.limits.refusal_streak import MOST_REFUSALS, RefusalStreak
from evalgate.execute.limits.startup import Startup
from evalgate.execute.measured_seconds import MeasuredSeconds
from evalgate.execute.providers.protocol import WHOLE_ROUND, Provider, ProviderError, name_provider
from evalgate.execute.request_forms import FormChangedError, RequestForms
from evalgate.store.cache_entry import is_answer

if TYPE_CHECKING:
    from tenacity import RetryCallState

_BUDGET_SPENT = "not evaluated: max_cost_usd reached"
_WATCH_SECONDS = 0.5
_DOWN_HINT = "check `base_url`, and that the server runs and answers"
_SLOW_HINT = "raise `run.timeout`, or lower `run.concurrency`"


@dataclass(frozen=True, slots=True, kw_only=True)
class _TargetState:
    """The provider of one target and its limits; `own` is the narrower limit of a provider with low concurrency."""

    provider: Provider
    own: asyncio.Semaphore | contextlib.nullcontext[None]
    queue: RequestQueue
    hedging: Hedging
    circuit_breaker: CircuitBreaker
    refusals: RefusalStreak
    startup: Startup


class _RefusedFormError(Exception):
    """Raised in all calls that wait for a request that was refused for its form; another form is known now."""


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
        forms: RequestForms | None = None,
        price: Price = no_price,
        measured: MeasuredSeconds | None = None,
    ) -> None:
        """`quotes`: an error that ends the run may quote the endpoint's own message."""
        self._price = price
        self._measured = measured or MeasuredSeconds()
        self._answers = known
        self._forms = forms or RequestForms()
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
            refusals=RefusalStreak(),
            startup=Startup(),
        )

    @property
    def collects(self) -> bool:
        """True if a provider needs every request of a round before it answers the first."""
        return any(state.provider.concurrency == WHOLE_ROUND for state in self._states.values())

    async def answer(self, request: Request, counters: Counters, abort: Abort) -> Outcome:
        """Return the outcome of a request, which is made once for all trials that share it. Raise StopError.

        The request is made in the form that its endpoint accepts.
        """
        state = self._states[name_provider(request)]
        while True:
            sent = self._adapt(state, request)
            key = sent.key
            try:
                outcome = await self._outcome(state, sent, key, counters, abort)
            except _RefusedFormError:
                continue  # it ends: the form is another one each time, and there are few
            # recordings are found by the request as it was asked, wherever they are replayed
            self._answers.record(request, key if sent is request else request.key, outcome)
            return outcome

    def _adapt(self, state: _TargetState, request: Request) -> Request:
        """Return a request in the form that is sent; recorded answers have no form."""
        if not self._forms.known or state.provider.memory == "nothing":
            return request
        return self._forms.adapt(request)

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
                    breaker = state.circuit_breaker
                    message = f'target "{name}" is {"too slow" if breaker.is_slow else "down"}: {breaker.why}'
                    abort(ServiceError(message, hint=_SLOW_HINT if breaker.is_slow else _DOWN_HINT))
                    return

    async def _outcome(
        self, state: _TargetState, request: Request, key: str, counters: Counters, abort: Abort
    ) -> Outcome:
        known = self._answers.get(key)
        if known is not None:
            outcome = await asyncio.shield(known) if isinstance(known, asyncio.Future) else known
            counters.saved += 1
            return outcome
        found = self._answers.find(state.provider.memory, request, key)
        if found is not None:
            counters.cached += 1
            self._answers.put(key, found)
            self._forms.on_answer(request)
            return found
        making = self._answers.begin(key)
        try:
            outcome = await self._call(state, request, key, counters, abort)
        except BaseException as error:
            making.set_exception(error if isinstance(error, _RefusedFormError) else StopError())
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
            if error.adaptations and self._learn_form(request, error, abort):
                counters.withdraw(key)
                raise _RefusedFormError from error
            why = self._find_end(state, request, error)
            if why is not None:
                raise abort(ServiceError(f"{self._get_message(error)}{why}", hint=error.hint)) from error
            return Failure(kind="infrastructure", message=error.message, refused=error.refused)

    def _learn_form(self, sent: Request, error: ProviderError, abort: Abort) -> bool:
        """Learn the form that an endpoint accepts; return True if that changes a request that was sent."""
        try:
            self._forms.learn(sent, error.adaptations)
        except FormChangedError as changed:
            raise abort(changed) from error
        return self._forms.adapt(sent) != sent

    def _find_end(self, state: _TargetState, request: Request, error: ProviderError) -> str | None:
        """Return why a failed request ends the run, as an addition to its message; None if it does not end it."""
        breaker = state.circuit_breaker
        if error.fatal and not (error.refused and breaker.has_answered):
            return ""
        if error.startup_timeout is not None:
            return ""
        if error.retryable and breaker.on_lost(error):
            tries = "1 attempt" if error.attempts == 1 else f"{error.attempts} attempts"
            return f" (after {tries}, and no request succeeds any more)"
        # the answers of a batch arrive together, so that their order says nothing
        has_order = state.provider.concurrency != WHOLE_ROUND or not breaker.has_answered
        if error.refused and has_order and state.refusals.on_refused(request, error.message):
            return f" (the same refusal {MOST_REFUSALS} times in a row)"
        return None

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

        made = AttemptsMade(self._limits.attempts, self._backoff, state.startup)

        async def attempt() -> Outcome:
            try:
                if failed:
                    raise failed.pop()  # the first attempt was made above, since most calls need no retry
                return await self._attempt(state, request, key, counters, abort)
            except ProviderError as error:
                made.on_error(error)
                raise

        retrying = AsyncRetrying(
            stop=lambda retry: made.have_ended(_get_error(retry), retry.upcoming_sleep),
            retry=retry_if_exception(is_worth_retrying),
            wait=lambda retry: made.find_pause(retry.attempt_number, _get_error(retry), state.queue.limit.silence),
            sleep=lambda seconds: _wait(seconds, counters, state.queue.limit),
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
        self._on_answer(state, request)
        self._answers.store(state.provider.memory, request, key, outcome)
        self._pay(request, outcome, counters, abort)
        return outcome

    def _on_answer(self, state: _TargetState, request: Request) -> None:
        state.circuit_breaker.on_answer()
        state.startup.on_answer()
        state.refusals.on_answer(request)
        self._forms.on_answer(request)

    async def _in_slot(
        self, state: _TargetState, request: Request, key: str, counters: Counters, abort: Abort
    ) -> Outcome:
        if not await self._budget.enter(request.target):
            return Failure(kind="infrastructure", message=_BUDGET_SPENT)
        try:
            if counters.stopping:
                raise StopError
            if self._adapt(state, request) is not request:
                raise _RefusedFormError  # another call has learned the accepted form while this one waited
            counters.send(key)
            outcome = await self._ask_once(state, request, key)
            self._answers.store(state.provider.memory, request, key, outcome)
            self._pay(request, outcome, counters, abort)  # within the slot: the next call must see the new total
            return outcome
        finally:
            self._budget.leave(request.target)

    async def _ask_once(self, state: _TargetState, request: Request, key: str) -> Outcome:
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
            self._on_error(state, error)
            self._measured.on_error(request.target, key, error, time.monotonic() - started)
            raise
        finally:
            state.circuit_breaker.on_end()
        seconds = time.monotonic() - started
        usage = outcome.usage
        state.queue.limit.on_answer(seconds, 0 if usage is None else usage.output_tokens)
        state.hedging.on_answer(seconds if outcome.seconds is None else outcome.seconds)
        self._on_answer(state, request)
        if self._tokens is not None and usage is not None:
            state.queue.limit.correct(usage.input_tokens + usage.output_tokens - _estimate_tokens(request))
        return self._measured.complete(key, outcome)

    def _may_hedge(self, state: _TargetState, request: Request) -> bool:
        """Return True if a hedge is within all limits, and then count it in the rate limits."""
        has_room = self._budget.has_room(request.target) and state.queue.limit.delay(0) == 0.0
        if not has_room or self._measured.covers(request.target):
            return False
        state.queue.limit.begin(0 if self._tokens is None else _estimate_tokens(request))
        return True

    def _on_error(self, state: _TargetState, error: ProviderError) -> None:
        if error.startup_timeout is not None:
            state.startup.on_loading()
            state.circuit_breaker.on_headers()
            return
        if error.throttled:
            state.circuit_breaker.on_headers()
            if (error.retry_after or 0.0) <= LONGEST_WAIT:
                state.queue.limit.pause(error.retry_after or 0.0)
        elif error.retryable:
            state.circuit_breaker.on_failure(self._get_message(error), slow=error.slow)
        else:
            state.circuit_breaker.on_headers()
        if error.retryable:
            state.queue.limit.on_rejected()

    def _pay(self, request: Request, outcome: Outcome, counters: Counters, abort: Abort) -> None:
        cost = outcome.cost_usd
        if cost is None and outcome.usage is not None:
            cost = self._price(request, outcome.usage)
        counters.pay(outcome, cost)
        if cost is not None:
            self._budget.pay(request.target, cost)
        elif self._budget.is_limited and is_answer(outcome):
            raise abort(
                InputError(
                    f'max_cost_usd is set, but a call to target "{request.target}" has no known cost',
                    hint="give the target `prices`; a cost limit works only for an endpoint that reports its usage",
                )
            )


def _estimate_tokens(request: Request) -> int:
    """Return a rough estimate of a call's tokens; it is corrected when the answer is there."""
    asked = estimate_tokens(sum(len(message.content) for message in request.messages))
    limit = find_output_limit(request.parameters)
    return asked + (asked if limit is None else limit)


def _get_error(state: RetryCallState) -> ProviderError | None:
    error = state.outcome.exception() if state.outcome is not None else None
    return error if isinstance(error, ProviderError) else None


async def _wait(seconds: float, counters: Counters, limit: ConcurrencyLimit) -> None:
    """Wait before a retry; while other calls are answered, the trial's worker may be replaced meanwhile."""
    with counters.pause() if limit.is_answering else contextlib.nullcontext():
        await _choose_pause(seconds, counters)


async def _choose_pause(seconds: float, counters: Counters) -> None:
    """Wait, and raise StopError if the run ends meanwhile."""
    try:
        async with asyncio.timeout(seconds):
            await counters.stopped.wait()
    except TimeoutError:
        return
    raise StopError
