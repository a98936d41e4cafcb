from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_provider import ScriptedProvider, answer_only, engine, make_trials, text_of

from evalgate.domain import Calls, Failure, Limits, Outcome, Output, Request
from evalgate.errors import InputError, ServiceError
from evalgate.execute import caller
from evalgate.execute.engine import ProgressEvent
from evalgate.execute.limits.concurrency import ConcurrencyLimit
from evalgate.execute.providers.protocol import ProviderError
from evalgate.store.journal import Journal
from evalgate.store.output_cache import Cache


def test_retry_until_answered() -> None:
    def script(request: Request, n: int) -> Outcome | ProviderError:
        return ProviderError("busy", retryable=True) if n < 3 else Output(text="at last", cost_usd=0.0)

    provider = ScriptedProvider(script)
    with engine(provider, limits=Limits(attempts=4)) as running:
        run = running.run(make_trials(1), answer_only)
    assert run.results[0].outcome == Output(text="at last", cost_usd=0.0)
    assert run.calls == Calls(made=1)
    assert len(provider.asked) == 4


def test_pauses_grow_and_respect_retry_after() -> None:
    def script(request: Request, n: int) -> Outcome | ProviderError:
        errors = [ProviderError("a", retryable=True), ProviderError("b", retryable=True, retry_after=0.15)]
        return errors[n] if n < 2 else Output(text="x")

    provider = ScriptedProvider(script)
    with engine(provider, backoff=0.05) as running:
        running.run(make_trials(1), answer_only)
    first, second = provider.at[1] - provider.at[0], provider.at[2] - provider.at[1]
    assert first >= 0.05
    assert second >= 0.15


@settings(max_examples=30, deadline=None)
@given(st.lists(st.none() | st.floats(0, 130), min_size=1, max_size=30), st.booleans())
def test_a_call_waits_for_its_endpoint_so_long_in_all(waits: list[float | None], throttled: bool) -> None:
    paused: list[float] = []

    async def pause(seconds: float, tally: object) -> None:
        paused.append(seconds)

    def script(request: Request, n: int) -> Outcome | ProviderError:
        asked = waits[n % len(waits)]
        return ProviderError("busy", retryable=True, throttled=throttled or asked is None, retry_after=asked)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(caller, "_choose_pause", pause)
        patch.setattr(ConcurrencyLimit, "pause", lambda self, seconds: None)
        with engine(ScriptedProvider(script), limits=Limits(attempts=50), backoff=0.5) as running:
            (result,) = running.run(make_trials(1), answer_only).results
    assert sum(paused) <= caller.LONGEST_WAIT
    assert isinstance(result.outcome, Failure) and result.outcome.kind == "infrastructure"
    if sum(paused) + 131 < caller.LONGEST_WAIT:
        assert len(paused) >= 49
    elif "waited" in result.outcome.message:
        assert f"waited {sum(paused):.0f} s" in result.outcome.message and "120 s at most" in result.outcome.message


def test_an_endpoint_that_asks_for_an_hour_is_not_waited_for() -> None:
    def script(request: Request, n: int) -> Outcome | ProviderError:
        hour = ProviderError("come back later", retryable=True, retry_after=3600)
        return hour if text_of(request) == "q1" else Output(text="x")

    with engine(ScriptedProvider(script)) as running:
        run = running.run(make_trials(3), answer_only)
    outcome = run.results[1].outcome
    assert isinstance(outcome, Failure)
    assert outcome.message.startswith("come back later (it asks to wait 3600 s;")


def test_a_call_that_fails_for_good_is_a_failure_and_is_not_remembered(tmp_path: Path) -> None:
    def script(request: Request, n: int) -> Outcome | ProviderError:
        return ProviderError("down", retryable=True) if text_of(request) == "q4" else Output(text="x")

    events: list[ProgressEvent] = []
    cache = Cache(tmp_path / "c.sqlite3")
    with engine(
        ScriptedProvider(script), cache=cache, limits=Limits(attempts=3, concurrency=1), on_event=events.append
    ) as running:
        run = running.run(make_trials(8), answer_only)
    assert run.results[4].outcome == Failure(kind="infrastructure", message="down")
    assert sum(isinstance(result.outcome, Failure) for result in run.results) == 1
    assert events[-1].failures == 1
    assert (events[-1].done, events[-1].total) == (8, 8)
    kept = Cache(tmp_path / "c.sqlite3")
    assert [kept.get(trial.request.key) is None for trial in make_trials(8)] == [n == 4 for n in range(8)]
    kept.close()


