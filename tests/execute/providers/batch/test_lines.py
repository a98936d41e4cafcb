"""The lines of a batch: requests to lines, and lines to outcomes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from chat_server import completion
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Failure, Message, Output, Prices, Request, Target
from evalgate.execute.providers.batch.api import BatchEndpoint
from evalgate.execute.providers.batch.lines import add_line, estimate_cost, make_line, read_line
from evalgate.execute.providers.protocol import ProviderError


@pytest.mark.parametrize("status", [0, -1, 202, 204, 206, True, "200"])
def test_only_200_is_an_answer_of_a_batch(status: Any) -> None:
    target = Target(name="t", kind="openai", location="https://api.invalid/v1", identity="i", model="m")
    endpoint = BatchEndpoint(target, None, 1.0)
    request = Request(target="t", identity="i", model="m", messages=())
    line = {"response": {"status_code": 200, "body": completion("fine")}}
    assert isinstance(read_line(line, request, "m", endpoint), Output)
    line["response"]["status_code"] = status
    with pytest.raises(ProviderError):
        read_line(line, request, "m", endpoint)


def test_an_error_in_a_body_counts_as_the_status_that_it_names() -> None:
    target = Target(name="t", kind="openai", location="https://api.invalid/v1", identity="i", model="m")
    request = Request(target="t", identity="i", model="m", messages=())
    body = {"error": {"code": 403, "message": "the input was flagged"}}
    with pytest.raises(ProviderError, match="403") as caught:
        read_line({"response": {"status_code": 200, "body": body}}, request, "m", BatchEndpoint(target, None, 1.0))
    assert caught.value.refused and not caught.value.retryable


def test_a_line_names_its_request_by_key_and_holds_the_body_of_a_call() -> None:
    request = Request(target="t", identity="i", model="m", messages=(Message(role="user", content="h\u00e9\nllo"),))
    line = make_line("k1", request, "m")
    assert line.endswith(b"\n") and line.count(b"\n") == 1 and line.isascii()
    data = json.loads(line)
    assert (data["custom_id"], data["method"], data["body"]["model"]) == ("k1", "POST", "m")
    assert data["body"]["messages"] == [{"role": "user", "content": "h\u00e9\nllo"}]


def test_an_estimate_grows_with_the_line_and_the_limit_of_the_answer() -> None:
    request = Request(target="t", identity="i", model="m", messages=())
    limited = replace(request, parameters={"max_tokens": 1_000})
    prices = Prices(input=1.0, output=10.0)
    assert estimate_cost(b"x" * 4_000, request, prices) == pytest.approx((1_000 * 1 + 256 * 10) / 1e6)
    assert estimate_cost(b"x" * 4_000, limited, prices) == pytest.approx((1_000 * 1 + 1_000 * 10) / 1e6)


@pytest.mark.parametrize("response", [None, {"status_code": 200, "body": None}])
def test_an_error_of_a_filter_in_a_line_is_a_reply(response: Any) -> None:
    target = Target(name="t", kind="openai", location="https://api.invalid/v1", identity="i", model="m")
    request = Request(target="t", identity="i", model="m", messages=())
    line = {"response": response, "error": {"code": "content_filter", "message": "the request was filtered"}}
    outcome = read_line(line, request, "m", BatchEndpoint(target, None, 1.0))
    assert isinstance(outcome, Failure) and outcome.kind == "unusable"


@pytest.mark.parametrize("line", [{}, {"response": None}, {"response": {}}, {"error": {"message": "lost"}}])
def test_a_line_without_a_response_can_be_sent_again(line: dict[str, Any]) -> None:
    target = Target(name="t", kind="openai", location="https://api.invalid/v1", identity="i", model="m")
    request = Request(target="t", identity="i", model="m", messages=())
    with pytest.raises(ProviderError) as caught:
        read_line(line, request, "m", BatchEndpoint(target, None, 1.0))
    assert caught.value.retryable


@pytest.mark.parametrize("error", [{"code": "batch_expired"}, {"message": "lost"}, {"x": 1}, "lost", 5, True, ["lost"]])
def test_a_line_that_tells_of_an_error_is_no_answer_whatever_stands_beside_it(error: Any) -> None:
    endpoint = BatchEndpoint(
        Target(name="t", kind="openai", location="https://api.invalid/v1", identity="i"), None, 1.0
    )
    line = {"response": {"status_code": 200, "body": completion("fine")}, "error": error}
    request = Request(target="t", identity="i", model="m", messages=())
    with pytest.raises(ProviderError) as caught:
        read_line(line, request, "m", endpoint)
    assert caught.value.retryable
    for none in (None, {}, "", {"code": None, "message": ""}):
        assert isinstance(read_line({**line, "error": none}, request, "m", endpoint), Output)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["one", "two"]), st.integers(0, 3)), max_size=6))
def test_two_different_lines_for_one_request_are_no_answer(given_lines: list[tuple[str, str, int]]) -> None:
    endpoint = BatchEndpoint(
        Target(name="t", kind="openai", location="https://api.invalid/v1", identity="i"), None, 1.0
    )
    request = Request(target="t", identity="i", model="m", messages=())
    found: dict[str, Any] = {}
    for key, text, number in given_lines:
        add_line(found, {"id": number, "custom_id": key, "response": {"status_code": 200, "body": completion(text)}})
    for key in "ab":
        texts = {text for own, text, _ in given_lines if own == key}
        if len(texts) == 1:
            outcome = read_line(found[key], request, "m", endpoint)
            assert isinstance(outcome, Output) and {outcome.text} == texts
        elif texts:
            with pytest.raises(ProviderError, match="different lines for one request"):
                read_line(found[key], request, "m", endpoint)
