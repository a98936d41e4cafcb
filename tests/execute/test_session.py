"""One run: the order of results, trials that are taken as they are needed, and how a run ends."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Generator, Iterator, Sequence

import pytest
from scripted_provider import ScriptedProvider, answer_only, engine, judged, make_result, make_trials, text_of

from evalgate.domain import Calls, Limits, Outcome, Output, Request, Result, Trial, Usage
from evalgate.errors import InterruptedRunError
from evalgate.execute.engine import ProgressEvent
from evalgate.execute.providers.protocol import ProviderError


def test_results_keep_the_trials_order_though_answers_do_not() -> None:
    async def slow_first(request: Request) -> Outcome:
        await asyncio.sleep(0.03 if text_of(request) == "q0" else 0)
        return Output(text=text_of(request), usage=Usage(input_tokens=2, output_tokens=1), cost_usd=0.5)

    provider = ScriptedProvider()
    provider.answer = slow_first  # type: ignore[method-assign]
    with engine(provider) as running:
        run = running.run(make_trials(20), answer_only)
    assert [result.case for result in run.results] == [f"c{n}" for n in range(20)]
    assert [result.outcome.text for result in run.results if isinstance(result.outcome, Output)] == [
        f"q{n}" for n in range(20)
    ]
    assert run.calls == Calls(made=20)
    assert run.usage == Usage(input_tokens=40, output_tokens=20)
    assert run.cost_usd == 10.0
    assert provider.closed


def test_trials_are_taken_as_they_are_needed() -> None:
    taken, done, ahead = 0, 0, 0

    def trials() -> Iterator[Trial]:
        nonlocal taken, ahead
        for trial in make_trials(500):
            taken += 1
            ahead = max(ahead, taken - done)
            yield trial

    def count(event: ProgressEvent) -> None:
        nonlocal done
        done = event.done
        assert event.total is None

    with engine(ScriptedProvider(), limits=Limits(concurrency=4), on_event=count) as running:
        assert len(running.run(trials(), answer_only).results) == 500
    assert ahead <= 9


def test_no_barrier_between_answers_and_judges() -> None:
    order: list[str] = []

    def script(request: Request, n: int) -> Outcome:
        order.append(request.target)
        return Output(text=f"re {text_of(request)}")

    provider = ScriptedProvider(script)
    with engine(provider, provider, limits=Limits(concurrency=2)) as running:
        run = running.run(make_trials(30), judged)
    assert order.index("judge") < 8
    assert run.calls == Calls(made=90)
    texts = [reply.text for reply in run.results[3].replies["x"] if isinstance(reply, Output)]
    assert texts == ["re judge a: re q3", "re judge b: re q3"]


def test_no_trials_no_calls() -> None:
    with engine(ScriptedProvider()) as running:
        run = running.run([], answer_only)
    assert (run.results, run.calls, run.cost_usd) == ([], Calls(), 0.0)


def test_what_evaluate_raises_comes_out_as_it_is() -> None:
    def broken(trial: Trial) -> Generator[Sequence[Request], Sequence[Outcome], Result]:
        (outcome,) = yield [trial.request]
        if trial.case.id == "c3":
            raise ZeroDivisionError("bug")
        return make_result(trial, outcome)

    with engine(ScriptedProvider(delay=0.001)) as running, pytest.raises(ZeroDivisionError, match="bug"):
        running.run(make_trials(50), broken)
        assert len(running.run(make_trials(2), answer_only).results) == 2, "the engine can still be used"


def test_interrupt_stops_issuing_lets_calls_end_and_leaves_no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    def script(request: Request, n: int) -> Outcome | ProviderError:
        if n == 0:
            return ProviderError("busy", retryable=True, retry_after=60)
        if n == 5:
            signal.raise_signal(signal.SIGINT)
        return Output(text="x")

    provider = ScriptedProvider(script, delay=0.01)
    started = time.perf_counter()
    with (
        engine(provider, limits=Limits(concurrency=3)) as running,
        pytest.raises(InterruptedRunError, match="it continues"),
    ):
        running.run(make_trials(100), answer_only)
    assert time.perf_counter() - started < 4, "neither the grace nor the pause was waited for"
    assert len(provider.asked) <= 10
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
