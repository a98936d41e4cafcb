"""Comparisons and computations in the code of an assertion, as conditions on the output."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

from evalgate.domain import Json
from evalgate.inputs.importers import json_conditions
from evalgate.inputs.importers.code_values import Choice, Chosen, Count, PartCount, Text, Undefined, is_true
from evalgate.inputs.importers.json_conditions import JsonValue, compare_json
from evalgate.inputs.importers.output_conditions import (
    All,
    Always,
    Condition,
    Fits,
    Has,
    IsLong,
    NoCheckError,
    Not,
    Some,
    has_parts,
    make_trimmed_pattern,
)

MOST_CHOICES = 40
_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}


def compare(sign: str, left: Any, right: Any) -> Any:  # noqa: C901, PLR0911, PLR0912 - one case for each kind of value
    """Return the condition of a comparison, or the number of a computation."""
    if isinstance(left, tuple) or isinstance(right, tuple):
        return _compare_type(sign, left, right)
    if sign in ("+", "-", "*", "/", "%"):
        return _compute(sign, left, right)
    if sign == "in" and isinstance(right, JsonValue) and isinstance(left, str):
        return json_conditions.has_key(right, left)
    is_constant = isinstance(left, str | int | float | bool | None | Undefined)
    if is_constant and not isinstance(right, str | int | float | bool | None | Undefined):
        return compare(_FLIPPED.get(sign, sign), right, left)
    if is_constant:
        return Always(compare_constants(sign, left, right))
    if isinstance(left, JsonValue):
        return compare_json(sign, left, right, is_undefined=isinstance(right, Undefined))
    if isinstance(left, Choice):
        then, other = is_true(compare(sign, left.then, right)), is_true(compare(sign, left.other, right))
        return Some((All((left.test, then)), All((Not(left.test), other))))
    if isinstance(left, Text):
        return _compare_text(sign, left, right)
    if not isinstance(right, int | float) or isinstance(right, bool):
        if isinstance(left, Count) and isinstance(right, Count):
            return compare(sign, _compute("-", left, right), 0)
        if right in (True, False) and sign in ("==", "===", "!=", "!=="):
            return is_true(left) if right is sign.startswith("=") else Not(is_true(left))
        raise NoCheckError("compares values of another kind")
    if isinstance(left, Count):
        return _compare_count(sign, left, right)
    if isinstance(left, PartCount):
        return _compare_number(sign, right, lambda low: has_parts(left.separator, low, filled=left.filled))
    if isinstance(left, Chosen):
        return _compare_number(sign, right, lambda low: _at_least(left.conditions, low))
    raise NoCheckError("compares values of another kind")


def _compare_type(sign: str, left: Any, right: Any) -> Condition:
    named, value = (left, right) if isinstance(left, tuple) else (right, left)
    if named[:1] != ("typeof",) or not isinstance(value, str) or sign not in ("==", "===", "!=", "!=="):
        raise NoCheckError("compares values of another kind")
    if isinstance(named[1], JsonValue):
        found: Condition = json_conditions.has_type(named[1], value)
    elif isinstance(named[1], Text):
        kinds: Mapping[str, Json] = {"object": ["object", "array"], "dict": "object"}
        found = Fits(0, {"type": kinds[value]}) if value in kinds else Always(value == "string")
    else:
        raise NoCheckError("asks for the type of another value")
    return found if sign.startswith("=") else Not(found)


def _compare_text(sign: str, left: Text, right: Any) -> Condition:
    if sign not in ("==", "===", "!=", "!=="):
        raise NoCheckError("compares the output by its order")
    if right is None or isinstance(right, Undefined | bool):
        found: Condition = Always(False)
    elif not isinstance(right, str):
        raise NoCheckError("compares the output with another value")
    elif not right.strip():
        found = Has({"type": "regex", "pattern": r"^\s*$"}) if left.trimmed else IsLong(lambda length: length == 0)
    else:
        found = Has({"type": "equals", "value": right, **({"ignore_case": True} if left.lower else {})})
    return found if sign.startswith("=") else Not(found)


def compare_constants(sign: str, left: Any, right: Any) -> bool:
    if sign in ("==", "===", "!=", "!=="):
        same = left == right and isinstance(left, bool) is isinstance(right, bool)
        return same if sign.startswith("=") else not same
    if isinstance(left, int | float) and isinstance(right, int | float):
        return bool({"<": left < right, ">": left > right, "<=": left <= right, ">=": left >= right}.get(sign, False))
    raise NoCheckError("compares values of another kind")


def _compute(sign: str, left: Any, right: Any) -> Any:
    if sign == "+" and isinstance(left, str) and isinstance(right, str):
        return left + right
    if any(isinstance(value, Count) and value.trimmed for value in (left, right)):
        raise NoCheckError("computes with a length without white space")
    one, two = as_count(left), as_count(right)

    def compute(length: int) -> float:
        first, second = one.of(length), two.of(length)
        if sign in ("/", "%") and second == 0:
            return math.inf if sign == "/" and first > 0 else math.nan
        results = {"+": first + second, "-": first - second, "*": first * second}
        return results[sign] if sign in results else first / second if sign == "/" else math.fmod(first, second)

    both = isinstance(left, int | float) and isinstance(right, int | float)
    return compute(0) if both else Count(compute)


def _compare_count(sign: str, left: Count, right: float) -> Condition:
    if left.trimmed:
        return _compare_number(
            sign, right, lambda low: Has({"type": "regex", "pattern": make_trimmed_pattern(low, None)})
        )

    def test(length: int) -> bool:
        return compare_constants(sign, left.of(length), float(right))

    return IsLong(test)


def _compare_number(sign: str, number: float, at_least: Callable[[int], Condition]) -> Condition:
    """Return the condition of a comparison of a count with a number, from what "at least" means."""

    def least(low: int) -> Condition:
        return Always(True) if low <= 0 else at_least(low)

    first, more = math.ceil(number), math.floor(number) + 1
    match sign:
        case ">=":
            return least(first)
        case ">":
            return least(more)
        case "<":
            return Not(least(first))
        case "<=":
            return Not(least(more))
        case "==" | "===":
            return All((least(first), Not(least(more))))
        case "!=" | "!==":
            return Some((Not(least(first)), least(more)))
    raise NoCheckError("compares values of another kind")


def _at_least(conditions: tuple[Condition, ...], low: int) -> Condition:
    """Return the condition that at least some number of conditions hold."""
    if low > len(conditions):
        return Always(False)
    if math.comb(len(conditions), low) > MOST_CHOICES:
        raise NoCheckError("asks for some of many conditions")
    return Some(tuple(All(each) for each in itertools.combinations(conditions, low)))


def as_count(value: Any) -> Count:
    if isinstance(value, Count) and not value.trimmed:
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Count(lambda _: float(value))
    raise NoCheckError("computes with a value of another kind")
