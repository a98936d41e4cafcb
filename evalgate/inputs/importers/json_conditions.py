"""Conditions on the places of an output that is JSON, as JSON Schemas.

Each says what code needs in order not to fail: an opposite holds only where the code does not fail either.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from evalgate.domain import Json
from evalgate.inputs.importers.output_conditions import All, Condition, Fits, NoCheckError, Not, join_schemas

Access: TypeAlias = Literal["member", "optional", "item", "get"]
"""How code takes a part: `a.b` and `a?.b` of JavaScript, `a["b"]` and `a.get("b")` of Python."""

_TYPES: Mapping[str, Json] = {
    "string": "string", "number": "number", "boolean": "boolean", "array": "array", "dict": "object",
    "object": ["object", "array", "null"],
}  # fmt: skip
_FALSE: list[Json] = [False, 0, "", None]
_NO_NULL: Mapping[str, Json] = {"not": {"type": "null"}}
_items = itertools.count(1)


@dataclass(frozen=True, slots=True)
class JsonValue:
    """A place in a JSON value. `root` is 0 for the output, and another number for an item of a list.

    `keys`: the names of an object's keys; `length`: the number of items or characters; `lower`, `trimmed`: a text in
    lower case, without white space at both ends; `optional`: an empty list where nothing is there; `strict`: a value of
    Python, in which an empty list is false; `may_lack`: None where it is missing.

    `needs` are schemas of the root without which the code fails, and `skips` those of which one excuses it.
    """

    root: int = 0
    path: tuple[str | int, ...] = ()
    keys: bool = False
    length: bool = False
    lower: bool = False
    trimmed: bool = False
    optional: bool = False
    strict: bool = False
    may_lack: bool = False
    needs: tuple[Mapping[str, Json], ...] = ()
    skips: tuple[Mapping[str, Json], ...] = ()


OUTPUT = JsonValue()
"""The output, parsed as JSON."""


def make_item(value: JsonValue) -> JsonValue:
    """Return an item of a list, for a condition that each or some of them have to meet."""
    return JsonValue(root=next(_items), strict=value.strict)


def take(value: JsonValue, key: Any, how: Access = "member") -> JsonValue:
    """Return the value of a key, or the item of a number. Tools' calls are where evalgate has them."""
    if key == "length" and how in ("member", "optional") and not (value.length or value.lower):
        return replace(excuse(value) if how == "optional" else value, length=True)
    if value.lower or value.length or value.trimmed:
        raise NoCheckError("takes a part of a text")
    if isinstance(key, bool) or not isinstance(key, str | int) or (isinstance(key, int) and key < 0):
        raise NoCheckError("takes a part by a computed name")
    if value.optional and how != "optional":  # it has no item where nothing is there
        raise NoCheckError("takes a part that may be missing")
    path = (*value.path, key)
    if value.root == 0 and len(path) == 3 and isinstance(path[0], int) and path[1] == "function":
        return _move(value, ("tool_calls", path[0], str(path[2])))
    owner = excuse(value) if how == "optional" else value
    found = replace(owner, path=path, optional=False, may_lack=how == "get", strict=how in ("item", "get"))
    owned: Mapping[str, Json] = {"type": "array"} if isinstance(key, int) else _NO_NULL
    needed = {"member": _place(value, owned), "get": _place(value, {"type": "object"}), "item": _place(found, {})}
    return found if how == "optional" else replace(found, needs=(*owner.needs, _or_skip(owner, needed[how])))


def is_reached(value: JsonValue) -> Fits:
    """Return when code that takes a value does not fail."""
    needs = join_schemas("allOf", value.needs)
    return Fits(value.root, needs, needs)


def excuse(value: JsonValue, *, null: bool = True) -> JsonValue:
    """Return a value of which a missing one does not make the code fail, nor one that is null."""
    return replace(value, skips=(*value.skips, {"not": _place(value, _NO_NULL if null else {})}))


def decode(value: JsonValue) -> JsonValue:
    """Return what `JSON.parse` makes of a text: the arguments of a call are decoded already."""
    if value.path[-1:] != ("arguments",) or value.root:
        raise NoCheckError("parses a text inside of the output")
    if value.path == ("arguments",):
        return _move(value, ("tool_calls", 0, "arguments"))
    return _move(value, ("tool_calls", *value.path)) if isinstance(value.path[0], int) else value


def _move(value: JsonValue, path: tuple[str | int, ...]) -> JsonValue:
    """Return a value at another place, which needs what holds it there."""
    parent = JsonValue(root=value.root, path=path[:-1])
    return replace(value, path=path, needs=(_place(parent, _NO_NULL),), skips=())


