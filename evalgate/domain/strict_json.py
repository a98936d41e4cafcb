"""Strict JSON parsing: refuses duplicate keys, NaN and Infinity, and numbers that are too large."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any, NoReturn

MAX_DEPTH = 100
UNKNOWN_NUMBER = "is not a number in JSON"
TOO_LARGE = "the number is too large"
TOO_DEEP = "nested too deeply"


class JsonError(ValueError):
    """The reason why a text is not strict JSON, worded as a phrase that follows a colon.

    For a syntax error, `line` and `column` count from 1; for any other problem they are 0. `problem` is the message
    without the place.
    """

    def __init__(self, problem: str, line: int = 0, column: int = 0) -> None:
        super().__init__(f"{problem} at line {line}, column {column}" if line else problem)
        self.problem = problem
        self.line = line
        self.column = column


def refuse_constant(name: str) -> NoReturn:
    """Raise JsonError for NaN, Infinity and -Infinity, which RFC 8259 does not allow."""
    raise JsonError(f"{name} {UNKNOWN_NUMBER}")


def read_float(text: str) -> float:
    """Return `text` as a finite float. Raises JsonError if it is out of a float's range."""
    number = float(text)
    if not math.isfinite(number):
        raise JsonError(TOO_LARGE)
    return number


def read_integer(text: str) -> int:
    """Return `text` as an integer. Raises JsonError if it is out of a float's range."""
    read_float(text)
    return int(text)


def build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object with these keys and values. Raises JsonError for a duplicate key."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise JsonError(f'the key "{twice}" is given twice')
    return found


DECODER = json.JSONDecoder(
    object_pairs_hook=build_object, parse_float=read_float, parse_int=read_integer, parse_constant=refuse_constant
)
"""A decoder for readers that continue after the end of a value. Numbers are bounded.

It also raises the errors that `load` turns into a JsonError.
"""


def load(text: str | bytes, *, bounded: bool = False, on_constant: Callable[[str], Any] = refuse_constant) -> Any:
    """Parse `text` as one JSON value (RFC 8259). Raises JsonError for anything else.

    With `bounded`, integers must be in the range of a float; otherwise they may have up to 4,300 digits. `on_constant`
    returns the value for NaN, Infinity and -Infinity. The depth is limited only by Python's parser; `is_too_deep`
    applies a lower limit.
    """
    try:
        return json.loads(
            text,
            object_pairs_hook=build_object,
            parse_float=read_float,
            parse_constant=on_constant,
            # with None, the C scanner parses integers itself, which is faster
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
    """Return whether plain data is nested more than MAX_DEPTH containers deep. Does not recurse."""
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
