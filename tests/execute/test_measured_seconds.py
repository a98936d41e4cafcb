"""The latency that a check limits is that of the first call, whatever the engine does about slow ones."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_provider import ScriptedProvider, answer_only, engine, make_trials, text_of

from evalgate.domain import Failure, Limits, Outcome, Output, Request
from evalgate.execute.limits import hedging
from evalgate.execute.measured_seconds import MeasuredSeconds
from evalgate.execute.providers.protocol import ProviderError


class SlowOnce(ScriptedProvider):
    """A provider whose first call for one request takes long, and whose other calls take no time."""

    async def answer(self, request: Request) -> Outcome:
        is_slow = text_of(request) == "q30" and "q30" not in self.asked
        self.asked.append(text_of(request))
        await asyncio.sleep(0.3 if is_slow else 0.0)
        return Output(text="fine", seconds=0.3 if is_slow else 0.0)


@pytest.mark.parametrize("measured", [(), ("t",)])
def test_a_slow_call_is_asked_again_unless_its_seconds_are_checked(
    measured: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hedging, "_LEAST_SECONDS", 0.05)
    provider = SlowOnce()
    with engine(provider, limits=Limits(concurrency=1), measured=measured) as opened:
        slow = opened.run(make_trials(31), answer_only).results[30].outcome
    assert isinstance(slow, Output)
    assert slow.seconds == (0.3 if measured else 0.0)
    assert provider.asked.count("q30") == (1 if measured else 2)


@pytest.mark.parametrize("measured", [(), ("t",)])
def test_an_answer_after_a_timeout_has_the_seconds_of_both_calls(measured: tuple[str, ...]) -> None:
    def script(request: Request, number: int) -> Outcome | ProviderError:
        return Output(text="fine", seconds=1.0) if number else ProviderError("slow", retryable=True, slow=True)

    with engine(ScriptedProvider(script, delay=0.02), measured=measured) as opened:
        outcome = opened.run(make_trials(1), answer_only).results[0].outcome
    assert isinstance(outcome, Output) and outcome.seconds is not None
    assert (outcome.seconds >= 1.02) is bool(measured)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.integers(1, 100))))
def test_each_request_has_its_own_seconds_once(calls: list[tuple[str, str, int]]) -> None:
    measured = MeasuredSeconds(("a",))
    for target, key, seconds in calls:
        measured.on_error(target, key, ProviderError("no answer", slow=True), seconds)
        measured.on_error(target, key, ProviderError("refused"), seconds)
    for key in "xy":
        waited = sum(seconds for target, other, seconds in calls if (target, other) == ("a", key))
        assert measured.complete(key, Output(text="fine", seconds=1.0)).seconds == 1.0 + waited
        assert measured.complete(key, Output(text="fine", seconds=1.0)).seconds == 1.0
    assert measured.complete("x", Failure(kind="unusable", message="no")).seconds is None
