"""Tests of how long a run waits for an endpoint that rejects calls, in virtual time."""

from __future__ import annotations

import random
from collections.abc import Callable
from statistics import median

import pytest
from scripted_provider import ScriptedProvider, answer_only, engine, make_trials, text_of
from virtual_time import virtual_time

from evalgate.domain import Failure, Limits, Outcome, Output, Request
from evalgate.execute.providers.protocol import ProviderError

__all__ = ["virtual_time"]

CALLS, SECONDS, AT_ONCE = 800, 0.05, 8

Clock = Callable[[], float]
Endpoint = Callable[[ScriptedProvider, float], ProviderError | None]


def too_many() -> ProviderError:
    return ProviderError("too many requests", retryable=True, throttled=True)


def at_random(seed: int, throttled: float, failed: float) -> Endpoint:
    chance = random.Random(seed)

    def answer(provider: ScriptedProvider, now: float) -> ProviderError | None:
        drawn = chance.random()
        if drawn < throttled:
            return too_many()
        return ProviderError("server error", retryable=True) if drawn < throttled + failed else None

    return answer


def with_rate(per_second: float) -> Endpoint:
    """Answer so many calls a second, a tenth of a second's worth at once, and reject the others."""
    most = left = per_second / 10
    at = 0.0

    def answer(provider: ScriptedProvider, now: float) -> ProviderError | None:
        nonlocal left, at
        left, at = min(most, left + (now - at) * per_second), now
        if left < 1:
            return too_many()
        left -= 1
        return None

    return answer


def take(clock: Clock, endpoint: Endpoint, seed: int, calls: int = CALLS) -> float:
    """The virtual seconds of a run; every call has an answer in the end."""
    random.seed(seed)
    provider = ScriptedProvider(delay=SECONDS)

    def script(request: Request, number: int) -> Outcome | ProviderError:
        return endpoint(provider, clock()) or Output(text=text_of(request), cost_usd=0.0)

    provider.script = script
    with engine(provider, backoff=0.5, limits=Limits(concurrency=AT_ONCE)) as running:
        run = running.run(make_trials(calls), answer_only)
        assert not any(isinstance(result.outcome, Failure) for result in run.results)
        return clock()


def test_without_rejections_every_slot_is_busy(virtual_time: Clock) -> None:
    assert take(virtual_time, at_random(0, 0, 0), 0) == pytest.approx(CALLS * SECONDS / AT_ONCE, rel=0.02)


def test_rejections_at_random_leave_few_slots_idle(virtual_time: Clock) -> None:
    taken = [take(virtual_time, at_random(seed, 0.10, 0.04), seed) for seed in range(7)]
    assert median(taken) <= 8.0


def test_a_rate_limit_is_used_up(virtual_time: Clock) -> None:
    taken = [take(virtual_time, with_rate(100), seed) for seed in range(7)]
    assert median(taken) <= 1.1 * CALLS / 100


def test_while_nothing_is_answered_the_pauses_grow(virtual_time: Clock) -> None:
    """An endpoint that rejects all calls for a minute gets ever fewer of them, and no call is lost."""
    asked: list[float] = []

    def endpoint(provider: ScriptedProvider, now: float) -> ProviderError | None:
        asked.append(now)
        return too_many() if now < 60 else None

    take(virtual_time, endpoint, 1, calls=100)
    first, last = (sum(start <= at < start + 10 for at in asked) for start in (0, 50))
    assert last < first / 2
