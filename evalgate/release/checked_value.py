"""Values of JSON that read themselves as one type and refuse any other, with their path in the document."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeVar

LARGEST: Final = 16 * 1024 * 1024
"""Bytes of a document at most. A larger one is refused before it is parsed."""

LONGEST_NUMBER: Final = 300
"""Characters of a whole number at most. JavaScript has no number of more than 309 digits."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_NUMBER = re.compile(
    r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?", re.ASCII
)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)
_Made = TypeVar("_Made")


class DocumentError(ValueError):
    """A text that is not a release document: what is wrong, after the path of the value."""


def load_value(data: bytes, *, most: int = LARGEST) -> Value:
    """Return the value that at most `most` bytes are as JSON in UTF-8. Raises DocumentError."""
    if len(data) > most:
        raise DocumentError(f"{len(data):,} bytes are more than a document may have ({most:,})")
    try:
        return Value(_read_json(data.decode()), "")
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"not JSON: {error}") from None


class Value:
    """A value of a document with its path, which reads itself as one type and refuses any other."""

    __slots__ = ("data", "path")

    def __init__(self, data: Any, path: str) -> None:
        self.data = data
        self.path = path

    def fail(self, problem: str) -> NoReturn:
        raise DocumentError(f"{self.path or 'the document'}: {problem}")

    def __getitem__(self, key: str) -> Value:
        if not isinstance(self.data, dict):
            self.fail("must be an object")
        if key not in self.data:
            self.fail(f'the key "{key}" is missing')
        return Value(self.data[key], f"{self.path}.{key}" if self.path else key)

    def members(self) -> list[tuple[str, Value]]:
        if not isinstance(self.data, dict):
            self.fail("must be an object")
        return [(key, Value(one, f"{self.path}.{key}")) for key, one in self.data.items()]

    def items(self) -> list[Value]:
        if not isinstance(self.data, list):
            self.fail("must be a list")
        return [Value(one, f"{self.path}[{position}]") for position, one in enumerate(self.data)]

    def pair(self) -> tuple[Any, Any]:
        if not isinstance(self.data, list) or len(self.data) != 2:
            self.fail("must be a list of two values")
        return self.data[0], self.data[1]

    def text(self, *, empty: bool = False) -> str:
        if not isinstance(self.data, str) or not (empty or self.data.strip()):
            self.fail("must be text" if empty else "must be text that is not blank")
        return self.data

    def flag(self) -> bool:
        if not isinstance(self.data, bool):
            self.fail("must be true or false")
        return self.data

    def one_of(self, known: tuple[str, ...]) -> str:
        if self.data not in known:
            self.fail(f"must be one of {', '.join(known)}")
        return str(self.data)

    def integer(self, *, least: int = 0, most: int = 2**53 - 1) -> int:
        if isinstance(self.data, bool) or not isinstance(self.data, int) or not least <= self.data <= most:
            self.fail(f"must be a whole number from {least} to {most}")
        return self.data

    def _match(self, pattern: re.Pattern[str], what: str) -> str:
        if not isinstance(self.data, str) or not pattern.fullmatch(self.data):
            self.fail(f"must be {what}")
        return self.data

    def digest(self) -> str:
        return self._match(_DIGEST, "a sha256 in hex")

    def number(self) -> str:
        return self._match(_NUMBER, "a semantic version")

    def time(self) -> str:
        return self._match(_TIME, "a time in UTC, such as 2026-01-31T12:00:00Z")

    def object(self) -> dict[str, Any]:
        if not isinstance(self.data, dict):
            self.fail("must be an object")
        return self.data

    def optional(self, read: Callable[[Value], _Made]) -> _Made | None:
        return None if self.data is None else read(self)


def _read_json(text: str) -> Any:
    return json.loads(text, parse_constant=_refuse_constant, parse_float=_read_float, parse_int=_read_int)


def _read_float(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError(f"{digits[:20]} is too large")
    return value


def _read_int(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER:
        raise ValueError(f"a number of {len(digits)} digits is too large")
    return int(digits)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number in JSON")
