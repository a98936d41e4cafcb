"""The statistics of a verdict, as functions of numbers: bounds, looks, broken and fixed cases, and the decision.

Scores are in [0, 1]. A case difference is the candidate's score minus the mean of the baseline's samples of that case,
so it is in [-1, 1]. Repeats are averaged inside the case first, and the case is the unit. Values are rounded to 12
decimals before they are compared or shown, since averages of equal numbers can differ in the last place.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

ALPHA = 0.05
MIN_CASES = 8
"""The smallest number of units for which the mean decides."""
MOST_CASES = 10**15
"""What a number of cases is shown as at most, for a margin that no dataset can show."""
ALL_LOOKS = 80
"""The number of units from which on there are all looks, and their levels stay the same."""
CONFIRMATIONS = 3
BASELINE_DRAWS = 3
"""The number of baseline samples that are needed to call a case broken or fixed."""
DRAWS_ALONE = 1 + CONFIRMATIONS
"""The number of failing draws in a row that make a case broken where one criterion is compared."""
DRAWS_AMONG_MANY = 7
"""The same number where several criteria are compared, or where one case decides alone."""
CASE_PASSES = 0.5
DECIMALS = 12
_DUST = 1e-12

# Lan-DeMets spending alpha * t^2 at alpha = 0.05, one-sided: (share of the cases, nominal level at that look).
# Verified by four million draws: cumulative false alarms .0031, .0124, .0280, .0499.
_LOOKS_LARGE = ((0.25, 0.0031), (0.50, 0.0106), (0.75, 0.0221), (1.0, 0.0383))
_LOOKS_MEDIUM = ((0.50, 0.0124), (0.75, 0.0226), (1.0, 0.0386))


def prepare() -> None:
    """Import numpy and scipy in advance, for example while requests are under way, since the imports are slow."""
    import numpy  # noqa: F401
    import scipy.special  # noqa: F401


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The verdict of `decide` with the numbers behind it.

    `lower` and `upper` are one-sided bounds of the mean difference at `level`, the nominal level of the deciding look.
    `p_worse` belongs to the hypothesis "not worse". `broken` and `fixed` are case positions.
    """

    verdict: Literal["PASS", "FAIL", "INCONCLUSIVE"]
    cases_used: int
    cases: int
    difference: float
    deviation: float
    lower: float
    upper: float
    p_worse: float
    level: float
    detectable: float
    broken: tuple[int, ...]
    fixed: tuple[int, ...]
    confirmations: int


def decide(
    baseline: Sequence[Sequence[float]],
    candidate: Sequence[Sequence[float]],
    *,
    margin: float = 0.05,
    sequential: bool = True,
    clusters: Sequence[Hashable] | None = None,
) -> Decision:
    """Decide whether the candidate is proven worse (FAIL), or proven to be less than `margin` worse (PASS).

    `baseline` holds for each case, in run order, its samples. `candidate` holds for each case the run's own score and
    then the confirmation samples in the order they were drawn. `clusters` names each case's cluster (same document,
    same conversation); the cluster means are then the units instead of the cases. With `sequential=False` there is one
    look, at the end. Raises ValueError for unequal lengths, an empty case, a score outside [0, 1], or a margin outside
    (0, 1).
    """
    import numpy as np

    _refuse_bad_data(baseline, candidate, margin)
    if clusters is not None and len(clusters) != len(baseline):
        raise ValueError(f"{len(baseline)} cases but {len(clusters)} clusters")
    differences = clean(np.array([c[0] - math.fsum(b) / len(b) for b, c in zip(baseline, candidate, strict=True)]))
    flips, confirmations = _flips(baseline, candidate)
    return decide_differences(
        differences, flips, confirmations, margin=margin, sequential=sequential, clusters=clusters
    )


