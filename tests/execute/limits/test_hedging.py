"""When a slow call is sent a second time."""

from __future__ import annotations

import asyncio

import pytest

from evalgate.domain import Outcome, Output
from evalgate.execute.limits.hedging import Hedging
from evalgate.execute.providers.protocol import ProviderError


def learned(seconds: float = 0.01, count: int = 40) -> Hedging:
    hedging = Hedging()
    for _ in range(count):
        hedging.on_answer(seconds)
    return hedging


class Calls:
    """What was asked: each number of seconds is how long that call takes, an exception what it ends with."""

    def __init__(self, *ends: float | Exception) -> None:
        self._ends = ends
        self.asked = self.given_up = 0

    async def __call__(self) -> Outcome:
        number = self.asked
        self.asked += 1
        end = self._ends[number]
        if isinstance(end, Exception):
            raise end
        try:
            await asyncio.sleep(end)
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        return Output(text=f"call {number}")


def first(hedging: Hedging, calls: Calls, *, may: bool = True) -> Outcome:
    return asyncio.run(asyncio.wait_for(hedging.first(calls, lambda: may), 20))


def test_no_request_is_hedged_before_enough_answers() -> None:
    assert Hedging().bound is None
    assert learned(count=19).bound is None
    assert learned(count=20).bound == 1.0
    assert learned(seconds=4.0).bound == 12.0


def test_a_few_slow_ones_do_not_count_as_what_is_usual() -> None:
    hedging = learned(1.0, 97)
    for _ in range(3):
        hedging.on_answer(60.0)
    assert hedging.usual == 1.0


def test_a_hanging_call_is_asked_again_and_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalgate.execute.limits.hedging._LEAST_SECONDS", 0.02)
    calls = Calls(60, 60, 0.0)
    assert first(learned(0.001), calls) == Output(text="call 2")
    assert (calls.asked, calls.given_up) == (3, 2)


def test_a_call_that_is_merely_slow_may_still_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalgate.execute.limits.hedging._LEAST_SECONDS", 0.02)
    calls = Calls(0.1, 60, 60)
    assert first(learned(0.001), calls) == Output(text="call 0")
    assert (calls.asked, calls.given_up) == (3, 2)


def test_few_calls_are_ever_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalgate.execute.limits.hedging._LEAST_SECONDS", 0.001)
    hedging = learned(0.0001, 100)
    asked = 0
    for _ in range(20):
        calls = Calls(0.02, 0.02, 0.02)
        first(hedging, calls)
        asked += calls.asked
    assert 20 < asked <= 20 + 6


def test_an_error_of_the_second_leaves_the_first_its_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalgate.execute.limits.hedging._LEAST_SECONDS", 0.02)
    assert first(learned(0.001), Calls(0.08, ProviderError("x"), ProviderError("y"))) == Output(text="call 0")
    with pytest.raises(ProviderError, match="at once"):
        first(learned(), Calls(ProviderError("at once")))


def test_an_error_of_the_first_leaves_the_second_its_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalgate.execute.limits.hedging._LEAST_SECONDS", 0.02)

    class LateError(Calls):
        async def __call__(self) -> Outcome:
            if self.asked:
                return await super().__call__()
            self.asked += 1
            await asyncio.sleep(0.05)
            raise ProviderError("late")

    calls = LateError(0.0, 0.06, 60)
    assert first(learned(0.001), calls) == Output(text="call 1")
    calls = LateError(0.0, ProviderError("x"), ProviderError("y"))
    with pytest.raises(ProviderError, match="late"):
        first(learned(0.001), calls)


def test_a_call_that_is_cancelled_gives_up_all_that_were_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalgate.execute.limits.hedging._LEAST_SECONDS", 0.02)
    calls = Calls(60, 60, 60)

    async def cancelled() -> None:
        task = asyncio.ensure_future(learned(0.001).first(calls, lambda: True))
        for _ in range(1000):
            if calls.asked == 3:
                break
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(cancelled(), 20))
    assert (calls.asked, calls.given_up) == (3, 3)


def test_without_leave_nothing_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalgate.execute.limits.hedging._LEAST_SECONDS", 0.01)
    calls = Calls(0.05)
    assert first(learned(0.001), calls, may=False) == Output(text="call 0")
    assert calls.asked == 1
