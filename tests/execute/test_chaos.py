"""Every fault that an endpoint has is planted here, on loopback, with the times shortened."""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from benchmark import speed
from chat_server import ChatServer, Received, Reply, completion, error
from scripted_provider import ScriptedProvider, answer_only, engine, make_trials

from evalgate.domain import Calls, Failure, Limits, Outcome, Output, Request, Target
from evalgate.errors import ServiceError
from evalgate.execute import caller
from evalgate.execute.engine import Engine, EngineRun
from evalgate.execute.limits import circuit_breaker, hedging
from evalgate.execute.limits.refusal_streak import MOST_REFUSALS
from evalgate.execute.providers.openai import OpenAIProvider
from evalgate.execute.providers.protocol import Headroom, ProviderError


def over_the_wire(url: str, timeout: float = 20, **limits: Any) -> Engine:
    target = Target(name="t", kind="openai", location=url, identity="i", model="m")
    return Engine({"t": OpenAIProvider(target, None, timeout)}, limits=Limits(**limits), backoff=0.001)


def run(url: str, count: int, timeout: float = 20, **limits: Any) -> EngineRun:
    with over_the_wire(url, timeout, **limits) as running:
        return running.run(make_trials(count), answer_only)


def asked(received: Received) -> str:
    text: str = received.body["messages"][0]["content"]
    return text


def first_time(fault: Reply) -> Callable[[Received, int], Reply]:
    """A script that meets every request with a fault, and with an answer when it comes again."""
    seen: Counter[str] = Counter()

    def script(received: Received, number: int) -> Reply:
        seen[asked(received)] += 1
        return fault if seen[asked(received)] == 1 else Reply(body=completion(f"re {asked(received)}"))

    return script


IN_THE_PAST = "Thu, 01 Jan 2026 00:00:00 GMT"  # not reckoned from now: every worker has to collect the same tests


@pytest.mark.parametrize(
    "fault",
    [
        error(429, "slow down"),
        error(429, "slow down", Retry_After="0"),
        error(429, "slow down", Retry_After=IN_THE_PAST),
        error(429, "slow down", retry_after_ms="5"),
        error(500, "oops"),
        error(502, "bad gateway"),
        error(503, "overloaded", Retry_After="0"),
        error(529, "overloaded"),
        error(408, "too slow"),
        Reply(fault="reset"),
        Reply(body=completion(), fault="truncate"),
        Reply(body=b'{"choices": [{"mess'),
        Reply(body=b""),
        Reply(body=b"<html>login</html>"),
        Reply(body={"choices": None}),
        Reply(body={"choices": [{}]}),
        Reply(body={"error": {"message": "upstream failed"}}),
    ],
    ids=lambda fault: f"{fault.status} {fault.fault or fault.headers or str(fault.body)[:30]}",
)
def test_what_may_pass_is_asked_again_until_it_does(chat_server: ChatServer, fault: Reply) -> None:
    chat_server.script = first_time(fault)
    ended = run(chat_server.url, 6, concurrency=3)
    assert [r.outcome.text for r in ended.results if isinstance(r.outcome, Output)] == [f"re q{n}" for n in range(6)]
    assert ended.calls == Calls(made=6)
    assert len(chat_server.received) == 12


@pytest.mark.parametrize(
    ("reply", "part"),
    [
        (completion() | {"choices": []}, "no choice"),
        (completion("", finish_reason="stop"), "empty"),
        (completion("part", finish_reason="content_filter"), "content filter"),
        (completion(None, message={"refusal": "I will not"}), "refused"),
    ],
)
def test_an_answer_of_no_use_counts_and_is_not_asked_again(
    chat_server: ChatServer, reply: dict[str, Any], part: str
) -> None:
    chat_server.script = [Reply(body=reply)]
    (result,) = run(chat_server.url, 1).results
    assert isinstance(result.outcome, Failure)
    assert result.outcome.kind == "unusable"
    assert part in result.outcome.message
    assert len(chat_server.received) == 1


def test_an_answer_that_was_cut_short_is_an_output_that_says_so(chat_server: ChatServer) -> None:
    chat_server.script = [Reply(body=completion("half a sen", finish_reason="length"))]
    (result,) = run(chat_server.url, 1).results
    assert isinstance(result.outcome, Output)
    assert result.outcome.finish_reason == "length"


@pytest.mark.parametrize(
    ("status", "said", "part"),
    [
        (401, "Incorrect API key", "check the key"),
        (403, "Your project has no permission for this model", "check the key"),
        (400, "API key not valid. Please pass a valid API key.", "check the key"),
        (400, "Your credit balance is too low", "check the account"),
        (400, "Invalid model: m", "check `model`"),
        (404, "The model does not exist", "check `model`"),
    ],
)
def test_what_no_call_can_survive_is_one_error_at_once(
    chat_server: ChatServer, status: int, said: str, part: str
) -> None:
    chat_server.script = [error(status, said)]
    with pytest.raises(ServiceError, match=part) as caught:
        run(chat_server.url, 1000, concurrency=4)
    assert said in str(caught.value)
    assert len(caught.value.faults) == 1
    assert len(chat_server.received) <= 2 * 4