def test_fatal_error_is_one_service_error_at_once(tmp_path: Path) -> None:
    def script(request: Request, n: int) -> Outcome | ProviderError:
        return ProviderError("wrong key in KEY", fatal=True, hint="check it") if n == 20 else Output(text="x")

    provider = ScriptedProvider(script, delay=0.001)
    path = tmp_path / "run.jsonl"
    with (
        engine(provider, journal=Journal(path), limits=Limits(concurrency=4)) as running,
        pytest.raises(ServiceError) as caught,
    ):
        running.run(make_trials(1000), answer_only)
    assert str(caught.value) == "wrong key in KEY\n  hint: check it"
    assert len(provider.asked) < 30
    assert len(path.read_bytes().splitlines()) >= 16


def test_an_endpoint_that_refuses_connections_ends_the_run_after_the_first_calls() -> None:
    provider = ScriptedProvider(lambda request, n: ProviderError("refused", retryable=True, unreachable=True))
    with (
        engine(provider, limits=Limits(concurrency=4, attempts=3)) as running,
        pytest.raises(ServiceError, match="refused"),
    ):
        running.run(make_trials(1000), answer_only)
    assert len(provider.asked) <= 2 * 4 * 3


def test_one_poisoned_case_at_the_start_does_not_end_the_run() -> None:
    def script(request: Request, n: int) -> Outcome | ProviderError:
        return ProviderError("500", retryable=True) if text_of(request) in {"q0", "q1"} else Output(text="x")

    with engine(ScriptedProvider(script), limits=Limits(concurrency=1, attempts=2)) as running:
        run = running.run(make_trials(20), answer_only)
    assert [n for n, result in enumerate(run.results) if isinstance(result.outcome, Failure)] == [0, 1]


def test_an_endpoint_that_dies_in_the_middle_ends_the_run() -> None:
    def script(request: Request, n: int) -> Outcome | ProviderError:
        return Output(text="x") if n < 50 else ProviderError("503", retryable=True)

    provider = ScriptedProvider(script)
    with (
        engine(provider, limits=Limits(concurrency=2, attempts=2)) as running,
        pytest.raises(ServiceError, match="no request succeeds any more"),
    ):
        running.run(make_trials(1000), answer_only)
    assert len(provider.asked) < 80


def test_cost_limit_stops_issuing_and_the_rest_is_not_evaluated() -> None:
    provider = ScriptedProvider(lambda request, n: Output(text="x", cost_usd=0.10))
    with engine(provider, limits=Limits(concurrency=1, max_cost_usd=0.45)) as running:
        run = running.run(make_trials(10), answer_only)
        more = running.run(make_trials(1, lambda n: "another gate"), answer_only)
    assert len(provider.asked) == 5
    assert run.calls == Calls(made=5)
    assert run.cost_usd == pytest.approx(0.5)
    left = Failure(kind="infrastructure", message="not evaluated: max_cost_usd reached")
    assert [result.outcome == left for result in run.results] == [False] * 5 + [True] * 5
    assert more.results[0].outcome == left


def test_cost_limit_with_unknown_prices_is_an_error_and_the_paid_answer_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    provider = ScriptedProvider(lambda request, n: Output(text="x"))
    with (
        engine(provider, journal=Journal(path), limits=Limits(concurrency=1, max_cost_usd=1)) as running,
        pytest.raises(InputError, match='"t" has no known cost'),
    ):
        running.run(make_trials(10), answer_only)
    assert len(provider.asked) == len(path.read_bytes().splitlines()) == 1


def test_unwritable_stores_only_warn(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with engine(
        ScriptedProvider(), cache=Cache(blocked / "cache.sqlite3"), journal=Journal(blocked / "journal" / "k.jsonl")
    ) as running:
        assert len(running.run(make_trials(50), answer_only).results) == 50
        assert len(running.warnings) == 2
        assert "cache" in running.warnings[0]
        assert "journal" in running.warnings[1]
