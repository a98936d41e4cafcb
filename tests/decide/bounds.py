"""Bounds of counts from simulations: rates are compared with four standard errors to spare."""

from __future__ import annotations

import math

ERRORS = 4.0


def at_most(count: int, runs: int, rate: float) -> bool:
    """Whether so many of `runs` may be a rate of at most `rate`."""
    return count <= rate * runs + ERRORS * math.sqrt(runs * rate * (1 - rate))


def at_least(count: int, runs: int, rate: float) -> bool:
    """Whether so many of `runs` may be a rate of at least `rate`."""
    return at_most(runs - count, runs, 1 - rate)


def about(count: int, runs: int, rate: float, *, give: float = 0.0) -> bool:
    """Whether so many of `runs` may be a rate that lies within `give` of `rate`."""
    return at_most(count, runs, min(1.0, rate + give)) and at_least(count, runs, max(0.0, rate - give))
