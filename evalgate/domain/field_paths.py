"""Values at names and dotted paths of plain data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


def dig(value: Any, path: str) -> Any:
    """Return the value at a field name or a dotted path ("user.names.0"). An exact field name takes precedence.

    Raises LookupError if there is no value.
    """
    if isinstance(value, Mapping) and path in value:
        return value[path]
    head, dot, rest = path.partition(".")
    found = step(value, head)
    return dig(found, rest) if dot else found


def step(value: Any, part: str) -> Any:
    """Return the value at a key of a mapping, or at an index of a list. Raises LookupError if there is none."""
    if isinstance(value, Mapping):
        return value[part]
    if isinstance(value, list | tuple) and _INDEX.fullmatch(part):
        return value[int(part)]
    raise LookupError(part)
