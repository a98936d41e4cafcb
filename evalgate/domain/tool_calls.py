"""Tool calls in an answer, in all formats that endpoints use."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from evalgate.domain.finish_reasons import announces_calls
from evalgate.domain.output_calls import UNNAMED, ToolCall, format_calls

_CALLS = frozenset({"toolcalls", "toolcall", "functioncalls", "functioncall", "tooluse", "tooluses"})
"""The keys that contain calls, in lower case and without hyphens and underscores."""
_EXECUTED = frozenset({"executedtools", "executedtool"})
"""The keys that contain the calls of tools that the endpoint ran itself, such as those of Groq."""
_FORMS = ("function", "custom")
_CALLING = ("tool", "function", "call")
_ANSWERING = ("result", "output", "response")
_ABOUT_A_CALL = frozenset({"id", "index", "type"})


def add_tool_calls(text: str, *places: Mapping[str, Any], reason: str = "") -> tuple[str, tuple[ToolCall, ...]]:
    """Return the text of an answer and its tool calls. If there are calls but no text, the calls are the text as well.

    `places` are the mappings that may contain calls. If the finish `reason` announces calls and there are none, one
    call with an unknown name is returned.
    """
    calls = tuple(_read_call(given) for place in places for given in _find_calls(place))
    if calls and not text.strip():
        return format_calls(calls), calls
    if not calls and text.strip() and announces_calls(reason):
        return text, (ToolCall(name=UNNAMED, arguments="null"),)
    return text, calls


def holds_calls(key: object) -> bool:
    """Return whether the value of a key is a tool call or a list of tool calls."""
    return _bare(key) in _CALLS


def _bare(key: object) -> str:
    return str(key).replace("_", "").replace("-", "").lower()


def _find_calls(place: Mapping[str, Any]) -> list[Any]:
    """Return all calls of a message: `tool_calls`, `function_call`, `executed_tools`, and calls among content parts.

    A value that is not a list counts as one call, so that no call is dropped because of its form.
    """
    found: list[Any] = []
    for key, value in place.items():
        if value and holds_calls(key):
            found += value if isinstance(value, list) else [value]
        elif value and _bare(key) in _EXECUTED:
            found += _list_executed(value)
    for part in _list(place.get("content")):
        if _is_call(part):
            found.append(part)
        elif isinstance(part, Mapping):  # a part that is text may hold calls of its own
            found += _find_calls({key: inner for key, inner in part.items() if key != "content"})
    return found


def _list_executed(value: Any) -> list[Any]:
    """Return the calls that an endpoint executed, whose `type` is the tool. A stream repeats a call with its result."""
    found: dict[Any, Any] = {}
    for place, given in enumerate(value if isinstance(value, list) else [value]):
        number = _get(given, "index")
        name = _get(given, "name") or _get(given, "type")
        call = {"name": name, "arguments": _get(given, "arguments")} if isinstance(given, Mapping) else given
        found[number if isinstance(number, int) else f"place {place}"] = call
    return list(found.values())


def _is_call(part: Any) -> bool:
    """Return whether a content part is a tool call, by its type, or by its keys if it has no type."""
    kind = _get(part, "type")
    names = [kind] if isinstance(kind, str) else [key for key in _keys(part) if isinstance(key, str)]
    return any(
        name in _FORMS or (any(word in name.lower() for word in _CALLING) and not name.lower().endswith(_ANSWERING))
        for name in names
    )


def _read_call(given: Any) -> ToolCall:
    """Read one call. Keys other than the name and the arguments count as arguments, so that checks see them."""
    inner = next(
        (
            held
            for key in _keys(given)
            if isinstance(held := given[key], Mapping) and (key in _FORMS or holds_calls(key))
        ),
        given,
    )
    name = _get(inner, "name")
    raw = next((_get(inner, key) for key in ("arguments", "input") if _get(inner, key) is not None), None)
    if not isinstance(inner, Mapping):
        raw = inner
    elif raw is None or not isinstance(name, str):
        rest = {key: value for key, value in inner.items() if key not in _ABOUT_A_CALL and key != "name"}
        if isinstance(name, str):
            raw = {key: value for key, value in rest.items() if value is not None} or None
        else:  # a key without a value may be the name
            raw = {"name": name, **rest}
    arguments = raw if isinstance(raw, str) else serialize(raw)
    return ToolCall(name=name if isinstance(name, str) else "", arguments=arguments)


def serialize(value: Any) -> str:
    """Return a value as JSON, or a sentence if it is nested too deeply."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return "something that is nested too deeply"


def _keys(data: Any) -> list[Any]:
    return list(data) if isinstance(data, Mapping) else []


def _get(data: Any, name: str) -> Any:
    return data.get(name) if isinstance(data, Mapping) else None


def _list(data: Any) -> list[Any]:
    return data if isinstance(data, list) else []
