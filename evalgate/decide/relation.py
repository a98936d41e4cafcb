"""Measure the correlation of two scorings of the same items, with bounds and the p-value of "no relation"."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalgate.decide import statistics

if TYPE_CHECKING:
    import numpy as np

    from evalgate.decide.statistics import Numbers

PERMUTATIONS = 9_999
_AT_ONCE = 500_000
MOST_PERMUTED = 5_000
"""The most pairs for a permutation test; for more, Student's t is as good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """The correlation of two scorings of the same `pairs`.

    `correlation` is Pearson's (None where one of the two never varies). `low` and `high` are its one-sided bounds at
    the given level (Fisher's z). `p_value` is the probability of so large a correlation where there is no relation.
    `varying` is the number of pairs, on the side that varies less, whose score differs from the most frequent one.
    """

    pairs: int
    correlation: float | None
    low: float
    high: float
    p_value: float
    varying: int


def measure_relation(
    first: Sequence[float], second: Sequence[float], *, level: float, rng: np.random.Generator | None = None
) -> Relation:
    """Return the relation of two scorings, where each pair is independent of the others.

    With `rng` the p-value is that of a permutation test, which is valid for any scores; without, that of Student's t.
    """
    import numpy as np

    one, other = np.array(first, dtype=float).round(12), np.array(second, dtype=float).round(12)
    pairs = len(one)
    varying = min(pairs - int(np.unique(side, return_counts=True)[1].max(initial=0)) for side in (one, other))
    if pairs < 4 or varying == 0:
        return Relation(pairs=pairs, correlation=None, low=-1.0, high=1.0, p_value=1.0, varying=varying)
    found = float(np.corrcoef(one, other)[0, 1])
    middle = math.atanh(max(-1 + 1e-12, min(1 - 1e-12, found)))
    half = statistics.t_quantile(1 - level, pairs - 2) / math.sqrt(pairs - 3)
    return Relation(
        pairs=pairs,
        correlation=found,
        low=math.tanh(middle - half),
        high=math.tanh(middle + half),
        p_value=_permute(one, other, found, rng),
        varying=varying,
    )


def _permute(one: Numbers, other: Numbers, found: float, rng: np.random.Generator | None) -> float:
    """Return the one-sided p-value of "there is no relation"."""
    import numpy as np

    pairs = len(one)
    if rng is None or pairs > MOST_PERMUTED:
        return statistics.t_above(found * math.sqrt((pairs - 2) / max(1e-12, 1 - found * found)), pairs - 2)
    centred, shuffled = one - one.mean(), other - other.mean()
    reached = float(centred @ shuffled) - 1e-9 * pairs
    as_much, left = 0, PERMUTATIONS
    while left:
        rows = min(left, max(1, _AT_ONCE // pairs))
        as_much += int((rng.permuted(np.tile(shuffled, (rows, 1)), axis=1) @ centred >= reached).sum())
        left -= rows
    return (1 + as_much) / (1 + PERMUTATIONS)
