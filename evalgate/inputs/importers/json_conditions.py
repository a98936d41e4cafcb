"""Conditions on the places of an output that is JSON, as JSON Schemas."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evalgate.domain import Json
from evalgate.inputs.importers.output_conditions import All, Always, Condition, Fits, NoCheckError, Not, simplify

_TYPES = {"string": "string", "number": "number", "boolean": "boolean", "array": "array", "object": "object"}
_FALSE: list[Json] = [False, 0, "", None]
_items = itertools.count(1)


@dataclass(frozen=True, slots=True)
class JsonValue:
    """A place in a JSON value. `root` is 0 for the output, and another number for an item of a list.

    `keys`: the names of an object's keys; `length`: the number of items or characters; `lower`: a text in lower case;
    `optional`: a list that may be missing.
    """

    root: int = 0
    path: tuple[str | int, ...] = ()
    keys: bool = False
    length: bool = False
    lower: bool = False
    optional: bool = False


OUTPUT = JsonValue()
"""The output, parsed as JSON."""


def make_item() -> JsonValue:
    """Return an item of a list, for a condition that each or some of them have to meet."""
    return JsonValue(root=next(_items))


def take(value: JsonValue, key: Any) -> JsonValue:
    """Return the value of a key, or the item of a number. Tools' calls are where evalgate has them."""
    if value.lower or value.length:
        raise NoCheckError("takes a part of a text")
    if key == "length":
        return replace(value, length=True)
    if isinstance(key, bool) or not isinstance(key, str | int):
        raise NoCheckError("takes a part by a computed name")
    path = (*value.path, key)
    if value.root == 0 and len(path) == 3 and isinstance(path[0], int) and path[1] == "function":
        path = ("tool_calls", path[0], str(path[2]))
    return replace(value, path=path)


def decode(value: JsonValue) -> JsonValue:
    """Return what `JSON.parse` makes of a text: the arguments of a call are decoded already."""
    if value.path[-1:] != ("arguments",) or value.root:
        raise NoCheckError("parses a text inside of the output")
    if value.path == ("arguments",):
        return replace(value, path=("tool_calls", 0, "arguments"))
    return replace(value, path=("tool_calls", *value.path) if isinstance(value.path[0], int) else value.path)


def compare_json(sign: str, value: JsonValue, other: Any, *, is_undefined: bool) -> Condition:
    """Return the condition of a comparison with a constant."""
    is_equal = sign in ("==", "===")
    if sign in ("==", "===", "!=", "!=="):
        found = _equals(value, other, is_loose=len(sign) == 2, is_undefined=is_undefined)
        if is_equal:
            return found
        # the value that holds the place has to be there
        parent = replace(value, path=value.path[:-1], length=False)
        return _all(_at(parent, {}), Not(found)) if value.path[:-1] else Not(found)
    if isinstance(other, bool) or not isinstance(other, int | float):
        raise NoCheckError("compares values of another kind")
    if value.length or value.keys:
        return _limit_length(sign, value, int(other))
    names = {">=": "minimum", ">": "exclusiveMinimum", "<=": "maximum", "<": "exclusiveMaximum"}
    if sign not in names:
        raise NoCheckError("compares values of another kind")
    return _at(value, {"type": "number", names[sign]: other})


def _equals(value: JsonValue, other: Any, *, is_loose: bool, is_undefined: bool) -> Condition:
    if is_undefined or other is None:
        if value.length or value.keys or not value.path:
            raise NoCheckError("compares values of another kind")
        is_null, is_there = _at(value, {"type": "null"}), _at(value, {})
        if is_loose:
            return Not(_all(is_there, Not(is_null)))
        return Not(is_there) if is_undefined else is_null
    if isinstance(other, JsonValue) or not isinstance(other, str | int | float | bool):
        raise NoCheckError("compares two parts of the output")
    if value.length or value.keys:
        low = _limit_length(">=", value, int(other))
        return _all(low, _limit_length("<=", value, int(other)))
    if value.lower:
        text = str(other)
        return _at(value, {"type": "string", "pattern": f"(?i)^{_escape(text)}$"}) if text == text.lower() else _never()
    return _at(value, {"const": other})


def _limit_length(sign: str, value: JsonValue, number: int) -> Condition:
    low = {">=": number, ">": number + 1}.get(sign)
    high = {"<=": number, "<": number - 1}.get(sign)
    if low is None and high is None:
        raise NoCheckError("compares values of another kind")
    plain = replace(value, length=False, keys=False)
    if value.keys:
        return _at(plain, {"type": "object", **_limits("Properties", low, high)})
    choices = [{"type": "array", **_limits("Items", low, high)}, {"type": "string", **_limits("Length", low, high)}]
    return _at(plain, {"anyOf": choices})


