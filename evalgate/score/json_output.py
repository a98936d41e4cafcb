"""Parsing of outputs as JSON, and access to places inside a JSON value."""

from __future__ import annotations

import re
from typing import Any

from evalgate.domain import strict_json
from evalgate.domain.field_paths import dig, step

__all__ = ["dig", "parse", "pointer_parts", "resolve"]


def parse(text: str) -> Any:
    """Parse `text` as one JSON value (RFC 8259).

    Raises ValueError for anything else, including NaN and Infinity, duplicate keys, numbers out of a float's range and
    nesting that is too deep for Python's parser. The message is a phrase that can follow "the output is not JSON: ".
    """
    return strict_json.load(text, bounded=True)


def pointer_parts(pointer: str) -> tuple[str, ...]:
    """Return the unescaped reference tokens of a JSON Pointer (RFC 6901); "" is the whole value.

    Raises ValueError for an invalid pointer.
    """
    if pointer == "":
        return ()
    if not pointer.startswith("/"):
        raise ValueError(f'"{pointer}" is not a JSON Pointer: it must start with "/"')
    if re.search(r"~(?![01])", pointer):
        raise ValueError(f'"{pointer}" is not a JSON Pointer: write "~" as "~0"')
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/"))


def resolve(value: Any, pointer: str) -> Any:
    """Return the value at a JSON Pointer. Raises ValueError for an invalid pointer, LookupError without a value."""
    for part in pointer_parts(pointer):
        value = step(value, part)
    return value
