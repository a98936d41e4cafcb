"""Conditions on an output, and the checks that they are: what code of an assertion says, without the code."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from evalgate.domain import Json

MOST_REPEATS = 1_000
"""The most repeats that RE2 counts."""
WORDS = r"\s+"
"""The separator of words."""
_LONGEST = 20_000
_LARGEST = 5_000
_MOST_PARTS = 60
_OPPOSITES = {
    "contains": "not_contains", "contains_any": "not_contains_any", "contains_all": "not_contains_all",
    "equals": "not_equals", "regex": "not_regex", "is_json": "not_is_json",
}  # fmt: skip
_OPPOSITES |= {new: old for old, new in _OPPOSITES.items()}


class NoCheckError(ValueError):
    """A condition that no check expresses. The message is a phrase, such as "compares with code"."""


@dataclass(frozen=True, slots=True)
class Always:
    """A condition that always holds, or never."""

    holds: bool


@dataclass(frozen=True, slots=True)
class Has:
    """A condition that one check of the text decides. The check is as the configuration has it."""

    check: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class IsLong:
    """A condition on the number of characters."""

    test: Callable[[int], bool]


@dataclass(frozen=True, slots=True)
class Fits:
    """A condition on a JSON value, as a JSON Schema. `root` tells which value: 0 is the output, others are items.

    `needs` is the schema without which the code fails: then neither the condition holds nor its opposite.
    """

    root: int
    schema: Mapping[str, Json]
    needs: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a condition."""

    part: Condition