def compare_json(sign: str, value: JsonValue, other: Any, *, is_undefined: bool) -> Condition:
    """Return the condition of a comparison with a constant."""
    if sign in ("==", "===", "!=", "!=="):
        is_loose = len(sign) == 2 or value.may_lack
        found = _equals(value, other, is_loose=is_loose, is_undefined=is_undefined)
        return found if sign in ("==", "===") else Not(found)
    if isinstance(other, bool) or not isinstance(other, int | float):
        raise NoCheckError("compares values of another kind")
    if value.length or value.keys:
        return _limit_length(sign, value, other)
    names = {">=": "minimum", ">": "exclusiveMinimum", "<=": "maximum", "<": "exclusiveMaximum"}
    if sign not in names or value.lower or value.trimmed:
        raise NoCheckError("compares values of another kind")
    compared = value if value.strict else excuse(value, null=False)
    return _at(compared, {"type": "number", names[sign]: other}, "number")


def _equals(value: JsonValue, other: Any, *, is_loose: bool, is_undefined: bool) -> Condition:
    if is_undefined or other is None:
        if value.length or value.keys or value.lower or value.trimmed or not value.path:
            raise NoCheckError("compares values of another kind")
        is_null, is_there = _at(value, {"type": "null"}), _at(value, {})
        if is_loose:
            return Not(_all(is_there, Not(is_null)))
        return Not(is_there) if is_undefined else is_null
    if isinstance(other, JsonValue) or not isinstance(other, str | int | float | bool):
        raise NoCheckError("compares two parts of the output")
    if value.length or value.keys:
        if isinstance(other, str):
            raise NoCheckError("compares values of another kind")
        return _all(_limit_length(">=", value, other), _limit_length("<=", value, other))
    if value.lower or value.trimmed:
        text = str(other)
        is_possible = not (value.lower and text != text.lower()) and not (value.trimmed and text != text.strip())
        return _match(value, f"^{_escape(text)}$") if is_possible else _at(value, {"not": {}}, "string")
    return _at(value, {"const": other})


def _limit_length(sign: str, value: JsonValue, number: float) -> Condition:
    low = {">=": math.ceil(number), ">": math.floor(number) + 1}.get(sign)
    high = {"<=": math.floor(number), "<": math.ceil(number) - 1}.get(sign)
    if low is None and high is None:
        raise NoCheckError("compares values of another kind")
    plain = replace(value, length=False, keys=False)
    if high is not None and high < 0:
        return _at(plain, {"not": {}}, *(("object",) if value.keys else ("array", "string")))
    if value.keys:
        return _at(plain, {"type": "object", **_limits("Properties", low, high)}, "object")
    if value.trimmed:
        if (low, high) not in ((1, None), (None, 0)):
            raise NoCheckError("counts characters without white space")
        return _match(plain, r"\S" if low else "^$")
    names = {"array": "Items", "string": "Length", **({"object": "Properties"} if value.strict else {})}
    choices = [{"type": kind, **_limits(what, low, high)} for kind, what in names.items()]
    return _at(plain, {"anyOf": choices}, *names, is_empty=(low or 0) <= 0)


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
    if value.lower or value.trimmed:
        return _match(value, r"\S" if value.trimmed else "(?s).")
    return _at(value, {"not": {"enum": [*_FALSE, [], {}] if value.strict else _FALSE}})


def is_passing(value: JsonValue, threshold: float | None) -> Condition:
    """Return when promptfoo passes a value that code returns: true, or a number that is large enough."""
    if value.length or value.keys:
        return _limit_length(">", value, 0) if threshold is None else _limit_length(">=", value, threshold)
    least: dict[str, Json] = {"exclusiveMinimum": 0} if threshold is None else {"minimum": threshold}
    returned = replace(value, skips=())  # promptfoo refuses what is not there
    return _at(returned, {"anyOf": [{"const": True}, {"type": "number", **least}]}, "boolean", "number")


def has_type(value: JsonValue, name: str) -> Condition:
    """Return when a value has a type of JavaScript's `typeof`, or is an `array` or a `dict`."""
    if name == "undefined":
        return Not(_at(value, {}))
    if name not in _TYPES:
        raise NoCheckError(f"asks for the type {name}")
    return _at(value, {"type": _TYPES[name]})


def has_key(value: JsonValue, key: str) -> Condition:
    """Return when an object has a key."""
    return _at(value, {"type": "object", "required": [key]}, "object")


def is_one_of(value: JsonValue, values: Sequence[Any]) -> Condition:
    """Return when a value is one of several constants."""
    if value.length or value.keys or value.lower or value.trimmed:
        raise NoCheckError("compares with a list of another kind")
    if not all(isinstance(each, str | int | float) for each in values):
        raise NoCheckError("compares with a list of another kind")
    return _at(value, {"enum": list(values)})


def matches(value: JsonValue, pattern: str, ignore_case: bool) -> Condition:
    """Return when a text has a match of a regular expression."""
    if value.trimmed:
        raise NoCheckError("searches a text without white space")
    shown = f"(?i){pattern}" if ignore_case or value.lower else pattern
    is_named = value.strict or value.lower or _finds(shown, "undefined", "null")
    # JavaScript searches the name of what is not there
    return _at(value if is_named else excuse(value), {"type": "string", "pattern": shown}, "string")


