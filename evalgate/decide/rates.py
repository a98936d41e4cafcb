"""Estimate a rate from a count of runs, with its confidence interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A rate: `count` of `runs`, with bounds `low` and `high` at 95 % two-sided confidence (Wilson 1927)."""

    count: int
    runs: int
    value: float
    low: float
    high: float


def estimate_rate(count: int, runs: int, *, confidence: float = 0.95) -> Rate:
    """Return the rate of `count` among independent `runs` with its Wilson interval; [0, 1] without a run.

    Raises ValueError for a count below 0 or above `runs`.
    """
    if not 0 <= count <= runs:
        raise ValueError(f"{count} of {runs} runs is not a rate")
    if runs == 0:
        return Rate(count=0, runs=0, value=0.0, low=0.0, high=1.0)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    value = count / runs
    middle = (value + z * z / (2 * runs)) / (1 + z * z / runs)
    half = z / (1 + z * z / runs) * math.sqrt(value * (1 - value) / runs + z * z / (4 * runs * runs))
    low = 0.0 if count == 0 else max(0.0, middle - half)
    high = 1.0 if count == runs else min(1.0, middle + half)
    return Rate(count=count, runs=runs, value=value, low=low, high=high)
