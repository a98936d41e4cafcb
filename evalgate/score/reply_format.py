"""The format of a judge's reply in words, for endpoints that do not take a JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

_KINDS = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "an integer",
    "null": "null",
    "number": "a number",
    "object": "an object",
    "string": "a text",
}
_EXAMPLES: Mapping[str, Any] = {
    "array": [],
    "boolean": False,
    "integer": 0,
    "null": None,
    "number": 0,
    "object": {},
    "string": "...",
}


def describe_reply_format(schema: Mapping[str, Any]) -> str:
    """Return instructions that ask for one JSON object with the schema's properties, with an example.

    `schema` is the JSON Schema of an object. The text depends on the schema alone and contains nothing of a case or an
    output, so it belongs in the system message, after the rubric's instruction. The example has the first allowed
    value of each property, which is the lowest score: a model that repeats the example does not pass an output.
    """
    properties: Mapping[str, Mapping[str, Any]] = schema.get("properties") or {}
    lines = [f"- {json.dumps(name, ensure_ascii=False)}: {_describe(rule)}" for name, rule in properties.items()]
    example = {name: _make_example(rule) for name, rule in properties.items()}
    return "\n".join(
        [
            "Reply with one JSON object and nothing else: no Markdown fence, and no text before or after the object.",
            "The object has exactly these keys, in this order:",
            *lines,
            "The form of a reply, with values that are only an example:",
            json.dumps(example, ensure_ascii=False),
        ]
    )


def _describe(rule: Mapping[str, Any]) -> str:
    values = _list_values(rule)
    low, high = rule.get("minimum"), rule.get("maximum")
    if _is_range(values):
        words = f"an integer from {values[0]} to {values[-1]}"
    elif values:
        words = ("one of " if len(values) > 1 else "") + ", ".join(json.dumps(v, ensure_ascii=False) for v in values)
    else:
        words = " or ".join(_KINDS.get(kind, "a value") for kind in _list_kinds(rule))
        words += "" if low is None else f" from {low}"
        words += "" if high is None else f" to {high}" if low is not None else f" of at most {high}"
    about = rule.get("description")
    return f"{words}; {about}" if isinstance(about, str) and about else words


def _make_example(rule: Mapping[str, Any]) -> Any:
    values = _list_values(rule)
    if values:
        return values[0]
    if rule.get("minimum") is not None:
        return rule["minimum"]
    kind = _list_kinds(rule)[0]
    if kind == "object":
        return {name: _make_example(inner) for name, inner in (rule.get("properties") or {}).items()}
    return _EXAMPLES.get(kind, "...")


def _list_values(rule: Mapping[str, Any]) -> Sequence[Any]:
    return [rule["const"]] if "const" in rule else list(rule.get("enum") or ())


def _list_kinds(rule: Mapping[str, Any]) -> Sequence[str]:
    kinds = rule.get("type", "string")
    return [kinds] if isinstance(kinds, str) else list(kinds) or ["string"]


def _is_range(values: Sequence[Any]) -> bool:
    """Return whether the values are three or more consecutive integers, in ascending order."""
    return (
        len(values) > 2
        and all(type(value) is int for value in values)
        and list(values) == list(range(values[0], values[0] + len(values)))
    )