def call(value: JsonValue, name: str, values: Sequence[Any]) -> Any:
    """Return what a method of a value means."""
    if name == "toLowerCase" and not values:
        return replace(value, lower=True)
    if name == "trim" and not values:
        return replace(value, trimmed=True)
    if name == "hasOwnProperty" and len(values) == 1 and isinstance(values[0], str):
        return has_key(value, values[0])
    if name == "includes" and len(values) == 1 and isinstance(values[0], str | int | float):
        return includes(value, values[0])
    if name in ("startsWith", "endsWith") and len(values) == 1 and isinstance(values[0], str):
        text = _escape(values[0])
        return _match(value, f"^{text}" if name == "startsWith" else f"{text}$")
    raise NoCheckError(f"calls {name} of a part of the output")


def includes(value: JsonValue, wanted: Json) -> Condition:
    """Return when a text or a list has a part; in Python an object has its keys."""
    if value.length:
        raise NoCheckError("searches a number")
    if value.keys:
        return has_key(replace(value, keys=False), str(wanted))
    if value.lower or value.trimmed:
        if not isinstance(wanted, str) or wanted != wanted.strip():
            raise NoCheckError("searches a text for another value")
        is_possible = not value.lower or wanted == wanted.lower()
        return _match(value, _escape(wanted)) if is_possible else _at(value, {"not": {}}, "string")
    found: dict[str, Json] = {"array": {"type": "array", "contains": {"const": wanted}}}
    if isinstance(wanted, str):
        found |= {"string": {"type": "string", "pattern": _escape(wanted)}}
        found |= {"object": {"type": "object", "required": [wanted]}} if value.strict else {}
    choices = list(reversed(found.values()))
    return _at(value, {"anyOf": choices} if len(choices) > 1 else found["array"], *found)  # type: ignore[arg-type]


def check_items(value: JsonValue, name: str, item: JsonValue, condition: Condition) -> Condition:
    """Return when some item of a list meets a condition, or every one. `condition` is simplified."""
    if not isinstance(condition, Fits) or condition.root != item.root:
        raise NoCheckError("asks something else of the items of a list")
    if value.keys:
        if name != "every":
            raise NoCheckError("looks for some key")
        plain = replace(value, keys=False)
        return _at(plain, {"type": "object", "propertyNames": dict(condition.schema)}, "object")
    every: dict[str, Json] = {"items": dict(condition.needs)} if condition.needs else {}
    wanted = {"contains": dict(condition.schema), **every} if name == "some" else {"items": dict(condition.schema)}
    made = _at(value, {"type": "array", **wanted}, "array", is_empty=name == "every")
    items = _or_skip(value, _place(value, {"type": "array", **every}))
    return replace(made, needs=join_schemas("allOf", [made.needs, items]))


def _match(value: JsonValue, pattern: str) -> Condition:
    """Return when a text matches a pattern, whose ends are those of the text without white space if it is trimmed."""
    if value.trimmed:
        pattern = re.sub(r"(?<!\\)\$$", r"\\s*$", re.sub(r"^\^", r"^\\s*", pattern))
    pattern = f"(?i){pattern}" if value.lower else pattern
    return _at(value, {"type": "string", "pattern": pattern}, "string")


def _finds(pattern: str, *texts: str) -> bool:
    """Return whether a pattern is found in one of some texts; True for one of another syntax than Python's."""
    try:
        return any(re.search(pattern, text) for text in texts)
    except (re.error, RecursionError, OverflowError):
        return True


def _at(value: JsonValue, schema: Mapping[str, Json], *types: str, is_empty: bool = False) -> Fits:
    """Return the condition that there is a value at a place, and that it fits a schema.

    `types` are those of which the value has to be for the code not to fail. `is_empty`: an empty list fits.
    """
    needs = [*value.needs]
    if types:
        needs.append(_or_skip(value, _place(value, {"type": types[0] if len(types) == 1 else list(types)})))
    made = _place(value, schema)
    if value.optional and is_empty:
        made = join_schemas("allOf", [*value.needs, join_schemas("anyOf", [*value.skips[-1:], made])])
    return Fits(value.root, made, join_schemas("allOf", needs))


def _place(value: JsonValue, schema: Mapping[str, Json]) -> Mapping[str, Json]:
    """Return the schema of a root that has a value at a place which fits a schema."""
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
    return made


def _or_skip(value: JsonValue, schema: Mapping[str, Json]) -> Mapping[str, Json]:
    return join_schemas("anyOf", [*value.skips, schema]) if value.skips else schema


def _all(*parts: Condition) -> Condition:
    return All(parts)


def _escape(text: str) -> str:
    return re.sub(r"[.^$*+?{}\[\]\\|()]", r"\\\g<0>", text)
