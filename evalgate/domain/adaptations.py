"""Adaptations of a request to what an endpoint accepts, as pure functions from request to request.

An adaptation is a text, because it is stored and is part of digests:

- `drop NAME`: without this parameter.
- `rename OLD NEW`: this parameter under another name.
- `format json_schema json_object`, `format json_schema none`, `format json_object none`: with a weaker response format
  or without one. Then the messages ask for JSON in words.
- `schema drop KEYWORD`: without this keyword in the JSON Schemas of the response format and of the tools.
- `schema drop integer_enum`: without the `enum` of values that are not text.
- `drop strict`: without `strict` in the response format and in the tools.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from evalgate.domain.messages import Message
from evalgate.domain.text import Json
from evalgate.domain.trials import Request

STRICT = "drop strict"
INTEGER_ENUM = "integer_enum"

NOT_AS_WRITTEN = "not sent as written: "
"""The beginning of a note that a prompt's own parameter is not sent. Reports show it beside the verdict."""

TWINS: Mapping[str, str] = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
"""The two names of the token limit; an endpoint may accept only one of them."""

DROPPABLE_KEYWORDS = frozenset(
    {
        "$comment", "$id", "$schema", "additionalProperties", "const", "contentEncoding", "contentMediaType", "default",
        "deprecated", "examples", "exclusiveMaximum", "exclusiveMinimum", "format", "maxItems", "maxLength",
        "maxProperties", "maximum", "minItems", "minLength", "minProperties", "minimum", "multipleOf", "pattern",
        "propertyNames", "readOnly", "title", "unevaluatedProperties", "uniqueItems", "writeOnly",
    }
)  # fmt: skip
"""The keywords that can be left out: without them a schema accepts more, and means the same otherwise."""

_KNOWN = re.compile(
    r"drop [^\s]+|rename (max_tokens max_completion_tokens|max_completion_tokens max_tokens)"
    r"|format (json_schema json_object|json_schema none|json_object none)|schema drop [^\s]+"
)
_LOGPROBS = ("logprobs", "top_logprobs")
_NAMES_BELOW = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_MAX_DEPTH = 60
_SKETCH_DEPTH = 6
_SKETCHES = {"integer": "<integer>", "number": "<number>", "string": "<text>", "boolean": "<true or false>"}


def is_adaptation(text: str) -> bool:
    """Return True if a text is an adaptation that this version knows."""
    return _KNOWN.fullmatch(text) is not None


def adapt(request: Request, adaptations: Sequence[str]) -> Request:
    """Return the request with the adaptations applied in order; the same object if none changes it."""
    for adaptation in adaptations:
        kind, _, rest = adaptation.partition(" ")
        request = _APPLY[kind](request, rest)
    return request


def find_effective(
    adaptations: Sequence[str],
    parameters: Mapping[str, Json],
    response_format: Mapping[str, Json] | None,
    tools: Sequence[Json] = (),
) -> tuple[str, ...]:
    """Return the adaptations that change a request with these parameters, response format and tools."""
    sent = Request(
        target="",
        identity="",
        model=None,
        messages=(),
        parameters=parameters,
        response_format=response_format,
        tools=tuple(tools),
    )
    found = []
    for adaptation in adaptations:
        adapted = adapt(sent, (adaptation,))
        if adapted is not sent:
            found.append(adaptation)
        sent = adapted
    return tuple(found)


def add_adaptations(known: Sequence[str], new: Sequence[str]) -> tuple[str, ...]:
    """Return the known adaptations with new ones.

    A weaker format replaces the format of an earlier step. A parameter of which both names are refused is dropped.
    """
    adaptations = list(known)
    for added in new:
        adaptation = added
        if added.startswith("rename "):
            _, old, name = added.split(" ")
            if f"rename {name} {old}" in adaptations:
                adaptation = f"drop {old}"
        if adaptation == "format json_object none":
            adaptations = [
                "format json_schema none" if each == "format json_schema json_object" else each for each in adaptations
            ]
        elif adaptation == "format json_schema none":
            adaptations = [each for each in adaptations if each != "format json_schema json_object"]
        if adaptation not in adaptations:
            adaptations.append(adaptation)
    return tuple(adaptations)


def get_format(request: Request) -> str | None:
    """Return the type of the response format, such as "json_schema"; None without one."""
    kind = None if request.response_format is None else request.response_format.get("type")
    return kind if isinstance(kind, str) else None


def list_schemas(request: Request) -> list[Mapping[str, Any]]:
    """Return the JSON Schemas of the response format and of the tools."""
    found = [_get(_get(request.response_format, "json_schema"), "schema")]
    found += [_get(_get(tool, "function"), "parameters") for tool in request.tools]
    return [schema for schema in found if isinstance(schema, dict)]


def list_keywords(schema: Any) -> Iterator[tuple[str, Any]]:
    """Yield each keyword of a schema and of its subschemas, with its value; names of properties are not keywords."""
    yield from _walk(schema, 0)


def has_integer_enum(request: Request) -> bool:
    """Return True if a schema has an `enum` with a value that is not text."""
    return any(_is_integer_enum(*each) for schema in list_schemas(request) for each in list_keywords(schema))


def _drop(request: Request, name: str) -> Request:
    if name == "strict":
        return _change_wrappers(request, _drop_strict)
    names = _LOGPROBS if name == "logprobs" else (name,)
    if not any(each in request.parameters for each in names):
        return request
    return replace(request, parameters={k: v for k, v in request.parameters.items() if k not in names})


