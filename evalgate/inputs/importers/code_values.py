"""The values that the code of an assertion works with: the output, what is computed from it, and conditions."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeGuard

from evalgate.inputs.importers.json_conditions import JsonValue, is_true_json
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
)


@dataclass(frozen=True, slots=True)
class Text:
    """The output as a text, perhaps in lower case or without white space at both ends."""

    lower: bool = False
    trimmed: bool = False


@dataclass(frozen=True, slots=True)
class Count:
    """A number that is computed from the number of characters of the output."""

    of: Callable[[int], float]
    trimmed: bool = False
    plain: bool = False


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of the output between separators; `filled`: those that are not blank."""

    separator: str
    filled: bool = False


@dataclass(frozen=True, slots=True)
class PartCount:
    """The number of the parts."""

    separator: str
    filled: bool


@dataclass(frozen=True, slots=True)
class Chosen:
    """The constants of a list for which a condition holds."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression of the code, in RE2's syntax."""

    pattern: str
    ignore_case: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """One value or the other."""

    test: Condition
    then: Any
    other: Any


class Undefined:
    """The value of what is not there."""


UNDEFINED = Undefined()


def is_condition(value: Any) -> TypeGuard[Condition]:
    """Return whether a value is a truth value that depends on the output."""
    return isinstance(value, Always | Has | IsLong | Fits | Not | All | Some)


def is_true(value: Any) -> Condition:  # noqa: PLR0911 - one case for each kind of value
    """Return when a value counts as true."""
    match value:
        case Always() | Has() | IsLong() | Fits() | Not() | All() | Some():
            return value
        case Text(_, trimmed):
            return Has({"type": "regex", "pattern": r"\S"}) if trimmed else IsLong(lambda length: length > 0)
        case JsonValue():
            return is_true_json(value)
        case Choice(test, then, other):
            return Some((All((test, is_true(then))), All((Not(test), is_true(other)))))
        case Count(of, trimmed):
            return Has({"type": "regex", "pattern": r"\S"}) if trimmed else IsLong(lambda length: bool(of(length)))
        case Undefined() | None:
            return Always(False)
        case str() | int() | float() | bool():
            return Always(bool(value))
        case list() | dict() | Parts():
            return Always(True)
    raise NoCheckError("tests a value of another kind")


def to_re2(pattern: str, flags: str = "") -> str:
    """Return a regular expression of JavaScript in RE2's syntax, as far as the two differ in writing."""
    changed = re.sub(
        r"\\(?:u\{([0-9a-fA-F]+)\}|u([0-9a-fA-F]{4})|(.))",
        lambda hit: rf"\x{{{hit[1] or hit[2]}}}" if hit[1] or hit[2] else "/" if hit[3] == "/" else hit[0],
        pattern,
        flags=re.DOTALL,
    )
    changed = re.sub(r"\(\?<(?![=!])", "(?P<", changed).replace("[^]", r"[\s\S]")
    return f"(?{flags}){changed}" if flags else changed


def read_pattern(pattern: str, flags: str) -> Pattern:
    return Pattern(to_re2(pattern, "".join(flag for flag in flags if flag in "ms")), "i" in flags)
