"""How a number is shown: with as many digits as its limit demands, so that display never contradicts a decision."""

from __future__ import annotations

import math

_FEWEST, _MOST = 3, 12


def shown(value: float, *limits: float | None, signed: bool = False) -> str:
    """`value` with three decimals, or more where fewer would put it on the wrong side of, or onto, a limit.

    0.8996 against 0.9 is "0.8996"; 0.9 against 0.9 is "0.900". Infinite values are "inf" and "-inf".
    """
    if not math.isfinite(value):
        return str(value)
    value += 0.0  # no negative zero
    sign = "+" if signed else ""
    for digits in range(_FEWEST, _MOST + 1):
        text = f"{value:{sign}.{digits}f}"
        if all(limit is None or _side(float(text), limit) == _side(value, limit) for limit in limits):
            return text.replace("-0.000", f"{sign}0.000") if float(text) == 0 else text
    return f"{sign if value >= 0 else ''}{value!r}"


def _side(value: float, limit: float) -> int:
    return (value > limit) - (value < limit)


def exact(limit: float) -> str:
    """A limit as the user wrote it: no digit is rounded away, none is added."""
    return f"{limit:.12g}"