def decide_differences(
    differences: Numbers,
    flips: Sequence[int],
    confirmations: Sequence[int],
    *,
    margin: float,
    sequential: bool,
    clusters: Sequence[Hashable] | None = None,
    alpha: float = ALPHA,
    min_cases: int = MIN_CASES,
) -> Decision:
    """Decide as `decide` does, from case differences in run order.

    `flips` gives for each case +1 broken, -1 fixed, 0 neither, and `confirmations` the number of fresh samples used.
    `min_cases` is the number of units below which the mean decides nothing.
    """
    starts = cluster_starts(clusters, len(differences))
    units = len(starts)
    broken_allowed = count_allowed_broken(len(differences))
    verdict: Literal["PASS", "FAIL", "INCONCLUSIVE"] = "INCONCLUSIVE"
    used, level = len(differences), alpha
    for share, level in plan_looks(units, sequential=sequential, alpha=alpha):
        seen = math.ceil(round(share * units, 9))
        used = len(differences) if seen == units else starts[seen]
        net = sum(flips[:used])
        sample = cluster_means(differences[:used], clusters)
        if net > broken_allowed:
            verdict = "FAIL"
        elif units < min_cases:
            break
        elif is_within(sample, margin, level):
            if net > 0 and seen < units:
                continue
            verdict = "PASS"
        elif p_worse(sample) <= level and may_fail(sample, margin, level, last=seen == units):
            verdict = "FAIL"
        if verdict != "INCONCLUSIVE":
            break
    sample = cluster_means(differences[:used], clusters)
    return Decision(
        verdict=verdict,
        cases_used=used,
        cases=len(differences),
        difference=mean(sample),
        deviation=deviation(sample),
        lower=lower_bound(sample, level),
        upper=upper_bound(sample, level),
        p_worse=p_worse(sample),
        level=level,
        detectable=find_detectable_drop(sample),
        broken=tuple(i for i, flip in enumerate(flips[:used]) if flip > 0),
        fixed=tuple(i for i, flip in enumerate(flips[:used]) if flip < 0),
        confirmations=sum(confirmations[:used]),
    )


def plan_looks(cases: int, *, sequential: bool = True, alpha: float = ALPHA) -> tuple[tuple[float, float], ...]:
    """Return the looks as pairs (share of the cases seen, nominal one-sided level); the last share is 1.

    Lan and DeMets 1983, spending function alpha * t^2 (Kim and DeMets 1987). Another alpha scales the levels linearly.
    """
    if not sequential or cases < 40:
        return ((1.0, alpha),)
    table = _LOOKS_LARGE if cases >= ALL_LOOKS else _LOOKS_MEDIUM
    return tuple((share, level * alpha / ALPHA) for share, level in table)


def p_worse(differences: Numbers) -> float:
    """Return the p-value of a one-sided paired t test of "the mean difference is at least 0"; small means worse.

    If all differences are equal, it is 0 for negative ones, else 1. Without any difference (n = 0) it is 1.
    """
    from scipy.special import stdtr

    n = len(differences)
    if n == 0:
        return 1.0
    if _all_equal(differences):
        return 0.0 if differences[0] < -_DUST else 1.0
    if n == 1:
        return 1.0
    t = mean(differences) / (deviation(differences) / math.sqrt(n))
    return float(stdtr(n - 1, t))


def upper_bound(values: Numbers, level: float) -> float:
    """Return the one-sided t upper bound of the mean at `level`: mean + t[1-level, n-1] s / sqrt(n)."""
    if len(values) == 0:
        return math.inf
    bound = mean(values) + t_quantile(1 - level, len(values) - 1) * deviation(values) / math.sqrt(len(values))
    return round(bound, DECIMALS)


def lower_bound(values: Numbers, level: float, *, low: float = -1.0, high: float = 1.0) -> float:
    """Return a one-sided lower bound of the mean at `level` that stays valid if scores concentrate at one end.

    Half a pseudo-value is added at each end of the scale [`low`, `high`] (Agresti and Min 2005), and the quantile is
    widened by Johnson's skewness term (Johnson 1978): m - t* sqrt(v / N) with N = n + 1.
    """
    n = len(values)
    if n == 0:
        return low
    size = n + 1
    ends = (low, high)
    m: float = (float(values.sum()) + 0.5 * (low + high)) / size
    v: float = (float(((values - m) ** 2).sum()) + sum(0.5 * (end - m) ** 2 for end in ends)) / (size - 1)
    m3 = (float(((values - m) ** 3).sum()) + sum(0.5 * (end - m) ** 3 for end in ends)) / size
    skewness = m3 / v**1.5
    t = t_quantile(1 - level, size - 1)
    widened = t + max(0.0, -skewness) * (1 + 2 * t * t) / (6 * math.sqrt(size))
    return round(float(m - widened * math.sqrt(v / size)), DECIMALS)