def _rename(request: Request, names: str) -> Request:
    old, _, new = names.partition(" ")
    if old not in request.parameters:
        return request
    kept = {name: value for name, value in request.parameters.items() if name != old}
    return replace(request, parameters={new: request.parameters[old], **kept})


def _change_format(request: Request, change: str) -> Request:
    old, _, new = change.partition(" ")
    if get_format(request) != old:
        return request
    schema = _get(_get(request.response_format, "json_schema"), "schema")
    words = "Answer with one JSON object and nothing else: no Markdown, and no text before or after it."
    if isinstance(schema, dict):
        words += f" It has this form:\n{_sketch(schema, schema, 0)}\nIt must match this JSON Schema:\n{_dump(schema)}"
    return replace(
        request,
        response_format=None if new == "none" else {"type": new},
        messages=_add_words(request.messages, words),
    )


def _add_words(messages: tuple[Message, ...], words: str) -> tuple[Message, ...]:
    """Return the messages with words added to the first one if it has instructions, else to the last one.

    A message with parts or tool calls is left as it is; a message with the words follows it.
    """
    if not messages:
        return messages
    place = 0 if messages[0].role in ("system", "developer") else len(messages) - 1
    if messages[place].details is not None:
        return (*messages[: place + 1], Message(role="user", content=words), *messages[place + 1 :])
    changed = replace(messages[place], content=f"{messages[place].content}\n\n{words}")
    return (*messages[:place], changed, *messages[place + 1 :])


def _change_schema(request: Request, change: str) -> Request:
    keyword = change.removeprefix("drop ")
    return _change_wrappers(request, lambda wrapper, place: _drop_keyword(wrapper, place, keyword))


def _change_wrappers(request: Request, change: Callable[[Any, str], Any]) -> Request:
    """Change the objects that hold a schema: `json_schema` of the response format, and `function` of each tool."""
    wrapper = _get(request.response_format, "json_schema")
    new = change(wrapper, "schema") if isinstance(wrapper, dict) else wrapper
    tools = tuple(_change_tool(tool, change) for tool in request.tools)
    if new is not wrapper:
        request = replace(request, response_format={**(request.response_format or {}), "json_schema": new})
    if any(now is not was for now, was in zip(tools, request.tools, strict=True)):
        request = replace(request, tools=tools)
    return request


def _change_tool(tool: Json, change: Callable[[Any, str], Any]) -> Json:
    function = _get(tool, "function")
    new = change(function, "parameters") if isinstance(function, dict) else function
    return tool if new is function or not isinstance(tool, dict) else {**tool, "function": new}


def _drop_strict(wrapper: Mapping[str, Any], place: str) -> Mapping[str, Any]:
    return {name: value for name, value in wrapper.items() if name != "strict"} if "strict" in wrapper else wrapper


def _drop_keyword(wrapper: Mapping[str, Any], place: str, keyword: str) -> Mapping[str, Any]:
    schema = wrapper.get(place)
    if not any(_matches(keyword, *each) for each in list_keywords(schema)):
        return wrapper
    return {**wrapper, place: _without(schema, keyword, 0)}


def _matches(wanted: str, keyword: str, value: Any) -> bool:
    return _is_integer_enum(keyword, value) if wanted == INTEGER_ENUM else keyword == wanted


def _is_integer_enum(keyword: str, value: Any) -> bool:
    return keyword == "enum" and isinstance(value, list) and not all(isinstance(each, str) for each in value)


def _walk(schema: Any, depth: int) -> Iterator[tuple[str, Any]]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(schema, list):
        for each in schema:
            yield from _walk(each, depth + 1)
    if not isinstance(schema, dict):
        return
    for keyword, value in schema.items():
        yield keyword, value
        below = value.values() if keyword in _NAMES_BELOW and isinstance(value, dict) else (value,)
        for each in below:
            yield from _walk(each, depth + 1)


def _without(schema: Any, keyword: str, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        return schema
    if isinstance(schema, list):
        return [_without(each, keyword, depth + 1) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {}
    for name, value in schema.items():
        if _matches(keyword, name, value):
            continue
        if name in _NAMES_BELOW and isinstance(value, dict):
            kept[name] = {each: _without(below, keyword, depth + 1) for each, below in value.items()}
        else:
            kept[name] = _without(value, keyword, depth + 1)
    return kept


def _sketch(schema: Any, whole: Any, depth: int) -> str:
    """Return the form of a value as text, with a description in place of each value."""
    if not isinstance(schema, dict) or depth > _SKETCH_DEPTH:
        return "<value>"
    if "const" in schema:
        return _dump(schema["const"])
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return f"<one of {', '.join(map(_dump, schema['enum']))}>"
    kind = schema.get("type")
    kinds: Collection[Any] = kind if isinstance(kind, list) else [kind]
    properties = schema.get("properties")
    if isinstance(properties, dict):
        return (
            f"{{{', '.join(f'{_dump(name)}: {_sketch(each, whole, depth + 1)}' for name, each in properties.items())}}}"
        )
    if "array" in kinds:
        return f"[{_sketch(schema.get('items'), whole, depth + 1)}, ...]"
    return next((_SKETCHES[each] for each in kinds if each in _SKETCHES), "<value>")


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _get(data: Any, name: str) -> Any:
    return data.get(name) if isinstance(data, Mapping) else None


_APPLY: Mapping[str, Callable[[Request, str], Request]] = {
    "drop": _drop,
    "rename": _rename,
    "format": _change_format,
    "schema": _change_schema,
}
