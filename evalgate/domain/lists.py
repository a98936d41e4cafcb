"""Lists of names in sentences: the first few names, and the number of the others."""

from __future__ import annotations

from collections.abc import Sequence


def name_some(names: Sequence[str], most: int, *, rest: str = " and {} more") -> str:
    """Return the first `most` names, as in "a, b and 3 more". In `rest`, {} is replaced by the number of the others."""
    left = len(names) - most
    return ", ".join(names[:most]) + (rest.format(left) if left > 0 else "")
