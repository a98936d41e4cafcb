from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer, Received, Reply, completion, error
from scripted_provider import ScriptedProvider, answer_only, make_request, make_result, make_trials

from evalgate.domain import Calls, Failure, Limits, Outcome, Output, Request, Result, Target, Trial
from evalgate.errors import ServiceError
from evalgate.execute.engine import Engine
from evalgate.execute.limits import startup
from evalgate.execute.providers.openai import OpenAIProvider
from evalgate.execute.providers.protocol import ProviderError
from evalgate.execute.request_forms import MOST_ADAPTATIONS, FormChangedError, RequestForms
from evalgate.store.known_adaptations import load_adaptations, save_adaptations

REFUSED = ("frequency_penalty", "seed", "temperature", "top_p")


def strict(received: Received, number: int) -> Reply:
    """Refuse the first parameter that is not accepted, and answer with the names of those that were sent."""
    for name in REFUSED:
        if name in received.body:
            return error(400, f"Unsupported parameter: '{name}' is not supported with this model.")
    return Reply(body=completion(" ".join(sorted(received.body))))


def make_target(url: str, **more: Any) -> Target:
    return Target(name="t", kind="openai", location=url, identity="i", model="m", **more)


def make_engine(
    server: ChatServer, *, forms: RequestForms | None = None, concurrency: int = 4, **target: Any
) -> Engine:
    provider = OpenAIProvider(make_target(server.url, **target), None, 20)
    limits = Limits(concurrency=concurrency, attempts=2)
    return Engine({"t": provider}, limits=limits, backoff=0.001, forms=forms)


def with_parameters(**parameters: Any) -> Any:
    def evaluate(trial: Trial) -> Generator[Sequence[Request], Sequence[Outcome], Result]:
        (outcome,) = yield [replace(trial.request, parameters=parameters)]
        return make_result(trial, outcome)

    return evaluate


def test_requests_are_made_again_without_what_is_refused(chat_server: ChatServer, tmp_path: Path) -> None:
    chat_server.script = strict
    path = tmp_path / "adaptations.json"
    with make_engine(chat_server, forms=RequestForms(path)) as engine:
        run = engine.run(make_trials(40), with_parameters(**dict.fromkeys(REFUSED, 1), stop="x"))
    assert {result.outcome.text for result in run.results} == {"messages model stop"}  # type: ignore[union-attr]
    assert run.calls == Calls(made=40)
    assert len(chat_server.received) <= 40 + 4 * len(REFUSED)
    assert load_adaptations(path) == {("i", "m"): tuple(f"drop {name}" for name in REFUSED)}
    chat_server.received.clear()
    with make_engine(chat_server, forms=RequestForms(path)) as engine:
        engine.run(make_trials(40), with_parameters(**dict.fromkeys(REFUSED, 1)))
    assert len(chat_server.received) == 40, "the next run pays no refusal again"


def test_equal_requests_wait_for_the_accepted_form(chat_server: ChatServer) -> None:
    chat_server.script = strict
    with make_engine(chat_server) as engine:
        run = engine.run(make_trials(30, lambda n: f"q{n % 3}"), with_parameters(seed=1))
    assert all(isinstance(result.outcome, Output) for result in run.results)
    assert (run.calls.made, run.calls.saved) == (3, 27)


def test_an_adaptation_that_never_led_to_an_answer_is_not_kept(chat_server: ChatServer, tmp_path: Path) -> None:
    path = tmp_path / "adaptations.json"
    chat_server.script = lambda received, n: (
        strict(received, n) if "seed" in received.body else error(400, "this text is not accepted")
    )
    with make_engine(chat_server, forms=RequestForms(path)) as engine:
        (result,) = engine.run(make_trials(1), with_parameters(seed=1)).results
    assert isinstance(result.outcome, Failure)
    assert not path.exists()


def test_an_endpoint_that_refuses_without_end_is_not_adapted_to_without_end(chat_server: ChatServer) -> None:
    parameters = {f"option_{n:02}": n for n in range(3 * MOST_ADAPTATIONS)}
    chat_server.script = lambda received, n: error(
        400, f"unknown parameter '{sorted(set(received.body) & set(parameters))[0]}'"
    )
    with make_engine(chat_server) as engine:
        (result,) = engine.run(make_trials(1), with_parameters(**parameters)).results
    assert isinstance(result.outcome, Failure)
    assert len(chat_server.received) == MOST_ADAPTATIONS + 1


def test_answers_in_two_forms_are_not_mixed(chat_server: ChatServer, tmp_path: Path) -> None:
    chat_server.script = lambda received, n: Reply(body=completion()) if n < 5 else strict(received, n)
    path = tmp_path / "adaptations.json"
    with (
        pytest.raises(FormChangedError, match="two forms"),
        make_engine(chat_server, forms=RequestForms(path), concurrency=1) as engine,
    ):
        engine.run(make_trials(20), with_parameters(temperature=0))
    assert load_adaptations(path) == {("i", "m"): ("drop temperature",)}, "the next run knows it from the start"


