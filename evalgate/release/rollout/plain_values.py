"""Whether a value of a row can be sent on: JSON has numbers and texts that no request and no report can carry."""

from __future__ import annotations

import math
import re
from typing import Any, Final

MOST_DEPTH: Final = 32
"""How deep objects and lists may be nested."""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def is_plain(value: Any) -> bool:
    """Return whether data of JSON has finite numbers, no text with a lone surrogate, and no deep nesting."""
    level = [value]
    for _ in range(MOST_DEPTH):
        if any(isinstance(one, str) and _SURROGATE.search(one) for one in level):
            return False
        if any(isinstance(one, float) and not math.isfinite(one) for one in level):
            return False
        level = [inner for one in level if isinstance(one, dict | list) for inner in _list_inner(one)]
        if not level:
            return True
    return False


def _list_inner(value: dict[str, Any] | list[Any]) -> list[Any]:
    return [*value, *value.values()] if isinstance(value, dict) else value
