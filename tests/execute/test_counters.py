"""What the counters of a run add up: calls, tokens, dollars."""

from __future__ import annotations

import pytest
from scripted_provider import ScriptedProvider, answer_only, engine, make_trials, text_of

from evalgate.domain import Calls, Failure, Outcome, Output, Request, Usage
from evalgate.execute.counters import Counters
from evalgate.execute.providers.protocol import ProviderError


def test_cost_is_unknown_when_one_made_call_has_no_price() -> None:
    provider = ScriptedProvider(lambda request, n: Output(text="x", cost_usd=None if n == 3 else 0.1))
    with engine(provider) as running:
        assert running.run(make_trials(5), answer_only).cost_usd is None


def test_a_refusal_costs_and_a_lost_call_does_not() -> None:
    def script(request: Request, n: int) -> Outcome | ProviderError:
        if text_of(request) == "q0":
            return Failure(kind="unusable", message="no", usage=Usage(output_tokens=3), cost_usd=0.2)
        return ProviderError("lost") if text_of(request) == "q1" else Output(text="x", cost_usd=0.1)

    with engine(ScriptedProvider(script)) as running:
        run = running.run(make_trials(3), answer_only)
    assert run.cost_usd == pytest.approx(0.3)
    assert run.usage == Usage(output_tokens=3)


def test_further_attempts_of_a_request_are_no_further_calls() -> None:
    counters = Counters()
    for key in ("a", "a", "b"):
        counters.send(key)
    assert (counters.calls, counters.unanswered) == (Calls(made=2), {"a", "b"})


def test_usage_and_cost_add_up_until_a_cost_is_unknown() -> None:
    counters = Counters()
    for _ in range(2):
        counters.pay(Output(text="x", usage=Usage(input_tokens=1, output_tokens=2)), 0.25)
    assert (counters.usage, counters.cost) == (Usage(input_tokens=2, output_tokens=4), 0.5)
    counters.pay(Failure(kind="infrastructure", message="503"), None)
    assert counters.cost == 0.5
    counters.pay(Output(text="x"), None)
    counters.pay(Output(text="x"), 1.0)
    assert counters.cost is None
