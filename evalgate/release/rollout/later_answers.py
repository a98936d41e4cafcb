"""The later answers to users who come back: whether the candidate is worse in them, though not in the first. Pure.

The second answers to all users are compared as the first ones are, and so are the 4th, the 8th and so on. In each of
these comparisons a user counts once, so each is valid for itself. They share a tenth of the chance of a false rollback,
which is added to that of the first answers.

Who comes back depends on the first answers: where a better candidate answers easy questions at once, only the users
with hard ones ask again. So it also has to have more bad later answers among all users, and not only a larger part of
its later answers: each of the two e-values has to reach the bound.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from evalgate.release.rollout import e_values
from evalgate.release.rollout.measures import Measure

SHARE: Final = 0.1
"""The part of `alpha` that is for all later answers together: the second ones have half of it, the 4th a quarter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaterAnswers:
    """The answers with one number of each key, counted from 1, on both arms: the control first.

    `log_e_worse` has the part of `alpha` in it: it is held to the same bound as that of the first answers.
    """

    number: int
    n: tuple[int, int]
    mean: tuple[float | None, float | None]
    log_e_worse: float


def find_worst(measures: Sequence[Measure], share: float) -> LaterAnswers | None:
    """Return the later answers in which the candidate is worse most strongly; None without any on both arms.

    `measures` are those of one thing in the second answers, the 4th, the 8th and so on.
    """
    found = [
        LaterAnswers(
            number=number, n=one.n, mean=one.mean, log_e_worse=_trace_worse(one, share, [len(one.arms)])[0] + cost
        )
        for number, cost, one in _number(measures)
        if all(one.n)
    ]
    return max(found, key=lambda one: one.log_e_worse, default=None)


def trace_worst(measures: Sequence[Measure], share: float, times: Sequence[float], late: float) -> list[float]:
    """Return the logarithms of the e-values that `find_worst` has at some times; -inf where it has none.

    What settles counts `late` seconds after its time.
    """
    import numpy as np

    worst = [-math.inf] * len(times)
    for _, cost, one in _number(measures):
        sizes = np.searchsorted(one.at, np.asarray(times) - (late if one.settles else 0.0), side="right").tolist()
        for place, (size, log_e) in enumerate(zip(sizes, _trace_worse(one, share, sizes), strict=True)):
            if len(set(one.arms[:size].tolist())) > 1:
                worst[place] = max(worst[place], log_e + cost)
    return worst


def _trace_worse(one: Measure, share: float, sizes: Sequence[int]) -> list[float]:
    """Return the lesser of the two e-values, as logarithms, of so many of the first answers, for each of `sizes`."""
    compared = e_values.trace_means(one.arms, one.badness, one.allowed, sizes)
    burdens = e_values.trace_burden(one.arms, one.badness, share, sizes)
    return [min(means.log_e_worse, burden) for means, burden in zip(compared, burdens, strict=True)]


def _number(measures: Sequence[Measure]) -> Iterator[tuple[int, float, Measure]]:
    """Yield the measures with the number of their answers and the logarithm of their part of `alpha`."""
    for power, one in enumerate(measures, 1):
        yield 2**power, math.log(SHARE / 2**power), one
