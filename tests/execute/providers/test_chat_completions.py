from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Any

import pytest
from chat_server import completion
from hypothesis import example, given
from hypothesis import strategies as st

from evalgate.domain import Failure, Message, Output, Prices, Request, Usage
from evalgate.execute.providers.chat_completions import make_body, read_reply, read_score_tokens, shorten
from evalgate.execute.providers.protocol import ProviderError


def make_request(**more: Any) -> Request:
    return Request(target="t", identity="i", model="m", messages=(Message(role="user", content="hi"),), **more)


def token(text: str, logprob: float = 0.0, **alternatives: float) -> dict[str, Any]:
    top = [{"token": name, "logprob": value} for name, value in alternatives.items()]
    return {"token": text, "logprob": logprob, "top_logprobs": top}


def test_body_sends_all_that_the_prompt_asks_for() -> None:
    request = make_request(
        parameters={"temperature": 0, "some_vendor_option": {"a": 1}, "stream": True},
        response_format={"type": "json_object"},
        tools=({"type": "function"},),
    )
    assert make_body(request, "m-2") == {
        "temperature": 0,
        "some_vendor_option": {"a": 1},
        "model": "m-2",
        "messages": [{"role": "user", "content": "hi"}],
        "response_format": {"type": "json_object"},
        "tools": [{"type": "function"}],
    }


def test_body_asks_for_logprobs_only_with_a_scale() -> None:
    assert "logprobs" not in make_body(make_request(), "m")
    sent = make_body(make_request(scale=(1, 5)), "m")
    assert (sent["logprobs"], sent["top_logprobs"]) == (True, 20)


def test_reply_becomes_output_with_usage_cost_and_fingerprint() -> None:
    data = completion("hello", system_fingerprint="fp_1")
    outcome = read_reply(data, seconds=1.5, prices=Prices(input=1.0, output=10.0))
    assert outcome == Output(
        text="hello",
        served_by="m-1/fp_1",
        usage=Usage(input_tokens=100, output_tokens=10),
        seconds=1.5,
        cost_usd=pytest.approx(0.0002),
    )


def test_reply_cut_by_length_is_kept() -> None:
    outcome = read_reply(completion("half a", finish_reason="length"), seconds=1)
    assert isinstance(outcome, Output)
    assert (outcome.text, outcome.finish_reason) == ("half a", "length")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (completion("x", finish_reason="content_filter"), "content filter"),
        (completion(None, message={"refusal": "I cannot\nhelp"}), "refused: I cannot help"),
        (completion(None), "empty"),
        (completion(" \n", finish_reason="length"), "token limit (max_tokens) was reached"),
        (completion("x", finish_reason="SAFETY"), "content filter"),
        (completion(message={"content": [{"type": "refusal", "refusal": "no"}]}), "refused: no"),
        (completion() | {"choices": []}, "no choice"),
    ],
)
def test_unusable_replies_count_against_the_version_and_cost(data: dict[str, Any], why: str) -> None:
    outcome = read_reply(data, seconds=1, prices=Prices(input=1, output=1))
    assert isinstance(outcome, Failure)
    assert outcome.kind == "unusable"
    assert why in outcome.message
    assert outcome.cost_usd == pytest.approx(0.00011)


@pytest.mark.parametrize(
    "data",
    [None, [], "text", {}, {"choices": None}, {"choices": [1]}, {"choices": [{"message": "x"}]}, {"error": "overload"}],
)
def test_what_is_no_completion_is_tried_again(data: Any) -> None:
    with pytest.raises(ProviderError) as caught:
        read_reply(data, seconds=1)
    assert caught.value.retryable
    assert not caught.value.fatal


def test_tool_calls_become_the_text() -> None:
    calls = [{"function": {"name": "find", "arguments": '{"id": 7}'}}, {"function": {"name": "go", "arguments": "{"}}]
    outcome = read_reply(completion(None, finish_reason="tool_calls", message={"tool_calls": calls}), seconds=1)
    assert isinstance(outcome, Output)
    assert outcome.text == (
        '{"tool_calls": [{"name": "find", "arguments": {"id": 7}}, {"name": "go", "arguments": "{"}]}'
    )


def test_text_in_parts_is_joined() -> None:
    outcome = read_reply(completion(message={"content": [{"type": "text", "text": "a"}, {"text": "b"}]}), seconds=1)
    assert isinstance(outcome, Output)
    assert outcome.text == "ab"


def test_score_tokens_keep_integers_of_the_scale_and_add_spellings() -> None:
    tokens = [
        token("{", **{"{": 0.0}),
        token(" 4", **{" 4": math.log(0.5), "4": math.log(0.2), "5": math.log(0.1), "9": -1.0, "four": -2.0}),
        token("7", **{"7": -0.1}),
    ]
    found = read_score_tokens({"content": tokens}, (1, 5))
    assert [each.token for each in found] == [4]
    assert found[0].logprobs == {4: pytest.approx(math.log(0.7), abs=1e-6), 5: pytest.approx(math.log(0.1), abs=1e-6)}


def test_score_token_missing_from_its_own_alternatives_is_added() -> None:
    found = read_score_tokens({"content": [token("2", -3.0, **{"so": -0.1, "1": -4.0})]}, (1, 5))
    assert found[0].logprobs == {1: -4.0, 2: -3.0}


@pytest.mark.parametrize(
    "logprobs", [None, {}, {"content": None}, {"content": ["x"]}, {"content": [token("3", math.nan)]}]
)
def test_logprobs_of_no_use_give_no_score_token(logprobs: Any) -> None:
    assert read_score_tokens(logprobs, (1, 5)) == ()


def test_shorten_gives_one_printable_line() -> None:
    assert shorten("a\x1b[31m\r\nb\u202e c") == "a [31m b c"
    assert shorten("x" * 500, 10) == "x" * 9 + "…"


@pytest.mark.parametrize("total", [0, None])
def test_usage_of_zeros_is_no_measurement(total: int | None) -> None:
    data = completion("an answer", usage={"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": total})
    outcome = read_reply(data, seconds=1, prices=Prices(input=1, output=1))
    assert isinstance(outcome, Output) and outcome.usage is None and outcome.cost_usd is None


def test_the_choice_of_the_lowest_index_is_the_answer() -> None:
    data = completion("first")
    second = {**data["choices"][0], "index": 1, "message": {"role": "assistant", "content": "second"}}
    data["choices"] = [second, {**data["choices"][0], "index": 0}]
    outcome = read_reply(data, seconds=1)
    assert isinstance(outcome, Output) and outcome.text == "first"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
WHOLE = completion(
    "4",
    message={"tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}], "reasoning_content": "r"},
    logprobs={"content": [{"token": "4", "logprob": -0.1, "top_logprobs": [{"token": "4", "logprob": -0.1}]}]},
    error=None,
    base_resp={"status_code": 0},
)


def list_places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield way
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from list_places(inner, (*way, key))


@given(st.sampled_from([way for way in list_places(WHOLE) if way]), JSON)
@example(("choices", 0, "logprobs", "content", 0, "top_logprobs", 0, "token"), ["4"])
def test_whatever_an_endpoint_puts_into_a_reply_is_an_outcome_or_a_failed_call(
    way: tuple[Any, ...], value: Any
) -> None:
    data = copy.deepcopy(WHOLE)
    inner: Any = data
    for key in way[:-1]:
        inner = inner[key]
    inner[way[-1]] = value
    try:
        outcome = read_reply(data, seconds=1.0, scale=(1, 5), prices=Prices(input=1, output=2))
    except ProviderError:
        return
    assert isinstance(outcome, Output | Failure)
