"""Members and methods in the code of an assertion: of the output, of JSON in it, and of constants."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from evalgate.inputs.importers import json_conditions
from evalgate.inputs.importers.code_comparisons import as_count, compare
from evalgate.inputs.importers.code_values import UNDEFINED, Choice, Chosen, Count, PartCount, Parts, Pattern, Text
from evalgate.inputs.importers.javascript_syntax import Tree
from evalgate.inputs.importers.json_conditions import Access, JsonValue
from evalgate.inputs.importers.output_conditions import WORDS, Always, Condition, Has, NoCheckError, Some


def take_member(owner: Any, key: Any, how: Access = "member") -> Any:  # noqa: PLR0911 - one case for each kind of value
    if isinstance(owner, Choice):
        return Choice(owner.test, take_member(owner.then, key, how), take_member(owner.other, key, how))
    if isinstance(owner, Text):
        if key == "length":
            return Count(float, trimmed=owner.trimmed, plain=True)
        if owner != Text():
            raise NoCheckError("takes a part of a changed text")
        return json_conditions.take(json_conditions.OUTPUT, key, how)
    if isinstance(owner, JsonValue):
        return json_conditions.take(owner, key, how)
    if isinstance(owner, dict):
        if how == "item" and str(key) not in owner:
            raise NoCheckError("takes a part that may be missing")
        return owner.get(str(key), None if how == "get" else UNDEFINED)
    if isinstance(owner, list):
        return len(owner) if key == "length" else _index(owner, key)
    if isinstance(owner, str) and key == "length":
        return len(owner)
    if isinstance(owner, Parts) and key == "length":
        return PartCount(owner.separator, owner.filled)
    if isinstance(owner, Chosen) and key == "length":
        return owner
    raise NoCheckError("takes a part of a value of another kind")


def _index(owner: list[Any], key: Any) -> Any:
    return owner[key] if isinstance(key, int) and 0 <= key < len(owner) else UNDEFINED


def call_static(function: Tree, values: Sequence[Any]) -> Any:
    """Return what a function of JavaScript's own objects means; None for a method of something else."""
    owner, name = function[1][1], function[2][1] if function[2][0] == "constant" else None
    if owner == "JSON" and name in ("parse", "loads") and len(values) == 1:
        if isinstance(values[0], Text):
            return replace(json_conditions.OUTPUT, strict=name == "loads")
        if isinstance(values[0], JsonValue):
            return json_conditions.decode(values[0])
    if owner == "Array" and name == "isArray" and isinstance(values[0], JsonValue):
        return json_conditions.has_type(values[0], "array")
    if owner == "Object" and name == "keys" and isinstance(values[0], JsonValue):
        return replace(values[0], keys=True)
    if owner == "Math" and name in ("min", "max", "abs", "floor", "ceil", "round"):
        return _call_math(str(name), values)
    return None


def _call_math(name: str, values: Sequence[Any]) -> Any:
    functions: dict[str, Callable[..., float]] = {
        "min": min, "max": max, "abs": abs, "floor": math.floor, "ceil": math.ceil,
        "round": lambda value: math.floor(value + 0.5),
    }  # fmt: skip
    if all(isinstance(value, int | float) for value in values):
        return functions[name](*values)
    made = [as_count(value) for value in values]
    return Count(lambda length: float(functions[name](*(each.of(length) for each in made))))


