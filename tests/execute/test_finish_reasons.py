"""An answer that an error ended is none, and a tool call is never dropped, whatever the endpoint calls them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from chat_server import completion
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import (
    Case,
    Check,
    Failure,
    Outcome,
    Output,
    Prices,
    Score,
    ToolCall,
    Unscored,
    answered,
    classify_ending,
    decode_outcome,
    encode_outcome,
    normalize,
)
from evalgate.domain.trials import read_usage
from evalgate.execute.providers.chat_completions import read_reply
from evalgate.execute.providers.protocol import ProviderError
from evalgate.score import checks
from evalgate.store.cache_entry import CacheEntry, dump, is_answer, load

NORMAL = ["stop", "STOP", "tool_calls", "function_call", "end_turn", "eos", "eos_token", "stop_sequence", None, ""]
NORMAL += ["FinishReason.STOP", "toolCalls", "endTurn", "FINISH_REASON_STOP", "tool-calls", "Stop Sequence"]
NORMAL += ["endoftext", "end_of_text", "FINISH", "finished", "done", "eosFound"]
CUT = ["length", "max_tokens", "MAX_TOKENS", "model_length", "maxTokens", "FINISH_REASON_MAX_TOKENS"]
CUT += ["FinishReason.MAX_TOKENS", "max_new_tokens", "max_completion_tokens", "context_length_exceeded", "truncated"]
REFUSED = ["content_filter", "content-filter", "SAFETY", "refusal", "sensitive", "content_filter: RECITATION"]
REFUSED += [
    "MODEL_ARMOR",
    "output_guardrail_triggered",
    "IMAGE_SAFETY",
    "content_filter: PROHIBITED_CONTENT",
    "blocked",
]
SPOILT = ["MALFORMED_FUNCTION_CALL", "function_call_filter: MALFORMED_FUNCTION_CALL", "malformed_model_output", "OTHER"]
SPOILT += ["UNEXPECTED_TOOL_CALL", "repetition", "max_turns", "TOO_MANY_TOOL_CALLS"]
BROKEN = [
    "error", "ERROR", "network_error", "insufficient_system_resource", "abort", "aborted", "cancelled", "timeout",
    "engine_overloaded", "load", "rate_limit", "502",
]  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


def test_every_reason_has_one_ending() -> None:
    assert {classify_ending(reason) for reason in NORMAL} == {"whole"}
    assert {classify_ending(reason) for reason in CUT} == {"cut"}
    assert {classify_ending(reason) for reason in REFUSED} == {"refused"}
    assert {classify_ending(reason) for reason in SPOILT} == {"spoilt"}
    assert {classify_ending(reason) for reason in BROKEN} == {"broken"}


@given(
    st.sampled_from([*REFUSED, *SPOILT]),
    st.sampled_from(["finish_reason", "native_finish_reason"]),
    st.sampled_from([None, "", "A go"]),
)
def test_what_the_model_or_its_filter_ended_is_not_asked_for_again(reason: str, key: str, text: str | None) -> None:
    """Five draws in place of one would hide that three answers of ten are filtered."""
    data = completion(text)
    data["choices"][0][key] = reason
    outcome = read_reply(data, seconds=1.0)
    assert isinstance(outcome, Failure) and is_answer(outcome)
    kept = decode_outcome({"text": text or "", "finish_reason": reason})
    assert isinstance(kept, Failure) and is_answer(kept)


@pytest.mark.parametrize(
    "error",
    [
        {"code": "content_filter", "message": "The response was filtered"},
        {"code": "data_inspection_failed", "message": "Output data may contain inappropriate content."},
        {"message": "Content Exists Risk", "type": "invalid_request_error"},
        "the response was blocked by a guardrail",
        "This request violates the provider's usage policies",
        "Content violates usage guidelines.",
        "系统检测到输入或生成内容可能包含不安全或敏感内容",
        'flagged by moderation: "the connection timed out"',
        {"code": "content_filter", "message": "the text that asks why the service is unavailable was filtered"},
    ],
)
@pytest.mark.parametrize("has_text", [False, True])
def test_an_error_of_a_filter_is_a_reply(error: Any, has_text: bool) -> None:
    data = (completion("A go") if has_text else {"choices": []}) | {"error": error}
    within = completion("A go")
    within["choices"][0] |= {"error": error, "finish_reason": "error"}
    for each in (data, within):
        assert read_reply(each, seconds=1.0) == Failure(
            kind="unusable",
            message="the endpoint's content filter stopped the reply",
            seconds=1.0,
            usage=read_usage(100, 10) if "usage" in each else None,
        )


def test_a_filter_in_the_state_of_a_reply_is_read_as_an_error() -> None:
    data = {"choices": None, "base_resp": {"status_code": 1027, "status_msg": "output new_sensitive"}}
    assert isinstance(read_reply(data, seconds=1.0), Failure)


@pytest.mark.parametrize(
    "error",
    [
        "connection refused",
        "the upstream blocked",
        "model names are case-sensitive",
        "the content policy service is unavailable",
        "the moderation service timed out",
        "your usage policy quota was exceeded",
        "prohibited by a firewall",
        "Guardrail service error",
        "failed to call the guardrail: connection reset",
        "Content moderation: server busy, try again later",
        {"code": "content_filter_error", "message": "The contents are not filtered"},
        {"code": "service_unavailable", "message": "content moderation is not there"},
        {"type": "timeout", "message": "the moderation check did not end", "code": "deadline_exceeded"},
    ],
)
def test_an_error_of_the_way_is_none_of_a_filter(error: Any) -> None:
    with pytest.raises(ProviderError):
        read_reply({"error": error if isinstance(error, dict) else {"message": error}}, seconds=1.0)


@given(st.sampled_from(BROKEN) | st.text(min_size=1).filter(lambda text: classify_ending(text) == "broken"), st.text())
def test_what_an_error_ended_is_no_answer_wherever_it_comes_from(reason: str, text: str) -> None:
    with pytest.raises(ProviderError) as caught:
        read_reply(completion(text, finish_reason=reason), seconds=1.0)
    assert caught.value.retryable and not caught.value.fatal
    kept = decode_outcome({"text": text, "finish_reason": reason})
    assert isinstance(kept, Failure) and not is_answer(kept)
    assert isinstance(answered.score_answered(kept, "fail"), Unscored)


@pytest.mark.parametrize("told", [{"code": 502, "message": "Upstream error"}, "overloaded"])
def test_an_error_beside_the_text_makes_it_none(told: Any) -> None:
    beside = completion('{"answer": "y') | {"error": told}
    within = completion('{"answer": "y')
    within["choices"][0]["error"] = told
    for data in (beside, within):
        with pytest.raises(ProviderError, match=r"Upstream|overloaded"):
            read_reply(data, seconds=1.0)


def called(form: str, name: str, arguments: Any) -> dict[str, Any]:
    """A message that calls a tool, in one of the forms that endpoints have."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    match form:
        case "function":
            return {"tool_calls": [{"id": "1", "type": "function", "function": {"name": name, "arguments": text}}]}
        case "custom":
            return {"tool_calls": [{"id": "1", "type": "custom", "custom": {"name": name, "input": text}}]}
        case "flat":
            return {"tool_calls": [{"name": name, "arguments": arguments}]}
        case "legacy":
            return {"function_call": {"name": name, "arguments": text}}
        case _:
            return {"content": [{"type": "text", "text": "T"}, {"type": "tool_use", "name": name, "input": arguments}]}


