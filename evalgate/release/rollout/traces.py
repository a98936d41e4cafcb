"""How the e-values of a stage grew: what looks from its beginning until now saw, from one reading of the rows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalgate.release.rollout import e_values

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedLook:
    """The keys of both arms that counted at a time, and the logarithms of the e-values then."""

    n: tuple[int, int]
    log_e_worse: float
    log_e_fine: float = 0.0
    log_e_better: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The looks at a watched thing, with their times in UTC, oldest first. The last one is now.

    Of a criterion that evalgate scores, earlier looks have those of the answers that are chosen now.

    `intervals` are those of the means of control and candidate, which hold at all looks together in 95 % of all stages;
    None for an arm without a value.
    """

    times: tuple[str, ...]
    looks: tuple[TracedLook, ...]
    intervals: tuple[tuple[float, float] | None, tuple[float, float] | None]


def choose_times(began: float, newest: float, now: float, settling: float, looks: int) -> list[float]:
    """Return the times of so many looks, evenly from the beginning of a stage to the moment when all rows count.

    `newest` is the time of the newest row, whose score counts `settling` seconds later. No look is after `now`, and all
    are at whole milliseconds.
    """
    end = max(began, min(now, newest + settling))
    return [round(began + (end - began) * number / looks, 3) for number in range(1, looks + 1)]


def trace_arms(
    arms: NDArray[np.int8], badness: NDArray[np.float64], allowed: float, sizes: Sequence[int], share: float | None
) -> list[TracedLook]:
    """Return the looks at so many of the first keys of both arms, for each of `sizes`.

    With the share of the candidate, `rates` tests whether it is worse; without, `means` does.
    """
    import numpy as np

    means = e_values.trace_means(arms, badness, allowed, sizes)
    mirrored = e_values.trace_means(1 - arms, badness, allowed, sizes)
    keys, bad = (np.concatenate(([0], np.cumsum(one))) for one in (arms, badness * arms))
    all_bad = np.concatenate(([0], np.cumsum(badness)))
    looks = []
    for size, found, mirror in zip(sizes, means, mirrored, strict=True):
        candidates = int(keys[size])
        worse, better = found.log_e_worse, mirror.log_e_worse
        if share is not None:
            failed = round(float(bad[size]))
            others = round(float(all_bad[size])) - failed
            worse = e_values.compare_rates(others, failed, share)
            better = e_values.compare_rates(failed, others, 1 - share)
        looks.append(
            TracedLook(
                n=(size - candidates, candidates), log_e_worse=worse, log_e_fine=found.log_e_fine, log_e_better=better
            )
        )
    return looks


def trace_limit(badness: NDArray[np.float64], limit: float, sizes: Sequence[int]) -> list[TracedLook]:
    """Return the looks at so many of the first keys on staging, which has one arm and a limit of its mean badness."""
    found = e_values.trace_excess(badness, limit, sizes)
    return [TracedLook(n=(0, size), log_e_worse=log_e) for size, log_e in zip(sizes, found, strict=True)]
