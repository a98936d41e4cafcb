"""The JSON value that an output is, and the places inside such a value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from evalgate.domain import strict_json

_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


def parse(text: str) -> Any:
    """The one JSON value that `text` is (RFC 8259).

    Raises ValueError, with a phrase that follows "the output is not JSON: ", for anything else: also for NaN and
    Infinity, for a key given twice, for numbers out of a float's range and for nesting deeper than Python reads.
    """
    return strict_json.load(text, bounded=True)


def pointer_parts(pointer: str) -> tuple[str, ...]:
    """The unescaped reference tokens of a JSON Pointer (RFC 6901); "" is the whole value. Raises ValueError."""
    if pointer == "":
        return ()
    if not pointer.startswith("/"):
        raise ValueError(f'"{pointer}" is not a JSON Pointer: it must start with "/"')
    if re.search(r"~(?![01])", pointer):
        raise ValueError(f'"{pointer}" is not a JSON Pointer: "~" is written "~0"')
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/"))


def resolve(value: Any, pointer: str) -> Any:
    """What a JSON Pointer points to. Raises ValueError for a bad pointer, LookupError where nothing is."""
    for part in pointer_parts(pointer):
        value = _step(value, part)
    return value


def dig(value: Any, path: str) -> Any:
    """What a field name or a dotted path ("user.names.0") leads to; a field named just so comes first.

    Raises LookupError where nothing is.
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
