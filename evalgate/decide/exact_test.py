"""The exact conditional test of two failure counts, paired by case: does a check fail more often than before?

The test conditions on the number of failed draws of each case, both arms together. If the versions are equal, each draw
of the case is equally likely to be a failed one. So the candidate's first draw of case i fails with probability
t_i / (K_i + 1), independently of the other cases. Here t_i counts the failures among this draw and the K_i baseline
draws. The number of failed first draws has a Poisson binomial distribution. The p-value is the mid-p,
P(X > x) + P(X = x) / 2 (Lancaster 1961).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from evalgate.decide.statistics import DECIMALS

if TYPE_CHECKING:
    from evalgate.decide.statistics import Numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class MoreFailures:
    """The mid-p value of "the candidate fails more often", and the smallest value possible with these counts."""

    p_value: float
    least: float


NOTHING = MoreFailures(p_value=1.0, least=1.0)
"""The result where no case has information."""


def more_failures(cases: Iterable[tuple[int, int, int]]) -> MoreFailures:
    """Test cases given as (candidate's first draw failed: 0 or 1, number of failed baseline draws, baseline draws).

    Cases in which no draw failed, or every draw failed, have no information and are skipped.
    """
    strata: Counter[tuple[int, int]] = Counter()
    failed = 0
    for first, others, draws in cases:
        together = first + others
        if 0 < together < draws + 1:
            strata[together, draws + 1] += 1
            failed += first
    if not strata:
        return NOTHING
    rates = tuple(sorted((together / draws, count) for (together, draws), count in strata.items()))
    probabilities = _distribution(rates)
    p_value = float(probabilities[failed + 1 :].sum()) + 0.5 * float(probabilities[failed])
    least = 0.5 * math.prod(rate**count for rate, count in rates)
    # the sums end in dust, by which a value at a level would lie beyond it
    return MoreFailures(p_value=round(p_value, DECIMALS), least=round(least, DECIMALS))


@lru_cache(256)
def _distribution(rates: tuple[tuple[float, int], ...]) -> Numbers:
    """Return the probabilities of 0, 1, ... failures: a sum of independent binomials, each (probability, size)."""
    import numpy as np

    found = np.ones(1)
    for rate, count in rates:
        found = np.convolve(found, _binomial(rate, count))
    return found


def _binomial(rate: float, count: int) -> Numbers:
    import numpy as np

    whole = math.lgamma(count + 1)
    odds, none = math.log(rate) - math.log1p(-rate), count * math.log1p(-rate)
    logs = [whole - math.lgamma(k + 1) - math.lgamma(count - k + 1) + k * odds + none for k in range(count + 1)]
    found: Numbers = np.exp(np.array(logs))
    return found
