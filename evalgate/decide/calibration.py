"""A judge against humans and against itself: agreement, bias, drift, and a floor corrected by few human labels.

Scores are in [0, 1]. An error is the judge's score minus the human's, so a positive bias is a lenient judge. A paired
difference of two versions cancels a constant bias; an absolute threshold does not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from evalgate.decide import statistics

if TYPE_CHECKING:
    from evalgate.decide.statistics import Numbers

LEVEL = 0.01
MIN_LABELS = 20
MIN_ANCHORS = 20
STEADY_KAPPA = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How a judge's scores agree with a human's on the same outputs.

    `exact` and `within_one` are shares of the labels with the same rating, and with neighbouring ones. `bias` is the
    mean error with its two-sided 95 % bounds, `p_value` that of "no bias". `kappa` is Cohen's with quadratic weights;
    None where neither of the two varies. It is an item to read, never a gate: at 30 labels its standard deviation is
    .13 to .20, and on ratings piled up at one end it can be low although nearly all ratings agree.
    """

    labels: int
    exact: float
    within_one: float
    bias: float
    low: float
    high: float
    p_value: float
    kappa: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Whether a judge scores its anchors as it did: the mean shift, the p-value of "no shift", and the alarm."""

    anchors: int
    shift: float
    p_value: float
    alarm: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """A mean corrected by human labels, its standard error, and its one-sided bounds at the level asked for.

    `method` is "corrected" (the judge's mean on the unlabelled cases plus the mean correction of the labelled ones) or
    "labels" (the human scores alone).
    """

    method: Literal["corrected", "labels"]
    estimate: float
    error: float
    low: float
    high: float
    labelled: int
    unlabelled: int


def agreement(human: Sequence[float], judge: Sequence[float], *, points: int = 5) -> Agreement:
    """Agreement of the two scores of each labelled output, on a scale of so many `points`.

    A score is rated by the nearest point. Raises ValueError for unequal lengths, fewer than two labels or points.
    """
    import numpy as np

    if len(human) != len(judge) or len(human) < 2 or points < 2:
        raise ValueError(f"{len(human)} human and {len(judge)} judge scores on {points} points cannot be compared")
    errors = np.array(judge, dtype=float) - np.array(human, dtype=float)
    ratings = [np.rint(np.array(scores, dtype=float) * (points - 1)) for scores in (human, judge)]
    apart = np.abs(ratings[0] - ratings[1])
    half = _half_width(errors, 0.95)
    bias = float(errors.mean())
    return Agreement(
        labels=len(errors),
        exact=float((apart == 0).mean()),
        within_one=float((apart <= 1).mean()),
        bias=bias,
        low=bias - half,
        high=bias + half,
        p_value=two_sided(errors),
        kappa=_kappa(*ratings),
    )


def warnings(found: Agreement, margin: float) -> tuple[str, ...]:
    """What a reader of the judge's scores has to know: a bias that is proven at 1 %, or larger than the margin."""
    said = []
    direction = "lenient" if found.bias > 0 else "strict"
    if found.p_value <= LEVEL:
        said.append(f"the judge is too {direction}: its bias differs from 0 (p {found.p_value:.2g} <= {LEVEL:g})")
    if abs(found.bias) > margin:
        said.append(f"the observed bias is larger than the margin of {margin:g}: calibrate every absolute threshold")
    if found.kappa is not None and found.labels < STEADY_KAPPA:
        said.append(f"kappa from {found.labels} labels is rough: {STEADY_KAPPA} or more give it to about .12")
    return tuple(said)


def drift(before: Sequence[float], now: Sequence[float], *, level: float = LEVEL) -> Drift:
    """Whether the judge has drifted between two scorings of the same anchors: two-sided paired t at `level`.

    `before` may be means of several samples. About 30 anchors are needed to find a shift of .15. Raises ValueError for
    unequal lengths or fewer than 20 anchors.
    """
    import numpy as np

    if len(before) != len(now) or len(now) < MIN_ANCHORS:
        raise ValueError(f"drift needs at least {MIN_ANCHORS} anchors scored twice, not {len(before)}, {len(now)}")
    shifts = np.array(now, dtype=float) - np.array(before, dtype=float)
    p = two_sided(shifts)
    return Drift(anchors=len(shifts), shift=float(shifts.mean()), p_value=p, alarm=p <= level)


def corrected_mean(
    unlabelled: Sequence[float], human: Sequence[float], judge: Sequence[float], *, level: float = statistics.ALPHA
) -> Corrected:
    """The mean score as humans would give it, from the judge's scores of all cases and a few human labels.

    `unlabelled` are the judge's scores of cases without a label; `human` and `judge` both scores of the labelled ones,
    which must be a random sample of the cases. Prediction-powered inference (Angelopoulos et al. 2023, lambda = 1):
    mean(unlabelled) + mean(human - judge), with SE^2 = var(unlabelled) / N + var(human - judge) / h and Student's t of
    h - 1 degrees of freedom; the lower bound is widened by Johnson's term for the skewness of the estimate. Where no
    more cases are unlabelled than labelled, the human scores alone are as good, and `statistics.lower_bound` takes
    over. Raises ValueError for unequal lengths or fewer than 20 labels.
    """
    import numpy as np

    if len(human) != len(judge) or len(human) < MIN_LABELS:
        raise ValueError(f"a correction needs at least {MIN_LABELS} labels, each with both scores")
    own = np.array(human, dtype=float)
    corrections = own - np.array(judge, dtype=float)
    if len(unlabelled) <= len(human) or np.ptp(corrections) < 1e-12:
        return Corrected(
            method="labels",
            estimate=float(own.mean()),
            error=statistics.deviation(own) / math.sqrt(len(own)),
            low=statistics.lower_bound(own, level, low=0.0, high=1.0),
            high=min(1.0, statistics.upper_bound(own, level)),
            labelled=len(human),
            unlabelled=len(unlabelled),
        )
    rest = np.array(unlabelled, dtype=float)
    estimate = float(rest.mean() + corrections.mean())
    error = math.hypot(*(statistics.deviation(x) / math.sqrt(len(x)) for x in (rest, corrections)))
    t = statistics.t_quantile(1 - level, len(corrections) - 1)
    third = sum(float(((x - x.mean()) ** 3).mean()) / len(x) ** 2 for x in (rest, corrections))
    skewness = third / error**3 if error > 0 else 0.0
    widened = t + max(0.0, -skewness) * (1 + 2 * t * t) / 6
    return Corrected(
        method="corrected",
        estimate=estimate,
        error=error,
        low=max(0.0, estimate - widened * error),
        high=min(1.0, estimate + t * error),
        labelled=len(human),
        unlabelled=len(unlabelled),
    )


def two_sided(differences: Numbers) -> float:
    """The p-value of a two-sided paired t test of "the mean difference is 0"."""
    return min(1.0, 2 * min(statistics.p_worse(differences), statistics.p_worse(-differences)))


def _half_width(values: Numbers, confidence: float) -> float:
    t = statistics.t_quantile(0.5 + confidence / 2, len(values) - 1)
    return t * statistics.deviation(values) / math.sqrt(len(values))


def _kappa(first: Numbers, second: Numbers) -> float | None:
    """Cohen's kappa with quadratic weights: 1 - mean squared distance / that of independent raters (Cohen 1968)."""
    expected = float(first.var() + second.var() + (first.mean() - second.mean()) ** 2)
    return None if expected == 0 else 1 - float(((first - second) ** 2).mean()) / expected
