from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Message, Request
from evalgate.domain.adaptations import adapt, add_adaptations, find_effective, is_adaptation

SCHEMA = {
    "type": "object",
    "properties": {
        "score": {"type": "integer", "enum": [1, 2, 3]},
        "minimum": {"type": "string", "minLength": 2},
        "kinds": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
    },
    "required": ["score"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": SCHEMA}}
ADAPTATIONS = [
    "drop temperature",
    "drop strict",
    "rename max_tokens max_completion_tokens",
    "rename max_completion_tokens max_tokens",
    "format json_schema json_object",
    "format json_schema none",
    "format json_object none",
    "schema drop minLength",
    "schema drop integer_enum",
]


def make_request(**more: Any) -> Request:
    messages = (Message(role="system", content="Judge."), Message(role="user", content="hi"))
    return Request(**{"target": "t", "identity": "i", "model": "m", "messages": messages, **more})


def test_a_parameter_is_dropped_and_renamed() -> None:
    request = make_request(parameters={"temperature": 0, "max_tokens": 9, "logprobs": True, "top_logprobs": 2})
    adapted = adapt(request, ("drop temperature", "drop logprobs", "rename max_tokens max_completion_tokens"))
    assert adapted.parameters == {"max_completion_tokens": 9}


def test_a_schema_is_asked_for_in_words_where_there_is_no_mode_for_it() -> None:
    request = make_request(response_format=FORMAT)
    for adaptation, response_format in (
        ("format json_schema json_object", {"type": "json_object"}),
        ("format json_schema none", None),
    ):
        adapted = adapt(request, (adaptation,))
        system, user = adapted.messages
        assert adapted.response_format == response_format
        assert user == request.messages[1]
        assert system.content.startswith("Judge.\n\nAnswer with one JSON object")
        assert json.dumps(SCHEMA) in system.content
        assert '{"score": <one of 1, 2, 3>, "minimum": <text>, "kinds": [<one of "a", "b">, ...]}' in system.content


def test_words_go_to_the_last_message_where_there_are_no_instructions() -> None:
    request = make_request(messages=(Message(role="user", content="hi"),), response_format={"type": "json_object"})
    assert adapt(request, ("format json_object none",)).messages[0].content.startswith("hi\n\nAnswer with one JSON")


def test_a_keyword_is_dropped_everywhere_but_not_a_property_of_its_name() -> None:
    request = make_request(response_format=FORMAT)
    adapted = adapt(
        request, ("schema drop minLength", "schema drop minimum", "schema drop integer_enum", "drop strict")
    )
    wrapper = (adapted.response_format or {})["json_schema"]
    assert isinstance(wrapper, dict)
    assert "strict" not in wrapper
    properties = wrapper["schema"]["properties"]
    assert properties == {
        "score": {"type": "integer"},
        "minimum": {"type": "string"},
        "kinds": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
    }
    assert FORMAT["json_schema"]["schema"] is SCHEMA, "the original is unchanged"  # type: ignore[index]


def test_only_what_changes_a_request_is_effective() -> None:
    assert find_effective(ADAPTATIONS, {"seed": 1}, None) == ()
    assert find_effective(ADAPTATIONS, {"temperature": 1}, {"type": "json_object"}) == (
        "drop temperature",
        "format json_object none",
    )


def test_a_weaker_format_replaces_an_earlier_step() -> None:
    known = add_adaptations((), ["format json_schema json_object"])
    assert add_adaptations(known, ["format json_object none"]) == ("format json_schema none", "format json_object none")


def test_a_parameter_is_dropped_if_both_of_its_names_are_refused() -> None:
    known = add_adaptations(["rename max_tokens max_completion_tokens"], ["rename max_completion_tokens max_tokens"])
    for name in ("max_tokens", "max_completion_tokens"):
        assert adapt(make_request(parameters={name: 9}), known).parameters == {}


def test_what_no_version_writes_is_no_adaptation() -> None:
    assert all(map(is_adaptation, ADAPTATIONS))
    assert not any(map(is_adaptation, ["", "drop", "drop a b", "rename a b", "format text none", "explode x"]))


@given(st.lists(st.sampled_from(ADAPTATIONS)), st.sampled_from([None, FORMAT, {"type": "json_object"}]))
def test_adapting_twice_is_adapting_once(adaptations: list[str], response_format: Any) -> None:
    known = add_adaptations((), adaptations)
    request = make_request(response_format=response_format, parameters={"temperature": 0, "max_tokens": 1})
    once = adapt(request, known)
    assert adapt(once, known) is once
    assert (once is request) == (find_effective(known, request.parameters, request.response_format) == ())
