"""The calls of tools that an answer makes, in every form that endpoints give them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from evalgate.domain import strict_json
from evalgate.domain.trials import ToolCall

_CALLING_PARTS = ("tool_use", "tool_call", "function_call")


def add_tool_calls(text: str, message: Mapping[str, Any]) -> tuple[str, tuple[ToolCall, ...]]:
    """An answer's text, and the calls beside it: calls without a text are the text."""
    calls = tuple(ToolCall(name=str(_get(call, "name")), arguments=_arguments(call)) for call in _list_calls(message))
    if calls and not text.strip():
        shown = [{"name": call.name, "arguments": _read(call.arguments)} for call in calls]
        return json.dumps({"tool_calls": shown}, ensure_ascii=False), ()
    return text, calls


def _list_calls(message: Mapping[str, Any]) -> list[Any]:
    """All calls of a message: `tool_calls`, the older `function_call`, and parts of the content that are calls."""
    called = [_get(each, "function") or _get(each, "custom") or each for each in _list(message.get("tool_calls"))]
    if message.get("function_call"):
        called.append(message["function_call"])
    return called + [part for part in _list(message.get("content")) if _get(part, "type") in _CALLING_PARTS]


def _arguments(call: Any) -> str:
    """The arguments of a call, as JSON or as the text that came."""
    given = next((_get(call, name) for name in ("arguments", "input") if _get(call, name) is not None), None)
    return given if isinstance(given, str) else serialize(given)


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


def _get(data: Any, name: str) -> Any:
    return data.get(name) if isinstance(data, Mapping) else None


def _list(data: Any) -> list[Any]:
    return data if isinstance(data, list) else []
