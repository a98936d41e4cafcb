"""Parsing of outputs as JSON, and access to places inside a JSON value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from evalgate.domain import strict_json

_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


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
        value = _step(value, part)
    return value


def dig(value: Any, path: str) -> Any:
    """Return the value at a field name or a dotted path ("user.names.0"). An exact field name takes precedence.

    Raises LookupError if there is no value.
    """
    if isinstance(value, Mapping) and path in value:
        return value[path]
    head, dot, rest = path.partition(".")
    found = _step(value, head)
    return dig(found, rest) if dot else found


def _step(value: Any, part: str) -> Any:
    if isinstance(value, Mapping):
        return value[part]
    if isinstance(value, list | tuple) and _INDEX.fullmatch(part):
        return value[int(part)]
    raise LookupError(part)