def _limits(what: str, low: int | None, high: int | None) -> dict[str, Json]:
    found: dict[str, Json] = {}
    if low is not None:
        found[f"min{what}"] = max(low, 0)
    if high is not None:
        found[f"max{what}"] = max(high, 0)
    return found


def is_true_json(value: JsonValue) -> Condition:
    """Return when a value counts as true."""
    if value.length or value.keys:
        return _limit_length(">", value, 0)
    return _at(value, {"not": {"enum": _FALSE}})


def has_type(value: JsonValue, name: str) -> Condition:
    """Return when a value has a type of JavaScript's `typeof`, or `array`."""
    if name == "undefined":
        return Not(_at(value, {}))
    if name not in _TYPES:
        raise NoCheckError(f"asks for the type {name}")
    return _at(value, {"type": ["object", "array", "null"] if name == "object" else _TYPES[name]})


def has_key(value: JsonValue, key: str) -> Condition:
    """Return when an object has a key."""
    return _at(value, {"type": "object", "required": [key]})


def is_one_of(value: JsonValue, values: Sequence[Any]) -> Condition:
    """Return when a value is one of several constants."""
    if value.length or value.keys or value.lower or not all(isinstance(each, str | int | float) for each in values):
        raise NoCheckError("compares with a list of another kind")
    return _at(value, {"enum": list(values)})


def matches(value: JsonValue, pattern: str, ignore_case: bool) -> Condition:
    """Return when a text has a match of a regular expression."""
    return _at(value, {"type": "string", "pattern": f"(?i){pattern}" if ignore_case or value.lower else pattern})


def call(value: JsonValue, name: str, values: Sequence[Any]) -> Any:
    """Return what a method of a value means."""
    if name == "toLowerCase" and not values:
        return replace(value, lower=True)
    if name in ("trim", "toString") and not values:
        return value
    if name == "hasOwnProperty" and len(values) == 1 and isinstance(values[0], str):
        return has_key(value, values[0])
    if name == "includes" and len(values) == 1 and isinstance(values[0], str | int | float):
        return _includes(value, values[0])
    if name in ("startsWith", "endsWith") and len(values) == 1 and isinstance(values[0], str):
        text = _escape(values[0])
        return matches(value, f"^{text}" if name == "startsWith" else f"{text}$", False)
    raise NoCheckError(f"calls {name} of a part of the output")


def _includes(value: JsonValue, wanted: Json) -> Condition:
    if value.keys:
        return _at(replace(value, keys=False), {"type": "object", "required": [str(wanted)]})
    listed: dict[str, Json] = {"type": "array", "contains": {"const": wanted}}
    if not isinstance(wanted, str):
        return _at(value, listed)
    if value.lower and wanted != wanted.lower():
        return _never()
    text: dict[str, Json] = {"type": "string", "pattern": f"{'(?i)' if value.lower else ''}{_escape(wanted)}"}
    return _at(value, text if value.lower else {"anyOf": [text, listed]})


def check_items(value: JsonValue, name: str, item: JsonValue, condition: Condition) -> Condition:
    """Return when some item of a list meets a condition, or every one."""
    schema = _as_schema(condition, item.root)
    if value.keys:
        if name != "every":
            raise NoCheckError("looks for some key")
        return _at(replace(value, keys=False), {"type": "object", "propertyNames": schema})
    wanted: dict[str, Json] = {"type": "array", ("contains" if name == "some" else "items"): schema}
    if value.optional and name == "every":
        plain = replace(value, optional=False)
        return Not(_all(_at(plain, {"not": {"type": "null"}}), Not(_at(plain, wanted))))
    return _at(value, wanted)


def _as_schema(condition: Condition, root: int) -> dict[str, Json]:
    simple = simplify(condition, negated=False)
    if not isinstance(simple, Fits) or simple.root != root:
        raise NoCheckError("asks something else of the items of a list")
    return dict(simple.schema)


def _at(value: JsonValue, schema: Mapping[str, Json]) -> Fits:
    """Return the condition that there is a value at a place, and that it fits a schema."""
    made: dict[str, Json] = dict(schema)
    for part in reversed(value.path):
        if isinstance(part, int):
            if part:
                front: list[Json] = [True] * part
                made = {"type": "array", "minItems": part + 1, "prefixItems": [*front, made or True]}
            else:
                made = {"type": "array", "minItems": 1, **({"prefixItems": [made]} if made else {})}
        else:
            inner: dict[str, Json] = {"properties": {part: made}} if made else {}
            made = {"type": "object", "required": [part], **inner}
    return Fits(value.root, made)


def _all(*parts: Condition) -> Condition:
    return All(parts)


def _never() -> Condition:
    return Always(False)


def _escape(text: str) -> str:
    return re.sub(r"[.^$*+?{}\[\]\\|()]", r"\\\g<0>", text)
