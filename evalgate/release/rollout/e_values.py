"""E-values of a rollout: how strongly its rows say that the candidate is worse, or that it is not.

An e-value is the wealth of a bet against a hypothesis. While the hypothesis holds, the chance that it ever reaches 1/a
is at most a (Ville 1939), however often one looks. All values are natural logarithms.

Badness is in [0, 1]: 1 - score; 1 for a failed, slow or expensive answer. The rows are those of one stage in the order
of their times, one of each key. numpy is loaded at the first call.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

CONTROL: Final = 0
CANDIDATE: Final = 1
"""The arms."""
BETS: Final = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
"""Stakes of `means`, for a block of one row of each arm."""
RISKS: Final = (1.5, 3.0, 10.0, 50.0)
"""Relative risks of `rates`."""
DEAL_BOUND: Final = 1000.0
"""The e-value from which keys count as not assigned as the share says."""
DEAL_WEIGHT: Final = 100
"""The weight of the share in the prior of `deal`, in keys."""
_LARGEST_STAKE: Final = 0.9
_BINS: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """The logarithms of the e-values that the candidate is worse, and that it is less than `max_drop` worse."""

    log_e_worse: float
    log_e_fine: float
    blocks: int


def means(arms: ArrayLike, badness: ArrayLike, max_drop: float) -> Means:
    """Compare the mean badness of two arms.

    A block closes as soon as it holds both arms; X is the mean badness of its candidates less that of its controls, in
    [-1, 1]. If the candidate is not worse, E[X | past] <= 0, and each product of 1 + b X is a non-negative
    supermartingale. A bet grows with the harmonic size of its block, which the arms alone determine. The e-value is the
    average of the products over `BETS` (Waudby-Smith & Ramdas, JRSS B 86, 2024, sections 4 and 7).
    """
    starts, ends = close_blocks(arms)
    if not len(ends):
        return Means(log_e_worse=0.0, log_e_fine=0.0, blocks=0)
    x, size = compare_blocks(arms, badness, starts, ends)
    worse = [float(one.sum()) for one in bet(x, size)]
    fine = [float(one.sum()) for one in bet(max_drop - x, size)]
    return Means(log_e_worse=mix(worse), log_e_fine=mix(fine), blocks=len(ends))


def trace_means(arms: ArrayLike, badness: ArrayLike, max_drop: float, sizes: Sequence[int]) -> list[Means]:
    """Return what `means` returns of so many of the first rows, for each of `sizes`, in one pass.

    Blocks close as the rows come, so those of a beginning are the first blocks of the whole.
    """
    import numpy as np

    starts, ends = close_blocks(arms)
    if not len(ends):
        return [Means(log_e_worse=0.0, log_e_fine=0.0, blocks=0) for _ in sizes]
    x, size = compare_blocks(arms, badness, starts, ends)
    blocks = np.searchsorted(ends, np.asarray(sizes))
    worse, fine = (_accumulate(bet(one, size), blocks) for one in (x, max_drop - x))
    return [
        Means(log_e_worse=e_worse, log_e_fine=e_fine, blocks=int(count))
        for e_worse, e_fine, count in zip(worse, fine, blocks, strict=True)
    ]


def trace_excess(values: ArrayLike, limit: float, sizes: Sequence[int]) -> list[float]:
    """Return what `exceed` returns of so many of the first values, for each of `sizes`, in one pass."""
    import numpy as np

    x = np.asarray(values, dtype=np.float64) - limit
    return _accumulate(bet(x, np.ones_like(x)), np.asarray(sizes))


def enclose(values: ArrayLike, alpha: float = 0.05) -> tuple[float, float]:
    """Return an interval for the mean of some values in [0, 1], which holds at all looks together with 1 - alpha.

    It has the means that neither side of `exceed` has ruled out at 2 / alpha (Waudby-Smith & Ramdas 2024, section 4),
    for a mean that stays the same. Values are rounded outwards to 1/4096, so that a million take no longer than a few
    thousand.
    """
    import numpy as np

    given = np.asarray(values, dtype=np.float64)
    bound = math.log(2 / alpha)
    return _find_least(given, bound), 1 - _find_least(1 - given, bound)


def rates(failing: Sequence[int] | ArrayLike, share: float) -> float:
    """Return the logarithm of the e-value that the candidate fails more often. `share` is in (0, 1).

    `failing` has the arm of each key that failed, in order. If the candidate fails no more often, the next one is a
    candidate's with a chance of at most `share`, whatever the traffic does, since keys are assigned by a hash. The
    e-value is the average of one likelihood ratio for each of `RISKS` (Wald 1945; Robbins 1970).
    """
    import numpy as np

    arms = np.asarray(failing, dtype=np.int8)
    candidates = int(arms.sum())
    return compare_rates(len(arms) - candidates, candidates, share)


def compare_rates(controls: int, candidates: int, share: float) -> float:
    """Return what `rates` returns: it depends on how many of each arm failed, not on their order."""
    logs = []
    for risk in RISKS:
        q = share * risk / (share * risk + 1 - share)
        logs.append(candidates * math.log(q / share) + controls * math.log((1 - q) / (1 - share)))
    return mix(logs)


def trace_burden(arms: ArrayLike, badness: ArrayLike, share: float, sizes: Sequence[int]) -> list[float]:
    """Return the logarithms of the e-values that the candidate has more of all badness than its share.

    They are of so many of the first rows, for each of `sizes`. Badness of 0 or 1 gives what `rates` gives: a row of
    badness x bets the part x of what a failure bets. It counts who is bad of all keys, and not of those with a row.
    """
    import numpy as np

    is_candidate, values = np.asarray(arms) == CANDIDATE, np.asarray(badness, dtype=np.float64)
    bets = []
    for risk in RISKS:
        q = share * risk / (share * risk + 1 - share)
        bets.append(np.log1p(values * (np.where(is_candidate, q / share, (1 - q) / (1 - share)) - 1)))
    return _accumulate(bets, np.asarray(sizes, dtype=np.int64))


def compare_lacking(arms: NDArray[np.int8], share: float) -> float:
    """Return the logarithm of the e-value that rows which lack something are not of both arms alike, by their arms.

    While they are, the next such row is the candidate's with the chance of the share.
    """
    candidates = int(arms.sum())
    controls = len(arms) - candidates
    return mix([compare_rates(controls, candidates, share), compare_rates(candidates, controls, 1 - share)])


def deal(controls: int, candidates: int, share: float) -> float:
    """Return the logarithm of the e-value that keys are not assigned as the share says. `share` is in (0, 1).

    Keys of the candidate are Bernoulli with an unknown rate, whose prior is Beta(100 share, 100 (1 - share)), against
    Bernoulli with the share (Robbins 1970). The ratio of the likelihoods does not depend on the order of the keys.
    """
    a, b = DEAL_WEIGHT * share, DEAL_WEIGHT * (1 - share)
    mixture = _log_beta(a + candidates, b + controls) - _log_beta(a, b)
    return mixture - candidates * math.log(share) - controls * math.log1p(-share)


def exceed(values: ArrayLike, limit: float) -> float:
    """Return the logarithm of the e-value that the mean of some values in [0, 1] is above a limit in [0, 1].

    If E[value | past] <= limit, each product of 1 + b (value - limit) is a non-negative supermartingale.
    """
    import numpy as np

    x = np.asarray(values, dtype=np.float64) - limit
    return mix([float(one.sum()) for one in bet(x, np.ones_like(x))])


def close_blocks(arms: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where the blocks start and end (the last row, included). A block ends at its first row of the second arm.

    The rows after the last block that closes belong to none.
    """
    import numpy as np

    given = np.asarray(arms, dtype=np.int8)
    firsts = np.flatnonzero(given[1:] != given[:-1]) + 1  # the first row of each run of one arm, but the first run's
    # A block ends at the first row of a run, unless the run before it was a single row that ended a block itself.
    lengths = np.diff(firsts, prepend=0)
    single = lengths == 1
    if len(single):
        single[0] = False  # the first run ends no block
    at = np.arange(len(firsts))
    last_long = np.maximum.accumulate(np.where(single, -1, at)) if len(at) else at
    ends = firsts[(at - last_long) % 2 == 0]
    return np.concatenate(([0], ends[:-1] + 1))[: len(ends)].astype(np.int64), ends.astype(np.int64)