def is_within(differences: Numbers, margin: float, level: float) -> bool:
    """Return whether the mean difference is proven, at `level`, to be less than `margin` below 0.

    This needs enough cases (`pass_is_possible`) and a lower bound above -`margin`.
    """
    return pass_is_possible(len(differences), margin, level) and lower_bound(differences, level) > -margin


def may_fail(differences: Numbers, margin: float, level: float, *, last: bool) -> bool:
    """Return whether a mean that is proven to be below 0 is a FAIL at this look.

    Before the last look, or with fewer units than `pass_is_possible` requires, the observed drop must reach the margin
    too. Otherwise a drop within the margin would fail where the complete data would pass.
    """
    if last and pass_is_possible(len(differences), margin, level):
        return True
    return mean(differences) <= -margin + _DUST


def pass_is_possible(cases: int, margin: float, level: float) -> bool:
    """Return whether so many cases can give a PASS, by the rule of three at `level`: (1 - margin)^cases <= level."""
    return (1 - margin) ** cases <= level


def count_cases_for_pass(margin: float, level: float = ALPHA) -> int:
    """Return the fewest cases with which a PASS is possible, at most `MOST_CASES`."""
    if margin >= 1:
        return 1
    return _round_up(math.log(level) / math.log1p(-margin)) if level > 0 else MOST_CASES


def find_detectable_drop(differences: Numbers) -> float:
    """Return the drop that such a dataset reliably detects: 3 s_d / sqrt(n) (measured power .78 to .90 for n >= 50)."""
    return math.inf if len(differences) < 2 else 3 * deviation(differences) / math.sqrt(len(differences))


def count_cases_to_settle(spread: float, margin: float) -> int:
    """Estimate the number of cases that decide a difference with `margin`: (3 s_d / margin)^2, at most `MOST_CASES`."""
    root = 3 * spread / margin
    return _round_up(root * root)


def _round_up(cases: float) -> int:
    return math.ceil(min(cases, MOST_CASES))


def count_allowed_broken(cases: int) -> int:
    """Return the number of cases that may be broken, minus fixed ones, without a FAIL: 2 % of the set, at least 1."""
    return max(1, math.floor(0.02 * cases))


def holm(p_values: Sequence[float], level: float) -> tuple[bool, ...]:
    """Return which hypotheses Holm's step-down procedure rejects at family-wise `level` (Holm 1979), in given order."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    rejected = [False] * len(p_values)
    for rank, i in enumerate(order):
        if p_values[i] > level / (len(p_values) - rank):
            break
        rejected[i] = True
    return tuple(rejected)


def false_discoveries(p_values: Sequence[float], rate: float) -> tuple[bool, ...]:
    """Return which hypotheses Benjamini and Hochberg 1995 reject at a false discovery `rate`, in the given order.

    The result is that of `scipy.stats.false_discovery_control`, whose module takes a second and 60 MB to import.
    """
    count = len(p_values)
    largest = max((p for k, p in enumerate(sorted(p_values), start=1) if p <= rate * k / count), default=-1.0)
    return tuple(p <= largest for p in p_values)


def clean(values: Numbers) -> Numbers:
    """Return the values rounded to 12 decimals, so that three samples of 0.05 have a mean of exactly 0.05."""
    cleaned: Numbers = values.round(DECIMALS) + 0.0  # no negative zero
    return cleaned


def mean(values: Numbers) -> float:
    """Return the mean by an exact sum, rounded to 12 decimals; 0 for no values."""
    return round(math.fsum(values.tolist()) / len(values), DECIMALS) + 0.0 if len(values) else 0.0


def deviation(values: Numbers) -> float:
    """Return the sample standard deviation (n - 1); 0 for fewer than two values."""
    n = len(values)
    if n < 2:
        return 0.0
    centred = values - values.sum() / n  # the steps of `std`, without its overhead
    return math.sqrt(float((centred * centred).sum()) / (n - 1))


def spread(scores: Sequence[float]) -> float:
    """Return the `deviation` of a sequence of floats."""
    import numpy as np

    return deviation(np.array(scores, dtype=float))


def t_quantile(probability: float, freedom: int) -> float:
    """Return the quantile of Student's t; infinite for fewer than one degree of freedom."""
    from scipy.special import stdtrit

    return math.inf if freedom < 1 else float(stdtrit(freedom, probability))


