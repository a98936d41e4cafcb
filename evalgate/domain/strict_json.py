"""JSON text to plain data, strictly: no key given twice, no NaN or Infinity, no number that is too large."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any, NoReturn

MAX_DEPTH = 100
UNKNOWN_NUMBER = "is not a number JSON knows"
TOO_LARGE = "the number is too large"
TOO_DEEP = "nested too deeply"


class JsonError(ValueError):
    """Why a text is not strict JSON, as a phrase that follows a colon.

    Bad syntax has a place: `line` and `column` count from 1. They are 0 for everything else, and `problem` is all of
    the message but the place.
    """

    def __init__(self, problem: str, line: int = 0, column: int = 0) -> None:
        super().__init__(f"{problem} at line {line}, column {column}" if line else problem)
        self.problem = problem
        self.line = line
        self.column = column


def refuse_constant(name: str) -> NoReturn:
    """Refuse NaN, Infinity and -Infinity, which RFC 8259 does not know. Raises JsonError."""
    raise JsonError(f"{name} {UNKNOWN_NUMBER}")


def read_float(text: str) -> float:
    """The finite number that `text` is. Raises JsonError where a float does not hold it."""
    number = float(text)
    if not math.isfinite(number):
        raise JsonError(TOO_LARGE)
    return number


def read_integer(text: str) -> int:
    """The integer that `text` is. Raises JsonError where a float does not hold it: it could not be divided or shown."""
    read_float(text)
    return int(text)


def build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these keys and values. Raises JsonError for a key given twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise JsonError(f'the key "{twice}" is given twice')
    return found


DECODER = json.JSONDecoder(
    object_pairs_hook=build_object, parse_float=read_float, parse_int=read_integer, parse_constant=refuse_constant
)
"""For readers that go on where a value ends; numbers are bounded. It also raises what `load` turns into a JsonError."""


def load(text: str | bytes, *, bounded: bool = False, on_constant: Callable[[str], Any] = refuse_constant) -> Any:
    """The one JSON value that `text` is (RFC 8259). Raises JsonError for anything else.

    Where numbers are `bounded`, an integer is one that a float holds as well, else one of at most 4,300 digits.
    `on_constant` gives the value of NaN, Infinity and -Infinity. Depth is bounded by what Python reads; `is_too_deep`
    has a narrower bound.
    """
    try:
        return json.loads(
            text,
            object_pairs_hook=build_object,
            parse_float=read_float,
            parse_constant=on_constant,
            # without it the scanner reads integers itself, which is faster
            parse_int=read_integer if bounded else None,
        )
    except JsonError:
        raise
    except json.JSONDecodeError as error:
        raise JsonError(error.msg, error.lineno, error.colno) from None
    except UnicodeDecodeError:
        raise JsonError("not UTF-8") from None
    except ValueError:
        raise JsonError(TOO_LARGE) from None
    except RecursionError:
        raise JsonError(TOO_DEEP) from None


def is_too_deep(data: Any) -> bool:
    """Whether plain data is nested more than MAX_DEPTH containers deep; never recurses."""
    level = [data]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for container in level
            if isinstance(container, dict | list)
            for child in (container.values() if isinstance(container, dict) else container)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True