@pytest.mark.parametrize(
    ("status", "said", "part"),
    [
        (400, "This model's maximum context length is 8192 tokens", "longer than the model takes"),
        (403, "Country not supported", "check the key"),
        (413, "Request Entity Too Large", "10 times in a row"),
        (422, "this field is odd", "10 times in a row"),
    ],
)
def test_what_every_request_is_refused_for_ends_the_run_after_ten(
    chat_server: ChatServer, status: int, said: str, part: str
) -> None:
    chat_server.script = lambda received, n: error(status, f"{said} (request req_{n}b)")
    with pytest.raises(ServiceError, match=part) as caught:
        run(chat_server.url, 1000, concurrency=4)
    assert said in str(caught.value)
    assert MOST_REFUSALS <= len(chat_server.received) <= MOST_REFUSALS + 2 * 4


@pytest.mark.parametrize("status", [400, 403, 413, 422])
def test_what_some_requests_are_refused_for_leaves_these_undecided(chat_server: ChatServer, status: int) -> None:
    chat_server.script = lambda received, n: (
        error(status, f"this text is too much: {n}")
        if received.body["messages"][-1]["content"].endswith("7")
        else Reply(body=completion())
    )
    results = run(chat_server.url, 100, concurrency=4).results
    failed = [n for n, result in enumerate(results) if isinstance(result.outcome, Failure)]
    assert failed == list(range(7, 100, 10))
    assert all("this text is too much" in results[n].outcome.message for n in failed)


def test_a_key_that_has_worked_is_not_what_a_later_403_is_about(chat_server: ChatServer) -> None:
    chat_server.script = lambda received, n: error(403, "permission denied") if n == 5 else Reply(body=completion())
    results = run(chat_server.url, 20, concurrency=1).results
    assert [n for n, result in enumerate(results) if isinstance(result.outcome, Failure)] == [5]


def test_calls_that_fail_for_good_leave_exactly_their_cases_undecided(chat_server: ChatServer) -> None:
    poisoned = {f"q{n}" for n in range(0, 200, 67)}

    def script(received: Received, number: int) -> Reply:
        return error(500, "always") if asked(received) in poisoned else Reply(body=completion())

    chat_server.script = script
    results = run(chat_server.url, 200, concurrency=8, attempts=3).results
    failed = {r.case: r.outcome for r in results if isinstance(r.outcome, Failure)}
    assert set(failed) == {f"c{n}" for n in range(0, 200, 67)}
    assert all(outcome.kind == "infrastructure" and "always" in outcome.message for outcome in failed.values())


@pytest.mark.skipif(not hasattr(speed.os, "wait4"), reason="no resources of a child are told there")
def test_a_gate_under_mixed_faults_completes_and_loses_nothing(tmp_path: Path) -> None:
    with speed.endpoint(0.005, "429=0.1,500=0.02,reset=0.01,malformed=0.01") as server:
        speed.write_project(tmp_path / "project", server.url, 200, 50)
        ended = speed.gate(tmp_path / "project", server)
    assert ended.code == 0, ended.err  # a pass, and a MAJOR one wants a human
    assert speed.lost_cases(tmp_path / "project") == 0
    faults = {name: ended.counts[name] for name in ("429", "500", "reset", "malformed")}
    assert min(faults.values()) >= 1, "each fault was planted"
    assert ended.counts["calls"] == 800 + sum(faults.values()), "and each call that failed was made once more"