def call_method(owner: Any, name: str, values: Sequence[Any]) -> Any:  # noqa: PLR0911 - one case for each kind of value
    if isinstance(owner, str) and name in ("toLowerCase", "trim", "toUpperCase", "toString"):
        return {"toLowerCase": owner.lower, "trim": owner.strip, "toUpperCase": owner.upper}.get(name, owner.__str__)()
    if isinstance(owner, Text):
        return _call_text(owner, name, values)
    if isinstance(owner, Pattern) and name == "test" and isinstance(values[0], Text):
        return _search(values[0], owner)
    if isinstance(owner, Pattern) and name == "test" and isinstance(values[0], JsonValue):
        return json_conditions.matches(values[0], owner.pattern, owner.ignore_case)
    if isinstance(owner, JsonValue):
        return json_conditions.call(owner, name, values)
    if isinstance(owner, list) and name == "includes" and len(values) == 1:
        if isinstance(values[0], JsonValue):
            return json_conditions.is_one_of(values[0], owner)
        if isinstance(values[0], Text):
            return Some(tuple(compare("===", values[0], item) for item in owner))
    raise NoCheckError(f"calls {name} of something else")


def _call_text(owner: Text, name: str, values: Sequence[Any]) -> Any:  # noqa: PLR0911 - one case for each kind of value
    match name, list(values):
        case "toLowerCase" | "toLocaleLowerCase", []:
            return replace(owner, lower=True)
        case "toString", []:
            return owner
        case "trim", []:
            return replace(owner, trimmed=True)
        case "includes", [str(wanted)]:
            return _find(owner, "contains", wanted)
        case "startsWith", [str(wanted)]:
            return _find(owner, "starts_with", wanted)
        case "endsWith", [str(wanted)]:
            return _find(owner, "ends_with", wanted)
        case "match", [Pattern() as pattern]:
            return _search(owner, pattern)
        case "split", [str(separator)]:
            return Parts(separator)
        case "split", [Pattern(pattern)] if pattern in (WORDS, r"\n"):
            return Parts(pattern if pattern == WORDS else "\n", filled=pattern == WORDS)
        case "hasOwnProperty", [str(key)]:
            return json_conditions.has_key(json_conditions.OUTPUT, key)
    raise NoCheckError(f"calls {name} of the output")


def _find(owner: Text, kind: str, wanted: str) -> Condition:
    if owner.lower and wanted != wanted.lower():
        return Always(False)
    if not wanted.strip():
        if not wanted:
            return Always(True)
        escaped = "".join("\\n" if sign == "\n" else re.escape(sign) for sign in wanted)
        marks = {"contains": escaped, "starts_with": f"^{escaped}", "ends_with": f"{escaped}$"}
        if owner.trimmed:
            raise NoCheckError("searches for white space")
        return Has({"type": "regex", "pattern": marks[kind]})
    return Has({"type": kind, "value": wanted, **({"ignore_case": True} if owner.lower else {})})


def _search(owner: Text, pattern: Pattern) -> Condition:
    ignore = pattern.ignore_case or owner.lower
    if owner.trimmed and (pattern.pattern.startswith("^") or pattern.pattern.endswith("$")):
        begun = re.sub(r"^\^", r"^\\s*", pattern.pattern)
        pattern = replace(pattern, pattern=re.sub(r"(?<!\\)\$$", r"\\s*$", begun))
    if owner.lower and not pattern.ignore_case and re.search(r"(?<!\\)[A-Z]", pattern.pattern):
        raise NoCheckError("searches lower case for capital letters")
    return Has({"type": "regex", "pattern": pattern.pattern, **({"ignore_case": True} if ignore else {})})


def filter_parts(owner: Parts, function: Any) -> Parts:
    """Return the parts that are not blank, if that is what a function asks for."""
    if owner.filled:
        return owner
    name = function[1][0] if function and function[1] else ""
    trimmed: Tree = ("call", ("member", ("name", name), ("constant", "trim")), [])
    length: Tree = ("member", trimmed, ("constant", "length"))
    asked: list[Tree] = [trimmed, length, *(("binary", sign, length, ("constant", 0)) for sign in (">", "!==", "!="))]
    asked += [("binary", sign, trimmed, ("constant", "")) for sign in ("!==", "!=")]
    asked += [("name", "Boolean")] if function is None else []
    if function[2][-1][-1] in asked:
        return replace(owner, filled=True)
    raise NoCheckError("filters the parts of the output in another way")