def compare_blocks(
    arms: ArrayLike, badness: ArrayLike, starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Return X and the harmonic size of each block, whose last row alone is of the other arm."""
    import numpy as np

    values = np.asarray(badness, dtype=np.float64)
    last = values[ends]
    count = (ends - starts).astype(np.float64)
    # reduceat sums from each index to the next: the odd ones are the last rows
    edges = np.stack((starts, ends), axis=1).ravel()
    others = np.add.reduceat(values, edges)[::2] / count
    is_candidate = np.asarray(arms, dtype=np.int8)[ends] == CANDIDATE
    return np.where(is_candidate, last - others, others - last), 2 * count / (count + 1)


def bet(x: Floats, size: Floats) -> Iterable[Floats]:
    """Yield the logarithms of what each of `BETS` multiplies its wealth by, block by block."""
    import numpy as np

    for one in BETS:
        yield np.log1p(np.minimum(_LARGEST_STAKE, one * size) * x)


def mix(logs: Sequence[float]) -> float:
    """Return the logarithm of the average of some numbers that are given as logarithms."""
    top = max(logs)
    return top + math.log(math.fsum(math.exp(one - top) for one in logs) / len(logs))


def _accumulate(bets: Iterable[Floats], sizes: NDArray[np.int64]) -> list[float]:
    """Return the logarithms of the average wealth after so many steps, for each of `sizes`."""
    import numpy as np

    wealth = [np.concatenate(([0.0], np.cumsum(one)))[sizes].tolist() for one in bets]
    return [mix(each) for each in zip(*wealth, strict=True)]


def _find_least(values: Floats, bound: float) -> float:
    """Return the largest mean that is ruled out as too low, 0 if there is none."""
    import numpy as np

    counts = np.bincount(np.floor(values * _BINS).astype(np.int64), minlength=_BINS + 1)
    points = np.flatnonzero(counts)
    weights, values = counts[points], points / _BINS

    def is_ruled_out(mean: float) -> bool:
        return mix([float((weights * one).sum()) for one in bet(values - mean, np.ones_like(values))]) >= bound

    low, high = 0.0, 1.0
    if not is_ruled_out(low):
        return 0.0
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if is_ruled_out(middle) else (low, middle)
    return low


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
