"""Tests of reading logged calls: spans, observations, and requests with their responses."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.errors import InputError
from evalgate.inputs.logged_calls import choose_call, read_calls

CHAT = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "where is it?"}]
TOLD = (("system", "be brief"), ("user", "where is it?"))
REPLY = {"choices": [{"message": {"role": "assistant", "content": "here"}}]}
PARTS = [{"role": one["role"], "parts": [{"type": "text", "content": one["content"]}]} for one in CHAT]


def attribute(key: str, value: object) -> dict[str, object]:
    return {"key": key, "value": {"stringValue": value}}


def span(*attributes: dict[str, object], name: str = "s1") -> dict[str, object]:
    return {"spanId": name, "traceId": "t", "name": "chat", "attributes": list(attributes)}


def export(*spans: object) -> dict[str, object]:
    return {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}


CALLS = {
    "span": span(
        attribute("gen_ai.input.messages", json.dumps(PARTS)),
        attribute("gen_ai.output.messages", json.dumps([{"role": "assistant", "parts": [{"content": "here"}]}])),
    ),
    "export": export(
        span(name="s0"), span(attribute("input.value", json.dumps(CHAT)), attribute("output.value", "here"))
    ),
    "numbered": span(
        attribute("gen_ai.prompt.0.role", "system"),
        attribute("gen_ai.prompt.0.content", "be brief"),
        attribute("gen_ai.prompt.1.role", "user"),
        attribute("gen_ai.prompt.1.content", "where is it?"),
        attribute("gen_ai.completion.0.role", "assistant"),
        attribute("gen_ai.completion.0.content", "here"),
    ),
    "plain attributes": {"span_id": "s1", "attributes": {"input.value": json.dumps(CHAT), "output.value": "here"}},
    "observation": {"id": "o", "input": CHAT, "output": {"role": "assistant", "content": "here"}},
    "trace": {"id": "t", "observations": [{"id": "o", "type": "GENERATION", "input": CHAT, "output": "here"}]},
    "page": {"data": [{"id": "o", "input": {"messages": CHAT}, "output": "here"}], "meta": {}},
    "pair": {"request": {"model": "m", "messages": CHAT}, "response": REPLY},
    "batch": {"custom_id": "c", "body": {"messages": CHAT}, "response": {"status_code": 200, "body": REPLY}},
    "flat": {"messages": CHAT, **REPLY},
    "responses": {"request": {"input": CHAT}, "response": {"output": [{"content": [{"text": "here"}]}]}},
}


@pytest.mark.parametrize("name", CALLS)
def test_every_form_gives_messages_and_the_answer(name: str) -> None:
    call = choose_call(read_calls(json.dumps(CALLS[name]).encode(), "x.json"), None, "x.json")
    assert call.messages == TOLD and call.answer == "here" and call.variables == {}


def test_variables_are_read_by_name() -> None:
    given = {"query": "q", "context": ["a"]}
    arguments = {"input": {"args": [], "kwargs": given}, "output": "x"}
    for one in ({"input": given}, arguments, span(attribute("llm.prompt_template.variables", json.dumps(given)))):
        assert read_calls(json.dumps(one).encode(), "x")[0].variables == given


def test_one_of_several_calls_is_named() -> None:
    lines = "\n".join(json.dumps({"id": name, "input": {"q": name}}) for name in ("a", "b"))
    calls = read_calls(lines.encode(), "x.jsonl")
    assert choose_call(calls, "b", "x").variables == {"q": "b"}
    with pytest.raises(InputError, match=r"has 2 calls(.|\n)*--case: a, b"):
        choose_call(calls, None, "x")
    with pytest.raises(InputError, match='no call has the id "c"'):
        choose_call(calls, "c", "x")


@pytest.mark.parametrize(
    "text", ["{}", "[]", '"x"', '{"a": 1}', '{"resourceSpans": [null]}', '{"resourceSpans": [{}]}']
)
def test_what_is_no_call_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no call in a known form"):
        read_calls(text.encode(), "x.json")
    with pytest.raises(InputError):
        read_calls(b"no json", "x.json")


def test_a_message_that_is_no_text_gives_no_messages() -> None:
    chat = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]
    assert read_calls(json.dumps({"input": chat}).encode(), "x")[0].messages == ()


KEYS = [
    "resourceSpans",
    "scopeSpans",
    "spans",
    "attributes",
    "spanId",
    "key",
    "value",
    "arrayValue",
    "kvlistValue",
    "values",
]
KEYS += [
    "input",
    "output",
    "data",
    "observations",
    "type",
    "request",
    "response",
    "body",
    "messages",
    "choices",
    "role",
]
KEYS += ["content", "parts", "text", "message", "kwargs", "id", "gen_ai.input.messages", "gen_ai.prompt.0.role"]
VALUES = st.recursive(
    st.none() | st.sampled_from(["", "user", "GENERATION", "[{}]", "{}", "x"]) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_any_json_is_read_or_refused(value: object) -> None:
    try:
        calls = read_calls(json.dumps(value).encode(), "x.json")
    except InputError:
        return
    for call in calls:
        assert isinstance(call.messages, tuple) and isinstance(call.variables, dict)
        assert call.answer is None or isinstance(call.answer, str)
