"""Formatting of numbers with as many digits as their limit demands, so that display never contradicts a decision.

No number is shown with an exponent or with more than 12 decimals. Decisions use numbers rounded to 12 decimals.
"""

from __future__ import annotations

import math

NOTABLE = 0.25
"""A change of a case's score that is worth naming: one point of a five-point scale. A check changes by a whole 1."""
_FEWEST, _MOST = 3, 12


def show(value: float, *limits: float | None, signed: bool = False) -> str:
    """Format `value` with three decimals, or with more if rounding would move it onto a limit or to its other side.

    With the limit 0.9, 0.8996 is "0.8996". 0.9 is "0.900", and so is a value that differs from 0.9 only after the 12th
    decimal. Infinite values are "inf" and "-inf".
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
    """Format a limit as the user wrote it: up to 12 decimals, without trailing zeros."""
    return f"{_round(limit):.{_MOST}f}".rstrip("0").rstrip(".")


def show_count(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: "1 case", "1,200 cases". `plural` is that of a noun that takes more than an "s".

    The words may have a verb: `show_count(n, "case is", "cases are")`.
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def show_probability(value: float) -> str:
    """Format a p-value with its relation sign: "p = 0.0123", or "p < 0.0001"."""
    return f"p = {value:.4f}" if value >= 0.0001 else "p < 0.0001"


def _finite(limits: tuple[float | None, ...]) -> list[float]:
    return [limit for limit in limits if limit is not None and math.isfinite(limit)]


def _round(value: float) -> float:
    return round(value, _MOST) + 0.0  # no negative zero


def _side(value: float, limit: float) -> int:
    return (value > limit) - (value < limit)
