"""The calls of tools that an answer makes, in every form that endpoints give them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from evalgate.domain import strict_json
from evalgate.domain.finish_reasons import announces_calls
from evalgate.domain.trials import ToolCall

_CALLS = frozenset({"toolcalls", "toolcall", "functioncalls", "functioncall", "tooluse", "tooluses"})
"""The keys that hold calls, whatever their capitals and underscores."""
_FORMS = ("function", "custom")
_CALLING = ("tool", "function", "call")
_ANSWERING = ("result", "output", "response")
_ABOUT_A_CALL = frozenset({"id", "index", "type"})


def add_tool_calls(text: str, *places: Mapping[str, Any], reason: str = "") -> tuple[str, tuple[ToolCall, ...]]:
    """An answer's text, and the calls beside it: calls without a text are the text.

    `places` are the mappings that may hold calls. A finish `reason` that announces calls where none are given counts
    as one call whose name is not known.
    """
    calls = tuple(_call(given) for place in places for given in _given(place))
    if calls and not text.strip():
        shown = [{"name": call.name, "arguments": _read(call.arguments)} for call in calls]
        return json.dumps({"tool_calls": shown}, ensure_ascii=False), ()
    if not calls and text.strip() and announces_calls(reason):
        return text, (ToolCall(name="a tool that is not told", arguments="null"),)
    return text, calls


def holds_calls(key: object) -> bool:
    """Whether what stands under a key is a call, or a list of them."""
    return str(key).replace("_", "").replace("-", "").lower() in _CALLS


def _given(place: Mapping[str, Any]) -> list[Any]:
    """All calls of a message: `tool_calls`, the older `function_call`, and parts of the content that are calls.

    What is no list is one call: nothing that is given is dropped because it has another form.
    """
    found: list[Any] = []
    for key, value in place.items():
        if value and holds_calls(key):
            found += value if isinstance(value, list) else [value]
    for part in _list(place.get("content")):
        if _is_call(part):
            found.append(part)
        elif isinstance(part, Mapping):  # a part that is text may hold calls of its own
            found += _given({key: inner for key, inner in part.items() if key != "content"})
    return found


def _is_call(part: Any) -> bool:
    """Whether a part of the content calls something, by its type, or by its keys where it names none."""
    kind = _get(part, "type")
    names = [kind] if isinstance(kind, str) else [key for key in _keys(part) if isinstance(key, str)]
    return any(
        name in _FORMS or (any(word in name.lower() for word in _CALLING) and not name.lower().endswith(_ANSWERING))
        for name in names
    )


def _call(given: Any) -> ToolCall:
    """One call. What is not known as its name or its arguments counts as an argument, so that checks see it."""
    inner = next(
        (
            held
            for key in _keys(given)
            if isinstance(held := given[key], Mapping) and (key in _FORMS or holds_calls(key))
        ),
        given,
    )
    name = _get(inner, "name")
    told = next((_get(inner, key) for key in ("arguments", "input") if _get(inner, key) is not None), None)
    if not isinstance(inner, Mapping):
        told = inner
    elif told is None or not isinstance(name, str):
        rest = {key: value for key, value in inner.items() if key not in _ABOUT_A_CALL and key != "name"}
        if isinstance(name, str):
            told = {key: value for key, value in rest.items() if value is not None} or None
        else:  # a key without a value may be the name
            told = {"name": name, **rest}
    arguments = told if isinstance(told, str) else serialize(told)
    return ToolCall(name=name if isinstance(name, str) else "", arguments=arguments)


def _read(arguments: str) -> Any:
    """The value of arguments that are JSON, else the text itself."""
    try:
        value = strict_json.load(arguments)
    except strict_json.JsonError:
        return arguments
    return arguments if strict_json.is_too_deep(value) else value


def serialize(value: Any) -> str:
    """A value's JSON, or words where it is nested too deeply to be written."""
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