@dataclass(frozen=True, slots=True)
class All:
    """Conditions that all have to hold, looked at in order."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """Conditions of which one has to hold, looked at in order."""

    parts: tuple[Condition, ...]


Condition: TypeAlias = Always | Has | IsLong | Fits | Not | All | Some


def make_check(condition: Condition) -> dict[str, Any] | bool:
    """Return the check of a condition, or whether it always holds or never does.

    A JSON Schema is in the check itself, under `schema`. Raises NoCheckError for a condition without a check.
    """
    made = _build(simplify(condition, negated=False))
    if isinstance(made, dict) and _count(made) > _MOST_PARTS:
        raise NoCheckError("has too many parts")
    return made


def simplify(condition: Condition, *, negated: bool) -> Condition:
    """Return a condition without any `Not`, in which what is one check is one condition."""
    match condition:
        case Always(holds):
            return Always(holds is not negated)
        case Not(part):
            return simplify(part, negated=not negated)
        case IsLong(test):
            return IsLong(lambda length: not test(length)) if negated else condition
        case Fits(root, schema, needs):
            return Fits(root, join_schemas("allOf", [needs, {"not": dict(schema)}]), needs) if negated else condition
        case Has(check):
            return _negate(check) if negated else condition
        case All(parts) | Some(parts):
            some = isinstance(condition, Some) is not negated
            return _join([simplify(part, negated=negated) for part in parts], some=some)


def _negate(check: Mapping[str, Json]) -> Condition:
    kind = str(check["type"])
    if kind in _OPPOSITES:
        return Has({**check, "type": _OPPOSITES[kind]})
    if kind in ("starts_with", "ends_with"):
        text = re.escape(str(check["value"])).replace(r"\ ", " ")
        pattern = f"^{text}" if kind == "starts_with" else f"{text}$"
        rest = {key: value for key, value in check.items() if key not in ("type", "value")}
        return Has({"type": "not_regex", "pattern": pattern, **rest})
    if kind == "length" and "min_words" in check:
        return Has({"type": "length", "max_words": int(str(check["min_words"])) - 1})
    raise NoCheckError(f"needs the opposite of {kind}")


def _join(parts: Sequence[Condition], *, some: bool) -> Condition:
    """Join conditions, and merge neighbours of one kind: lengths, schemas of one value, and texts that are searched."""
    flat: list[Condition] = []
    for part in parts:
        inner = part.parts if isinstance(part, Some if some else All) else (part,)
        flat += inner
    if any(isinstance(part, Always) and part.holds is some for part in flat):
        return Always(some)
    left = [part for part in flat if not isinstance(part, Always)]
    merged: list[Condition] = []
    for part in left:
        joined = _merge(merged[-1], part, some=some) if merged else None
        if joined is None:
            merged.append(part)
        else:
            merged[-1] = joined
    if not merged:
        return Always(not some)
    return merged[0] if len(merged) == 1 else Some(tuple(merged)) if some else All(tuple(merged))


def _merge(left: Condition, right: Condition, *, some: bool) -> Condition | None:
    if isinstance(left, IsLong) and isinstance(right, IsLong):
        one, two = left.test, right.test
        return IsLong(lambda length: one(length) or two(length) if some else one(length) and two(length))
    if isinstance(left, Fits) and isinstance(right, Fits) and left.root == right.root:
        return _merge_schemas(left, right, some=some)
    if isinstance(left, Has) and isinstance(right, Has):
        return _merge_texts(left.check, right.check, some=some)
    return None


def _merge_schemas(left: Fits, right: Fits, *, some: bool) -> Fits:
    """Merge two conditions, of which code looks at the second only if the first does not decide."""
    if left.needs == right.needs:
        made = join_schemas("anyOf" if some else "allOf", [left.schema, right.schema])
        return Fits(left.root, made, left.needs)
    decided = left.schema if some else {"not": dict(left.schema)}
    later = join_schemas("anyOf", [decided, right.needs]) if right.needs else {}
    second = join_schemas("allOf", [left.needs, right.schema]) if some else right.schema
    made = join_schemas("anyOf" if some else "allOf", [left.schema, second])
    return Fits(left.root, made, join_schemas("allOf", [left.needs, later]))


def join_schemas(key: Literal["allOf", "anyOf"], schemas: Sequence[Mapping[str, Json]]) -> dict[str, Json]:
    """Return the schema of values that fit all schemas, or any. One that every value fits is left out of `allOf`."""
    parts: list[Json] = []
    for schema in schemas:
        inner = schema[key] if set(schema) == {key} else [dict(schema)]
        parts += [each for each in (inner if isinstance(inner, list) else []) if each not in parts]
    if key == "allOf":
        parts = [part for part in parts if part != {}]
    if not parts or (key == "anyOf" and {} in parts):
        return {}
    return dict(parts[0]) if len(parts) == 1 and isinstance(parts[0], dict) else {key: parts}


def _merge_texts(left: Mapping[str, Json], right: Mapping[str, Json], *, some: bool) -> Condition | None:
    """Merge two searches: any of two texts, both of them, or neither."""
    kinds = ("contains", "contains_any") if some else ("contains", "contains_all")
    forbids = ("not_contains", "not_contains_any")
    for allowed, merged in ((kinds, kinds[1]), *(() if some else ((forbids, forbids[1]),))):
        same = _read_rest(left) == _read_rest(right)
        if left["type"] in allowed and right["type"] in allowed and same:
            texts = list(dict.fromkeys([*_read_texts(left), *_read_texts(right)]))
            single = {"type": allowed[0], "value": texts[0], **_read_rest(left)}
            return Has(single if len(texts) == 1 else {"type": merged, "values": texts, **_read_rest(left)})
    return None


def _read_rest(check: Mapping[str, Json]) -> dict[str, Json]:
    return {key: value for key, value in check.items() if key not in ("type", "value", "values")}


def _read_texts(check: Mapping[str, Json]) -> list[str]:
    values = check.get("values", [check.get("value")])
    return [str(value) for value in values] if isinstance(values, list) else []


def _build(condition: Condition) -> dict[str, Any] | bool:  # noqa: PLR0911 - one case for each kind of condition
    match condition:
        case Always(holds):
            return holds
        case Has(check):
            return dict(check)
        case IsLong(test):
            return _build_length(test)
        case Fits(root, schema, _):
            if root:
                raise NoCheckError("compares an item with something else")
            if len(json.dumps(schema)) > _LARGEST:
                raise NoCheckError("has too many parts")
            return {"type": "json_schema", "schema": dict(schema)} if schema else {"type": "is_json"}
        case All(parts):
            built = [_build(part) for part in parts]
            if False in built:
                return False
            checks = [each for each in built if isinstance(each, dict)]
            return True if not checks else checks[0] if len(checks) == 1 else {"type": "all_of", "checks": checks}
        case Some(parts):
            return _build_some(parts)
        case Not():
            raise AssertionError("a simplified condition has no Not")


def _build_some(parts: Sequence[Condition]) -> dict[str, Any] | bool:
    """Return the check of conditions of which one has to hold. The later ones count only if none before them fails."""
    ways: list[dict[str, Any]] = []
    for number, part in enumerate(parts):
        way = _build(part)
        if way is True:
            return True
        ways += [way] if isinstance(way, dict) else []
        rest = parts[number + 1 :]
        guard = _build(simplify(find_needs(part), negated=False)) if rest else True
        if isinstance(guard, dict):
            after = _build_some(rest)
            inner = [guard] if after is True else [guard, after]
            ways += [{"type": "all_of", "checks": inner} if len(inner) > 1 else guard] if after else []
            break
    return False if not ways else ways[0] if len(ways) == 1 else {"type": "any_of", "checks": ways}


def find_needs(condition: Condition) -> Condition:
    """Return when code that decides a condition does not fail."""
    match condition:
        case Fits(root, _, needs):
            return Fits(root, needs) if needs else Has({"type": "is_json"})
        case All(parts) | Some(parts):
            some = isinstance(condition, Some)
            found: Condition = Always(True)
            for part in reversed(parts):
                found = All((find_needs(part), Some((part if some else Not(part), found))))
            return found
        case Not(part):
            return find_needs(part)
    return Always(True)


def _build_length(test: Callable[[int], bool]) -> dict[str, Any] | bool:
    """Return the check of a condition on the length: of one interval, or of two."""
    try:
        spans = list(_find_spans([bool(test(length)) for length in range(_LONGEST)], bool(test(10**7))))
    except (ArithmeticError, ValueError):
        raise NoCheckError("computes with the length in another way") from None
    if not spans:
        return False
    if spans == [(0, None)]:
        return True
    if len(spans) > 2:
        raise NoCheckError("computes with the length in another way")
    checks = [
        {"type": "length", **({"min_chars": low} if low else {}), **({} if high is None else {"max_chars": high})}
        for low, high in spans
    ]
    return checks[0] if len(checks) == 1 else {"type": "any_of", "checks": checks}


def _find_spans(held: Sequence[bool], at_end: bool) -> Iterator[tuple[int, int | None]]:
    """Yield the intervals of lengths for which a test holds. The last may have no end."""
    if held[-1] is not at_end:
        raise ValueError("no interval")
    start: int | None = None
    for length, holds in enumerate(held):
        if holds and start is None:
            start = length
        elif not holds and start is not None:
            yield start, length - 1
            start = None
    if start is not None:
        yield start, None


def _count(check: Mapping[str, Any]) -> int:
    return 1 + sum(_count(part) for part in check.get("checks", ()))


def has_parts(separator: str, count: int, *, filled: bool) -> Condition:
    """Return the condition that a text has at least `count` parts between separators; `filled`: that are not blank."""
    if separator == WORDS:
        return Has({"type": "length", "min_words": count})
    if filled:
        return Has({"type": "regex", "pattern": make_parts_pattern(separator, count)})
    if not separator or count - 1 > MOST_REPEATS:
        raise NoCheckError("counts parts of the output in another way")
    if count <= 1:
        return Always(True)
    sign = re.escape(separator).replace("\\\n", r"\n").replace(r"\ ", " ")
    return Has({"type": "regex", "pattern": rf"{sign}(?:[\s\S]*?{sign}){{{count - 2}}}" if count > 2 else sign})


def make_parts_pattern(separator: str, count: int) -> str:
    """Return the pattern of a text with at least `count` parts between separators that are not blank.

    Raises NoCheckError for a separator of several characters, and for more than RE2 counts.
    """
    if separator == WORDS or len(separator) != 1 or not 1 <= count <= MOST_REPEATS:
        raise NoCheckError("counts parts of the output in another way")
    sign = re.escape(separator) if separator != "\n" else r"\n"
    if separator == "\n":
        part, rest, gap = r"\S", r"[^\n]*", r"\n\s*"
    else:
        part, rest, gap = rf"[^{sign}\s]", rf"[^{sign}]*", rf"{sign}[{sign}\s]*"
    more = f"(?:{gap}{part}{rest}){{{count - 1}}}" if count > 1 else ""
    return f"{part}{rest}{more}"


def make_trimmed_pattern(low: int, high: int | None) -> str:
    """Return the pattern of a text whose length without white space at both ends is within limits."""
    if max(low, high or 0) > MOST_REPEATS:
        raise NoCheckError("counts more characters without white space than RE2 does")
    if high is None:
        return r"\S" if low == 1 else rf"\S[\s\S]{{{low - 2},}}\S"
    if high == 0:
        return r"^\s*$"
    more = "" if high == 1 else rf"(?:[\s\S]{{{max(0, low - 2)},{high - 2}}}\S)" + ("" if low > 1 else "?")
    return rf"^\s*\S{more}\s*$" if low else rf"^\s*(?:\S{more})?\s*$"


def list_patterns(check: Mapping[str, Any]) -> Iterator[str]:
    """Yield the regular expressions of a check and its parts."""
    if "pattern" in check:
        yield str(check["pattern"])
    for part in check.get("checks", ()):
        yield from list_patterns(part)
