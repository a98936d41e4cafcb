"""Choose the cases on which the baseline varies most; the candidate is drawn three times on these."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

from evalgate.decide import statistics
from evalgate.domain import Result

TIMES = 3.0
"""The variance of a wavering case, at least, as a multiple of the mean variance of a criterion."""
SHARE = 0.25
"""The largest share of the cases that is repeated."""
_DECIMALS = 9


def find_wavering_cases(results: Sequence[Result], order: Sequence[str], compared: Collection[str]) -> tuple[str, ...]:
    """Return the cases to repeat, chosen from the baseline's stored results only, so that the mean stays unbiased."""
    rows: dict[str, dict[str, list[float]]] = {case: {} for case in order}
    for result in results:
        for name, value in result.values.items():
            if name in compared and value is not None and result.case in rows:
                rows[result.case].setdefault(name, []).append(value)
    return tuple(order[place] for place in choose_wavering([rows[case] for case in order]))


def choose_wavering(samples: Sequence[Mapping[str, Sequence[float]]]) -> tuple[int, ...]:
    """Return the places of the cases to repeat, in run order: those with the largest weight, ties in run order.

    `samples` gives each case's baseline scores by criterion. The weight of a case is the maximum over criteria of its
    sample variance (n - 1) divided by the mean variance of all cases.
    """
    weights = [0.0] * len(samples)
    for name in {name for row in samples for name in row}:
        variances = [statistics.spread(row.get(name, ())) ** 2 for row in samples]
        mean = math.fsum(variances) / len(variances)
        if mean > 0:
            weights = [max(weight, variance / mean) for weight, variance in zip(weights, variances, strict=True)]
    chosen = [place for place, weight in enumerate(weights) if weight >= TIMES - 10**-_DECIMALS]
    chosen.sort(key=lambda place: (-round(weights[place], _DECIMALS), place))
    return tuple(sorted(chosen[: int(SHARE * len(samples))]))
