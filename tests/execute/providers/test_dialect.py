from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Json, Message, Request
from evalgate.domain.adaptations import adapt
from evalgate.execute.providers.dialect import find_adaptations

SCHEMA: dict[str, Json] = {
    "type": "json_schema",
    "json_schema": {
        "name": "judgement",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {
                "score": {"type": "integer", "enum": [1, 2, 3], "minimum": 1},
                "reason": {"type": "string", "maxLength": 300},
            },
            "required": ["score", "reason"],
            "additionalProperties": False,
        },
    },
}
JSON_MODE: dict[str, Json] = {"type": "json_object"}


def make_request(response_format: Any = None, tools: tuple[Json, ...] = (), **parameters: Json) -> Request:
    return Request(
        target="t",
        identity="i",
        model="m",
        messages=(Message(role="system", content="Judge."), Message(role="user", content="hi")),
        parameters=parameters,
        response_format=response_format,
        tools=tools,
    )


def said(message: str, *, code: Any = None, param: Any = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


def forbidden(name: str) -> list[dict[str, Any]]:
    return [{"type": "extra_forbidden", "loc": ["body", name], "msg": "Extra inputs are not permitted", "input": 1}]


NO_LIMIT = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
NO_TEMPERATURE = (
    "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported."
)
UNKNOWN = 'Invalid JSON payload received. Unknown name "{}": Cannot find field.'


@pytest.mark.parametrize(
    ("content", "parameters", "found"),
    [
        (said(NO_LIMIT, code="unsupported_parameter", param="max_tokens"), {"max_tokens": 9}, "rename"),
        (said(NO_LIMIT, code="invalid_request_body"), {"max_tokens": 9, "temperature": 0}, "rename"),
        (said(NO_TEMPERATURE, code="unsupported_value", param="temperature"), {"temperature": 0}, "temperature"),
        (said(NO_TEMPERATURE), {"temperature": 0, "max_tokens": 9}, "temperature"),
        (said("`temperature` is deprecated for this model."), {"temperature": 0}, "temperature"),
        (said("invalid temperature: only 1 is allowed for this model"), {"temperature": 0}, "temperature"),
        (said("`temperature` may only be set to 1 when thinking is enabled"), {"temperature": 0}, "temperature"),
        (said("temperature and top_p cannot both be specified"), {"temperature": 0, "top_p": 1}, "top_p"),
        (said("Unrecognized request argument supplied: seed"), {"seed": 1}, "seed"),
        (said("Extra inputs are not permitted, field: 'seed', value: 1"), {"seed": 1}, "seed"),
        (said("property 'verbosity' is unsupported"), {"verbosity": "low"}, "verbosity"),
        (said("unknown field `parallel_tool_calls`"), {"parallel_tool_calls": False}, "parallel_tool_calls"),
        (said("Unsupported parameter: 'stop' is not supported with this model."), {"stop": "x"}, "stop"),
        (said("You are not allowed to request logprobs from this model."), {"logprobs": True}, "logprobs"),
        (
            {"code": "Client specified an invalid argument", "error": "Argument not supported: frequencyPenalty"},
            {"frequency_penalty": 1},
            "frequency_penalty",
        ),
        (
            said("litellm.UnsupportedParamsError: x does not support parameters: ['temperature', 'seed'], for model=m"),
            {"temperature": 0, "seed": 1},
            "temperature seed",
        ),
        (
            [{"error": {"code": 400, "message": f"{UNKNOWN.format('top_k')}\n{UNKNOWN.format('seed')}"}}],
            {"seed": 1, "top_k": 2},
            "top_k seed",
        ),
        (said("The following parameters are not supported: seed, top_k"), {"seed": 1, "top_k": 2}, "seed top_k"),
        (said("temperature and top_p are not supported"), {"temperature": 1, "top_p": 2}, "temperature top_p"),
        (said("seed is not a supported parameter"), {"seed": 1}, "seed"),
        (said("Unknown parameter: 'seed'."), {"seed": 1}, "seed"),
        ({"message": {"detail": forbidden("seed")}}, {"seed": 1}, "seed"),
        ({"message": json.dumps({"detail": forbidden("seed")})}, {"seed": 1}, "seed"),
        ({"message": str(forbidden("seed"))}, {"seed": 1}, "seed"),
    ],
)
def test_a_refused_parameter_is_left_out(content: Any, parameters: dict[str, Json], found: str) -> None:
    expected = (
        ("rename max_tokens max_completion_tokens",)
        if found == "rename"
        else tuple(f"drop {name}" for name in found.split())
    )
    for status in (400, 422):
        assert find_adaptations(status, content, make_request(**parameters)) == expected


def test_the_token_limit_has_two_names() -> None:
    content = {"message": {"detail": forbidden("max_completion_tokens")}}
    assert find_adaptations(422, content, make_request(max_completion_tokens=9)) == (
        "rename max_completion_tokens max_tokens",
    )


@pytest.mark.parametrize(
    "content",
    [
        said("This response_format type is unavailable now", code="invalid_request_error"),
        "Failed to deserialize: response_format: response_format.type `json_schema` is unavailable now at line 1",
        said("Invalid parameter: 'response_format' of type 'json_schema' is not supported.", param="response_format"),
        said("response_format value as json_schema is enabled only for api versions 2024-08-01-preview and later"),
        said("The provided JSON schema contains features not supported by xgrammar."),
        said("This model does not support response format `json_schema`"),
        said("Invalid value: 'json_schema'. Supported values are: 'text' and 'json_object'.", param="response_format"),
        said('response_format type must be one of "text" or "json_object", but got: json_schema'),
        "response_format: unknown variant `json_schema`, expected one of `json`, `regex`",
        {"detail": [{"loc": ["body", "response_format", "type"], "msg": "Input should be 'text' or 'json_object'"}]},
        {"message": {"detail": forbidden("response_format")}},
    ],
)
def test_a_refused_response_format_becomes_a_weaker_one(content: Any) -> None:
    assert find_adaptations(400, content, make_request(SCHEMA)) == ("format json_schema json_object",)


@pytest.mark.parametrize(
    "content",
    [
        {"error": "'response_format.type' must be 'json_schema' or 'text'"},
        said("response_format is not supported by this model", param="response_format"),
    ],
)
def test_a_refused_json_mode_becomes_words(content: Any) -> None:
    assert find_adaptations(400, content, make_request(JSON_MODE)) == ("format json_object none",)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (said("Invalid schema for response_format 'x': In context=(), 'minimum' is not permitted."), "minimum"),
        (said("invalid schema for response format: response_format/json_schema/a: maxLength is not supported"), "maxLength"),
        (said("output_config.format.schema: For 'number' type, properties maximum, minimum are not supported"), "minimum"),
        (said("one or more response schemas specified unsupported field max_length"), "maxLength"),
        (
            said(f"{UNKNOWN.format('additionalProperties')[:-1]} at 'generation_config.response_schema'."),
            "additionalProperties",
        ),
        (said("Invalid value at 'response_schema.properties[0].value.enum[0]' (TYPE_STRING), 1"), "integer_enum"),
    ],
)  # fmt: skip
def test_a_refused_keyword_is_left_out_of_the_schema(content: Any, found: str) -> None:
    assert find_adaptations(400, content, make_request(SCHEMA)) == (f"schema drop {found}",)