def test_other_requests_to_the_same_model_may_go_on(chat_server: ChatServer) -> None:
    chat_server.script = strict
    with make_engine(chat_server, concurrency=1) as engine:
        engine.run(make_trials(3), answer_only)
        run = engine.run(make_trials(3, lambda n: f"j{n}"), with_parameters(temperature=0))
    assert all(isinstance(result.outcome, Output) for result in run.results)


def test_a_stored_answer_in_a_form_that_is_refused_now_is_not_used() -> None:
    forms = RequestForms()
    request = make_request("q", parameters={"temperature": 0})
    forms.on_stored_answer(request)
    with pytest.raises(FormChangedError):
        forms.learn(request, ["drop temperature"])
    with pytest.raises(FormChangedError):
        forms.on_stored_answer(request)


def test_recorded_answers_have_no_form(tmp_path: Path) -> None:
    path = tmp_path / "adaptations.json"
    save_adaptations(path, {("i", "m"): ("drop temperature",)})
    asked: list[Request] = []

    def script(request: Request, n: int) -> Outcome:
        asked.append(request)
        return Output(text="x")

    provider = ScriptedProvider(script)
    provider.memory = "nothing"
    with Engine({"t": provider}, forms=RequestForms(path)) as engine:
        engine.run(make_trials(1), with_parameters(temperature=0))
    assert asked[0].parameters == {"temperature": 0}


LOADING = [
    error(503, "Loading model"),
    Reply(body={"error": "Model x/y is currently loading", "estimated_time": 20.0}, status=503),
    error(500, "llm server loading model"),
    error(503, "the endpoint is starting up"),
    Reply(body={"error": "Model x is not ready"}, status=503),
    Reply(body=b"model is initializing", status=503),
]


@pytest.fixture
def quick_startup(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(startup, "_LONGEST_PAUSE", 0.01)


@pytest.mark.parametrize("reply", LOADING, ids=lambda reply: str(reply.body)[:40])
def test_an_endpoint_that_is_loading_its_model_is_waited_for(
    chat_server: ChatServer, quick_startup: None, reply: Reply
) -> None:
    # more replies than a call has attempts, or than failures end a run
    chat_server.script = lambda received, n: reply if n < 30 else Reply(body=completion())
    with make_engine(chat_server) as engine:
        run = engine.run(make_trials(6), answer_only)
    assert all(isinstance(result.outcome, Output) for result in run.results)


def test_an_endpoint_that_never_ends_loading_ends_the_run(chat_server: ChatServer, quick_startup: None) -> None:
    chat_server.script = [error(503, "Loading model")]
    with (
        pytest.raises(ServiceError, match="loading its model") as caught,
        make_engine(chat_server, startup_timeout=0.2) as engine,
    ):
        engine.run(make_trials(100), answer_only)
    assert "startup_timeout" in str(caught.value)
    assert "attempts" not in str(caught.value)


def test_a_retry_after_of_an_hour_does_not_end_the_wait_for_a_model(
    chat_server: ChatServer, quick_startup: None
) -> None:
    chat_server.script = [error(503, "Loading model", Retry_After="3600")]
    with (
        pytest.raises(ServiceError, match="loading its model"),
        make_engine(chat_server, startup_timeout=0.1) as engine,
    ):
        engine.run(make_trials(1), answer_only)


def test_only_as_many_attempts_are_named_as_were_made() -> None:
    def script(request: Request, n: int) -> Outcome | ProviderError:
        return ProviderError("come back later", retryable=True, retry_after=3600)

    limits = Limits(attempts=5, concurrency=1)
    with (
        pytest.raises(ServiceError) as caught,
        Engine({"t": ScriptedProvider(script)}, limits=limits, backoff=0.001) as engine,
    ):
        engine.run(make_trials(20), answer_only)
    assert "after 1 attempt," in str(caught.value)
    assert "3600 s" in str(caught.value)


def test_an_endpoint_that_is_slow_is_called_slow(chat_server: ChatServer) -> None:
    chat_server.script = [Reply(body=completion(), delay=0.5)]
    provider = OpenAIProvider(make_target(chat_server.url), None, 0.05)
    with (
        pytest.raises(ServiceError, match="slow") as caught,
        Engine({"t": provider}, limits=Limits(attempts=2, concurrency=2), backoff=0.001) as engine,
    ):
        engine.run(make_trials(20), answer_only)
    assert "run.timeout" in str(caught.value)
    assert "after 2 attempts" in str(caught.value)