def t_above(t: float, freedom: int) -> float:
    """Return the probability that Student's t is at least `t`."""
    from scipy.special import stdtr

    return float(stdtr(freedom, -t))


def cluster_means(differences: Numbers, clusters: Sequence[Hashable] | None) -> Numbers:
    """Return the mean difference of each cluster, in order of first appearance; without clusters the differences."""
    import numpy as np

    if clusters is None:
        return differences
    groups: dict[Hashable, list[float]] = {}
    for difference, cluster in zip(differences, clusters, strict=False):
        groups.setdefault(cluster, []).append(float(difference))
    return clean(np.array([math.fsum(group) / len(group) for group in groups.values()]))


def cluster_starts(clusters: Sequence[Hashable] | None, cases: int) -> list[int]:
    """Return the position of the first case of each cluster; without clusters every case is its own."""
    if clusters is None:
        return list(range(cases))
    first: dict[Hashable, int] = {}
    for position, cluster in enumerate(clusters):
        first.setdefault(cluster, position)
    return list(first.values())


def _flips(baseline: Sequence[Sequence[float]], candidate: Sequence[Sequence[float]]) -> tuple[list[int], list[int]]:
    """Return for each case +1 broken, -1 fixed, 0 neither; and the number of confirmation samples used.

    A case is broken if every baseline sample passes (at least three), and the candidate's own sample and three fresh
    ones fail. Drawing stops at the first pass. A case is fixed in the opposite case.
    """
    flips, confirmations = [], []
    for b, c in zip(baseline, candidate, strict=True):
        base = {score >= CASE_PASSES for score in b}
        own = c[0] >= CASE_PASSES
        if len(base) > 1 or own in base:
            flips.append(0)
            confirmations.append(0)
            continue
        fresh = [score >= CASE_PASSES for score in c[1 : 1 + CONFIRMATIONS]]
        drawn = next((i + 1 for i, passed in enumerate(fresh) if passed != own), len(fresh))
        settled = drawn == CONFIRMATIONS and all(passed == own for passed in fresh) and len(b) >= BASELINE_DRAWS
        flips.append((-1 if own else 1) if settled else 0)
        confirmations.append(drawn)
    return flips, confirmations


def _all_equal(values: Numbers) -> bool:
    # cases are rounded before the mean of their unit is, so equal means may differ by one in the last decimal
    return bool(values.max() - values.min() < 5 * _DUST)


def _refuse_bad_data(baseline: Sequence[Sequence[float]], candidate: Sequence[Sequence[float]], margin: float) -> None:
    if len(baseline) != len(candidate):
        raise ValueError(f"{len(baseline)} baseline cases but {len(candidate)} candidate cases")
    if not 0 < margin < 1:
        raise ValueError(f"the margin must be between 0 and 1, not {margin}")
    for arm, cases in (("baseline", baseline), ("candidate", candidate)):
        for position, samples in enumerate(cases):
            if not len(samples):
                raise ValueError(f"{arm} case {position} has no sample")
            if not all(0.0 <= score <= 1.0 for score in samples):
                raise ValueError(f"{arm} case {position} has a score outside [0, 1]")
