"""What a dataset can decide and what would help: detectable drops, cases needed, more samples or not, early stopping.

Scores are in [0, 1]; s_d is the standard deviation of the case differences, s2_B the variance of the samples within a
case. Pure functions of numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evalgate.decide import statistics

# More samples are worth their calls when the difference then stands this many standard errors clear of a bound.
_CLEAR = 1.4
_SHARE_RUNS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What more samples per case would do to a comparison.

    `case_variance` is w2, the variance of the real effect of the edit on single cases, and `real_share` its share of
    the variance of the case differences: more samples cannot shrink it, more cases can. `error` is the standard error
    of the mean difference now, `error_then` the one with more samples; `would_help` says whether they would be likely
    to settle it.
    """

    case_variance: float
    real_share: float
    error: float
    error_then: float
    would_help: bool


def estimate_noise(samples: Sequence[Sequence[float]]) -> float | None:
    """s2_B, the mean over cases of the sample variance within a case; cases with one sample say nothing of it.

    None when every case has one sample.
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
    """Whether `more` candidate samples of each case in place of `samples` would settle an inconclusive comparison.

    `difference` is the mean case difference, `deviation` s_d, `noise` s2_B (taken to be the candidate's too):
    w2 = max(0, s_d^2 - s2_B (1/Kb + 1/K)). They would help when max(difference + margin, -difference) exceeds 1.4
    standard errors as they would then be. The variance is that of Miller 2024 (arXiv 2411.00640).
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
    """s_d to plan with before any candidate exists, from the standard deviation of the baseline's scores.

    `rho` is the correlation of a baseline and a candidate score of one case. Real edits spread more than equal
    versions do: take s_d from the first comparison as soon as there is one.
    """
    return deviation * math.sqrt(2 * (1 - rho))


def find_detectable_drop(spread: float, cases: int) -> float:
    """The drop that `cases` cases reliably show: 3 s_d / sqrt(n) (measured power .78 to .90 for n >= 50)."""
    return 3 * spread / math.sqrt(cases)


def count_cases_for_margin(spread: float, margin: float, *, sequential: bool = True) -> int:
    """About how many cases settle a comparison within `margin`, and never fewer than a PASS needs at all."""
    return max(
        statistics.MIN_CASES,
        statistics.count_cases_to_settle(spread, margin),
        count_fewest_cases(margin, sequential=sequential),
    )


def count_fewest_cases(margin: float, *, sequential: bool = True, alpha: float = statistics.ALPHA) -> int:
    """The fewest cases with which a PASS is possible at all: 59 for a margin of .05, and 64 with early stopping.

    Early stopping spends a part of `alpha` on the looks before the last, so the last one asks for a few cases more; a
    gate of so few cases looks once instead.
    """
    cases = max(statistics.MIN_CASES, statistics.count_cases_for_pass(margin, alpha))
    while not statistics.pass_is_possible(
        cases, margin, statistics.plan_looks(cases, sequential=sequential, alpha=alpha)[-1][1]
    ):
        cases += 1
    return cases


def estimate_share(
    *, spread: float, cases: int, margin: float, difference: float = 0.0, runs: int = _SHARE_RUNS, seed: int = 1
) -> float:
    """The share of the candidate's calls that early stopping is expected to make, confirmations not counted.

    By simulation, the same for the same seed: normal case differences with mean `difference` (0: equal versions) and
    standard deviation `spread`, cut off at -1 and 1, go through the looks of the rule until it passes or fails. With
    400 runs the share is known to about .02. Broken cases, which forbid an early pass, do not occur. `cases` are
    units.
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
    """Whether an early look passes or fails."""
    return statistics.is_within(differences, margin, level) or (
        statistics.p_worse(differences) <= level and statistics.may_fail(differences, margin, level, last=False)
    )
