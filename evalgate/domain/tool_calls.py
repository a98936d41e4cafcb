"""The calls of tools that an answer makes, in every form that endpoints give them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from evalgate.domain.trials import ToolCall

MOST_LEVELS = 100
"""Levels of nesting in what an endpoint says: what is deeper cannot be relied on to be written again."""
_CALLING_PARTS = ("tool_use", "tool_call", "function_call")


def with_calls(text: str, message: Mapping[str, Any]) -> tuple[str, tuple[ToolCall, ...]]:
    """An answer's text, and the calls beside it: calls without a text are the text."""
    calls = tuple(ToolCall(name=str(_get(call, "name")), arguments=_arguments(call)) for call in _called(message))
    if calls and not text.strip():
        shown = [{"name": call.name, "arguments": _read(call.arguments)} for call in calls]
        return json.dumps({"tool_calls": shown}, ensure_ascii=False), ()
    return text, calls


def _called(message: Mapping[str, Any]) -> list[Any]:
    """All calls of a message: `tool_calls`, the older `function_call`, and parts of the content that are calls."""
    called = [_get(each, "function") or _get(each, "custom") or each for each in _list(message.get("tool_calls"))]
    if message.get("function_call"):
        called.append(message["function_call"])
    return called + [part for part in _list(message.get("content")) if _get(part, "type") in _CALLING_PARTS]


def _arguments(call: Any) -> str:
    """The arguments of a call, as JSON or as the text that came."""
    given = next((_get(call, name) for name in ("arguments", "input") if _get(call, name) is not None), None)
    return given if isinstance(given, str) else json_or_less(given)


def _read(arguments: str) -> Any:
    """The value of arguments that are JSON, else the text itself."""
    try:
        value = json.loads(arguments, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError):
        return arguments
    return arguments if too_deep(value) else value


def too_deep(value: Any) -> bool:
    """Whether a value is nested deeper than `MOST_LEVELS`; never recurses."""
    level = [value]
    for _ in range(MOST_LEVELS):
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return False
    return True


def _inside(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else _list(value)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("out of range")
    return number


def json_or_less(value: Any) -> str:
    """A value's JSON, or words where it is nested too deeply to be written."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return "something that is nested too deeply"


def _get(data: Any, name: str) -> Any:
    return data.get(name) if isinstance(data, Mapping) else None


def _list(data: Any) -> list[Any]:
    return data if isinstance(data, list) else []