@given(st.sampled_from(["function", "custom", "flat", "legacy", "part"]), NAMES, JSON, st.sampled_from(["", "hello"]))
def test_a_tool_call_is_never_dropped(form: str, name: str, arguments: Any, text: str) -> None:
    message = {"content": text} | called(form, name, arguments)
    outcome = read_reply(completion(message=message, finish_reason="tool_calls"), seconds=1.0)
    assert isinstance(outcome, Output)
    kept = load(dump(CacheEntry(key="k", about="", outcome=outcome))).outcome
    assert kept == outcome
    alone = not text and form != "part"
    calls = json.loads(outcome.text)["tool_calls"] if alone else list(outcome.tool_calls)
    assert [call["name"] if isinstance(call, dict) else call.name for call in calls] == [name]
    check = Check(name="c", type="contains", options={"value": name}, negated=True)
    scored = checks.score(check, Case(id="a", fields={}), outcome)
    if not normalize(name):  # there is nothing to search for
        assert isinstance(scored, Unscored)
        return
    assert isinstance(scored, Score) and scored.value == 0
    if not alone:
        scored = checks.score(replace(check, negated=False), Case(id="a", fields={}), outcome)
        assert isinstance(scored, Unscored) and "tool calls beside text" in scored.reason


def test_calls_beside_text_leave_measurements_alone() -> None:
    output = Output(text="x", seconds=1.0, tool_calls=(ToolCall(name="f", arguments="{}"),))
    check = Check(name="c", type="latency", options={"max_seconds": 2})
    assert checks.score(check, Case(id="a", fields={}), output) == Score(
        value=1.0, reason="must take at most 2 seconds; found 1 seconds"
    )
    assert "tool_calls" not in encode_outcome(Output(text="x"))


@given(st.sampled_from(CUT), st.sampled_from(["is_json", "equals", "contains", "regex", "json_schema"]))
def test_a_cut_answer_is_said_to_be_cut_and_not_the_prompts_fault(reason: str, kind: str) -> None:
    outcome = read_reply(completion('{"answer": "y', finish_reason=reason), seconds=1.0)
    options = {"value": "no", "pattern": "no", "schema": {"type": "object"}}
    for scored in (
        answered.score_answered(outcome, "fail"),
        checks.score(Check(name="c", type=kind, options=options), Case(id="a", fields={}), outcome),  # type: ignore[arg-type]
    ):
        assert isinstance(scored, Score) and scored.value == 0
        assert scored.reason.startswith("the answer is cut: its token limit (max_tokens) was reached")


COUNTS = st.integers() | st.integers(min_value=2**52) | st.just(10**400) | st.floats() | st.booleans() | st.none()


@given(COUNTS, COUNTS)
def test_a_count_of_tokens_is_one_or_none_at_all(read: Any, written: Any) -> None:
    data = completion("x") | {"usage": {"prompt_tokens": read, "completion_tokens": written}}
    outcome = read_reply(data, seconds=1.0, prices=Prices(input=1.0, output=1.0))
    sound = all(type(count) is int and 0 <= count < 2**53 for count in (read, written))
    measured = sound and (read, written) != (0, 0)  # zeros are what some gateways report instead
    assert (outcome.usage is not None) == measured
    assert (outcome.cost_usd is not None) == measured
    kept = {"text": "x", "usage": {"input_tokens": read, "output_tokens": written}, "cost_usd": read}
    again: Outcome = decode_outcome(kept)
    assert (again.usage is not None) == sound
