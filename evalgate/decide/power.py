"""Power analysis of a dataset: detectable drops, cases needed, the use of more samples, savings by early stopping.

Scores are in [0, 1]; s_d is the standard deviation of the case differences, s2_B the variance of the samples within a
case. Pure functions of numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evalgate.decide import statistics

# More samples are worth their calls if the difference is then at least this many standard errors from a bound.
_CLEAR = 1.4
_SHARE_RUNS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The predicted effect of more samples per case on a comparison.

    `case_variance` is w2, the variance of the real effect of the edit on single cases. `real_share` is its share of the
    variance of the case differences. More samples do not reduce it. `error` is the standard error of the mean
    difference now, `error_then` the one with more samples. `would_help` is True if more samples are likely to give a
    clear result.
    """

    case_variance: float
    real_share: float
    error: float
    error_then: float
    would_help: bool


def estimate_noise(samples: Sequence[Sequence[float]]) -> float | None:
    """Return s2_B, the mean over cases of the sample variance within a case.

    Cases with one sample are skipped. None when every case has one sample.
    """
    variances = []
    for case in samples:
        if len(case) < 2:
            continue
        mean = math.fsum(case) / len(case)
        variances.append(math.fsum((score - mean) ** 2 for score in case) / (len(case) - 1))
    return math.fsum(variances) / len(variances) if variances else None


def forecast_repeats(
    *,
    difference: float,
    deviation: float,
    noise: float,
    cases: int,
    margin: float,
    baseline_samples: int = 3,
    samples: int = 1,
    more: int = 3,
) -> Forecast:
    """Predict whether `more` candidate samples of each case, instead of `samples`, would decide a comparison.

    `difference` is the mean case difference, `deviation` is s_d, `noise` is s2_B (used for the candidate too):
    w2 = max(0, s_d^2 - s2_B (1/Kb + 1/K)). More samples help when max(difference + margin, -difference) exceeds 1.4
    of the standard errors that they give. The variance is that of Miller 2024 (arXiv 2411.00640).
    """
    variance = deviation * deviation
    case_variance = max(0.0, variance - noise * (1 / baseline_samples + 1 / samples))
    error_then = math.sqrt((case_variance + noise * (1 / baseline_samples + 1 / more)) / cases)
    return Forecast(
        case_variance=case_variance,
        real_share=case_variance / variance if variance > 0 else 0.0,
        error=deviation / math.sqrt(cases),
        error_then=error_then,
        would_help=more > samples and noise > 0 and max(difference + margin, -difference) > _CLEAR * error_then,
    )


def estimate_spread(deviation: float, *, rho: float = 0.5) -> float:
    """Estimate s_d before a candidate exists, from the standard deviation of the baseline's scores.

    `rho` is the correlation of a baseline and a candidate score of one case. Real edits have a larger s_d than equal
    versions, so use the s_d of the first comparison as soon as there is one.
    """
    return deviation * math.sqrt(2 * (1 - rho))


def find_detectable_drop(spread: float, cases: int) -> float:
    """Return the drop that `cases` cases reliably detect: 3 s_d / sqrt(n) (measured power .78 to .90 for n >= 50)."""
    return 3 * spread / math.sqrt(cases)


def count_cases_for_margin(spread: float, margin: float, *, sequential: bool = True) -> int:
    """Estimate the number of cases that decide a comparison with `margin`; at least the fewest with a PASS."""
    return max(
        statistics.MIN_CASES,
        statistics.count_cases_to_settle(spread, margin),
        count_fewest_cases(margin, sequential=sequential),
    )


def count_fewest_cases(margin: float, *, sequential: bool = True, alpha: float = statistics.ALPHA) -> int:
    """Return the fewest cases with which a PASS is possible: 59 for a margin of .05, and 64 with early stopping.

    Early stopping spends a part of `alpha` on the looks before the last, so the last one needs a few more cases. A gate
    with a number of cases in between has a single look instead.
    """

    def find_level(cases: int) -> float:
        return statistics.plan_looks(cases, sequential=sequential, alpha=alpha)[-1][1]

    cases = max(statistics.MIN_CASES, statistics.count_cases_for_pass(margin, alpha))
    while cases < statistics.ALL_LOOKS and not statistics.pass_is_possible(cases, margin, find_level(cases)):
        cases += 1
    # from there on the level stays the same, so that no search is needed, which would be endless for a tiny margin
    return max(cases, statistics.count_cases_for_pass(margin, find_level(cases)))


def estimate_share(
    *, spread: float, cases: int, margin: float, difference: float = 0.0, runs: int = _SHARE_RUNS, seed: int = 1
) -> float:
    """Simulate the share of the candidate's calls that are made with early stopping, confirmations not counted.

    The result is the same for the same seed. Case differences are normal with mean `difference` (0: equal versions) and
    standard deviation `spread`, cut off at -1 and 1. They go through the looks of the decision rule until it passes or
    fails. With 400 runs the share is known to about .02. Broken cases, which prevent an early PASS, do not occur.
    `cases` is the number of units.
    """
    import numpy as np

    if cases < statistics.MIN_CASES:
        return 1.0
    rng = np.random.default_rng(seed)
    plan = statistics.plan_looks(cases)
    seen = 0
    for _ in range(runs):
        drawn = np.clip(rng.normal(difference, spread, cases), -1.0, 1.0)
        for share, level in plan:
            used = math.ceil(round(share * cases, 9))
            if used == cases or _is_settled(drawn[:used], margin, level):
                seen += used
                break
    return seen / (runs * cases)


def _is_settled(differences: statistics.Numbers, margin: float, level: float) -> bool:
    """Return whether an early look passes or fails."""
    return statistics.is_within(differences, margin, level) or (
        statistics.p_worse(differences) <= level and statistics.may_fail(differences, margin, level, last=False)
    )
