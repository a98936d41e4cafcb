"""Tell an outage of an endpoint from a prompt that its model does not answer, by the baseline's requests beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from evalgate.decide.blocking import MAX_UNANSWERED

CONTROLS = 30
"""The number of the baseline's requests of one run that decide: all answered, they show that a tenth is too much."""
_LEAST_OF_CASE = 5
"""The controls of one case. All without an answer, they show that neither version is answered there, and do not count;
by chance that is rare with so many, so that what is left still has about the endpoint's rate."""
_LEVEL = 0.05


def count_controls(cases: int) -> int:
    """Return how many controls each case without an answer needs, so that too many such cases have `CONTROLS`."""
    return max(_LEAST_OF_CASE, math.ceil(CONTROLS / (count_tolerated(cases) + 1)))


def count_tolerated(cases: int) -> int:
    """Return how many cases without an answer are too few to be an outage."""
    return max(1, math.floor(MAX_UNANSWERED * cases))


def is_outage(unanswered: int, cases: int, controls: Sequence[bool] | None) -> bool:
    """Return True if `unanswered` of a gate's `cases` may have no answer because of the endpoint.

    `controls` says of each request of the baseline in the same minutes whether it was answered; None: there is no
    baseline. The prompt is the cause if the baseline lacks answers significantly less often (exact conditional test,
    mid-p, at 5 %), and for a few cases if it lacks no more than a working endpoint may. Without a baseline, an endpoint
    that answers half of the cases works.
    """
    if controls is None:
        return 2 * unanswered > cases and unanswered > 1
    lost = len(controls) - sum(controls)
    if unanswered <= count_tolerated(cases):
        return lost > MAX_UNANSWERED * len(controls)
    return _compute_chance(lost, len(controls), min(unanswered, cases), cases) > _LEVEL


def _compute_chance(lost: int, controls: int, unanswered: int, cases: int) -> float:
    """Return the mid-p value of at most `lost` controls, given the sum of both arms' requests without an answer."""
    whole = lost + unanswered
    ways = [math.comb(controls, k) * math.comb(cases, whole - k) for k in range(lost + 1)]
    return (sum(ways) - ways[-1] / 2) / math.comb(controls + cases, whole)