@pytest.fixture
def short_times(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(circuit_breaker, "OUTAGE", 0.3)
    monkeypatch.setattr(caller, "DOUBT", 0.15)
    monkeypatch.setattr(caller, "_WATCH_SECONDS", 0.05)
    monkeypatch.setattr("evalgate.execute.providers.openai._PROBE_SECONDS", 0.1)
    yield


def test_an_endpoint_that_accepts_and_never_answers_ends_the_run(short_times: None) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/v1"
        with pytest.raises(ServiceError, match='target "t" is down'):
            run(url, 1000, timeout=600, concurrency=4)


def test_an_endpoint_that_goes_deaf_in_the_middle_ends_the_run(chat_server: ChatServer, short_times: None) -> None:
    chat_server.script = lambda _, number: Reply(body=completion(), delay=0.0 if number < 60 else 30.0)
    with pytest.raises(ServiceError, match='target "t" is down'):
        run(chat_server.url, 1000, timeout=600, concurrency=4)
    assert len(chat_server.received) < 100


def test_an_endpoint_that_dies_in_the_middle_ends_the_run_whatever_the_pauses(short_times: None) -> None:
    def script(request: Request, n: int) -> Outcome | ProviderError:
        return Output(text="x") if n < 50 else ProviderError("refused", retryable=True, unreachable=True)

    provider = ScriptedProvider(script)
    with (
        engine(provider, limits=Limits(concurrency=8, attempts=100), backoff=0.02) as running,
        pytest.raises(ServiceError, match='target "t" is down'),
    ):
        running.run(make_trials(1000), answer_only)


def test_a_slow_model_whose_server_still_answers_is_waited_for(chat_server: ChatServer, short_times: None) -> None:
    chat_server.script = [Reply(body=completion(), delay=1.0)]
    ended = run(chat_server.url, 2, concurrency=2)
    assert all(isinstance(result.outcome, Output) for result in ended.results)
    assert len(chat_server.received) == 2


def test_hanging_calls_are_asked_once_more_and_counted_once(
    chat_server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hedging, "_LEAST_SECONDS", 0.1)
    hanging = {50, 120, 190}

    def script(received: Received, number: int) -> Reply:
        return Reply(body=completion(), delay=60.0 if number in hanging else 0.0)

    chat_server.script = script
    started = time.monotonic()
    ended = run(chat_server.url, 200, timeout=120, concurrency=4)
    assert time.monotonic() - started < 30, "no call waited for one that hangs"
    assert ended.calls == Calls(made=200)
    assert ended.usage.input_tokens == 100 * 200
    assert all(isinstance(result.outcome, Output) for result in ended.results)
    assert 203 <= len(chat_server.received) <= 200 + 2 + 0.03 * 200


def test_retry_after_holds_for_the_whole_target_and_calls_return_slowly() -> None:
    def script(request: Request, n: int) -> Outcome | ProviderError:
        return ProviderError("slow", retryable=True, throttled=True, retry_after=0.3) if n == 20 else Output(text="x")

    provider = ScriptedProvider(script, delay=0.01)
    with engine(provider, limits=Limits(concurrency=10)) as running:
        ended = running.run(make_trials(60), answer_only)
    assert all(isinstance(result.outcome, Output) for result in ended.results)
    gaps = [later - earlier for earlier, later in zip(provider.at, provider.at[1:], strict=False)]
    (pause,) = (position for position, gap in enumerate(gaps) if gap > 0.25)
    assert pause >= 20, "what was in flight was in flight"
    restart = gaps[pause + 1 : pause + 5]
    assert min(restart) > 0.001, "one by one"


def test_the_limits_an_endpoint_tells_are_kept() -> None:
    provider = ScriptedProvider(delay=0.002)

    def script(request: Request, n: int) -> Outcome:
        if n == 10:
            provider.told(Headroom(requests_left=0, requests_reset=0.3))
        return Output(text="x")

    provider.script = script
    with engine(provider, limits=Limits(concurrency=4)) as running:
        running.run(make_trials(40), answer_only)
    gaps = [later - earlier for earlier, later in zip(provider.at, provider.at[1:], strict=False)]
    assert max(gaps) > 0.25
    assert 10 <= gaps.index(max(gaps)) <= 14


def test_the_run_s_own_rate_is_kept() -> None:
    provider = ScriptedProvider()
    with engine(provider, limits=Limits(concurrency=50, requests_per_minute=1200)) as running:
        running.run(make_trials(40), answer_only)
    assert provider.at[39] - provider.at[0] >= 0.9, "twenty at once, then twenty a second"


def test_the_run_s_own_tokens_are_kept() -> None:
    provider = ScriptedProvider()
    with engine(provider, limits=Limits(concurrency=50, tokens_per_minute=60_000)) as running:
        running.run(make_trials(12, lambda n: f"{n:02} " + "x" * 397), answer_only)  # 200 tokens each, as it is guessed
    assert provider.at[11] - provider.at[0] >= 1.0, "a thousand at once, then a thousand a second"


def test_a_cost_limit_is_not_overshot_by_what_is_in_flight() -> None:
    provider = ScriptedProvider(lambda request, n: Output(text="x", cost_usd=0.10), delay=0.002)
    with engine(provider, limits=Limits(concurrency=20, max_cost_usd=0.95)) as running:
        ended = running.run(make_trials(100), answer_only)
    assert ended.cost_usd == pytest.approx(1.0)
    assert len(provider.asked) == 10
    assert provider.most_at_once > 1


def test_a_wave_of_429_makes_the_window_narrow_and_then_wide_again() -> None:
    width = {}

    def script(request: Request, n: int) -> Outcome | ProviderError:
        width[n] = provider.now
        if n < 400 and provider.now > 5:
            return ProviderError("too many", retryable=True, throttled=True)
        return Output(text="x")

    provider = ScriptedProvider(script, delay=0.01)  # longer than it takes to begin 40, on a busy machine too
    with engine(provider, limits=Limits(concurrency=40, attempts=100)) as running:
        ended = running.run(make_trials(1000), answer_only)
    assert all(isinstance(result.outcome, Output) for result in ended.results)
    assert max(width[n] for n in range(40)) == 40
    assert max(width[n] for n in range(300, 400)) < 30
    assert max(width[n] for n in range(700, 1000)) == 40