def test_a_keyword_is_left_out_of_the_schema_of_a_tool() -> None:
    tool: Json = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "title": "T"}}}
    content = said("Unknown name \"title\" at 'tools[0].function_declarations[0].parameters': Cannot find field.")
    request = make_request(tools=(tool,))
    assert find_adaptations(400, content, request) == ("schema drop title",)
    assert "title" not in json.dumps(adapt(request, ("schema drop title",)).tools)


@pytest.mark.parametrize(
    ("content", "parameters"),
    [
        (said("max_tokens must be at least 1, got -186."), {"max_tokens": 9}),
        (said("max_tokens for `m` must be less than or equal to 8000"), {"max_tokens": 9000}),
        (said("Invalid 'temperature': expected a value <= 2, but got 3 instead.", param="temperature"), {"temperature": 3}),
        (said("Please reduce max_tokens.", code="context_length_exceeded", param="messages"), {"max_tokens": 9}),
        (said("Failed to generate JSON. See 'failed_generation'.", code="json_validate_failed"), {"temperature": 0}),
        (said("The request was moderated: temperature"), {"temperature": 0}),
        (said("messages[0].content is not supported", param="messages[0].content"), {"temperature": 0}),
        (said("temperature is not supported with reasoning_effort"), {"temperature": 0, "reasoning_effort": "low"}),
        (said("'reasoning_effort' does not support 'x' with this model. Supported values are: 'low'."), {"reasoning_effort": "x"}),
        (said("No endpoints found that support the provided 'tool_choice' value."), {"tool_choice": "required"}),
        (said("The model does not support tools"), {"temperature": 0}),
        (said("top_k is not supported"), {"temperature": 0}),
        ("<html>not supported</html>", {"temperature": 0}),
        (None, {"temperature": 0}),
        ({"error": {"param": 3, "message": ["not supported", {"x": None}]}}, {"temperature": 0}),
    ],
)  # fmt: skip
def test_what_is_not_clearly_about_a_parameter_adapts_nothing(content: Any, parameters: dict[str, Json]) -> None:
    assert find_adaptations(400, content, make_request(**parameters)) == ()


@pytest.mark.parametrize("status", [200, 401, 402, 408, 413, 429, 502, 503])
def test_only_a_refusal_is_read(status: int) -> None:
    assert find_adaptations(status, said(NO_TEMPERATURE), make_request(temperature=0)) == ()


@given(st.recursive(st.none() | st.text() | st.integers() | st.sampled_from([NO_LIMIT, NO_TEMPERATURE]), lambda each: st.lists(each) | st.dictionaries(st.sampled_from(["error", "message", "param", "detail"]), each)))  # fmt: skip
def test_whatever_is_said_an_adaptation_changes_the_request(content: Any) -> None:
    request = make_request(SCHEMA, temperature=0, max_tokens=9, seed=1)
    for adaptation in find_adaptations(400, content, request):
        assert adapt(request, (adaptation,)) != request
