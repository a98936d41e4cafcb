"""How a number is shown: with as many digits as its limit demands, so that display never contradicts a decision.

No figure has an exponent or more than 12 decimals. Decisions are made with numbers rounded to 12 decimals.
"""

from __future__ import annotations

import math

_FEWEST, _MOST = 3, 12


def show(value: float, *limits: float | None, signed: bool = False) -> str:
    """`value` with three decimals, or more where fewer would put it on the wrong side of, or onto, a limit.

    0.8996 against 0.9 is "0.8996"; 0.9 against 0.9 is "0.900", and so is what differs from 0.9 by less than 12 decimals
    show. Infinite values are "inf" and "-inf".
    """
    if not math.isfinite(value):
        return str(value)
    value = _round(value)
    sides = [(limit, _side(value, limit)) for limit in map(_round, _finite(limits))]
    text = ""
    for digits in range(_FEWEST, _MOST + 1):
        text = f"{value:{'+' if signed else ''}.{digits}f}"
        if all(_side(float(text), limit) == side for limit, side in sides):
            break
    return text.replace("-", "+" if signed else "") if float(text) == 0 else text


def show_exactly(limit: float) -> str:
    """A limit as the user wrote it: no digit of the first 12 decimals is rounded away, none is added."""
    return f"{_round(limit):.{_MOST}f}".rstrip("0").rstrip(".")


def show_probability(value: float) -> str:
    """A p-value with what it is compared to: "p = 0.0123", or "p < 0.0001"."""
    return f"p = {value:.4f}" if value >= 0.0001 else "p < 0.0001"


def _finite(limits: tuple[float | None, ...]) -> list[float]:
    return [limit for limit in limits if limit is not None and math.isfinite(limit)]


def _round(value: float) -> float:
    return round(value, _MOST) + 0.0  # no negative zero


def _side(value: float, limit: float) -> int:
    return (value > limit) - (value < limit)
