"""Calibration of a judge: agreement with human labels, bias, drift, and a mean corrected by a few labels.

Scores are in [0, 1]. An error is the judge's score minus the human's, so a positive bias is a lenient judge. A paired
difference of two versions cancels a constant bias; an absolute threshold does not.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from evalgate.decide import statistics
from evalgate.decide.relation import Relation, measure_relation
from evalgate.domain.numbers import show_count

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from evalgate.decide.statistics import Numbers

LEVEL = 0.01
MIN_LABELS = 20
MIN_ANCHORS = 20
STEADY_KAPPA = 100
USEFUL = 0.2
"""A judge whose correlation with human scores is proven to be below this value is rejected."""
STEADY = 0.5
"""A judge is stable where its earlier and present scores of the anchors are proven to correlate at least this much."""
DUST = 0.005
"""A shift, of the mean or of single anchors, that is ignored: a 50th of a point on a five-point scale."""
_VARYING = 5
_VARYING_TO_REJECT = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The agreement of a judge's scores with a human's on the same outputs.

    `units` is the number of independent units among the labels: labels of one output, or of one cluster, are one unit.
    `exact` and `within_one` are shares of the labels with the same rating, and with neighbouring ones. `bias` is the
    mean error with its two-sided 95 % bounds, `p_value` that of "no bias". `kappa` is Cohen's with quadratic weights;
    None where neither of the two varies. It is information and decides nothing: at 30 labels its standard deviation is
    .13 to .20, and on ratings concentrated at one end it can be low although nearly all ratings agree.

    `relation` is the test of a correlation between judge and human, and `standing` its result: "shown", "rejected" (no
    correlation, or nearly none), or "open" (these labels do not decide it).
    """

    labels: int
    exact: float
    within_one: float
    bias: float
    low: float
    high: float
    p_value: float
    kappa: float | None
    units: int
    relation: Relation
    standing: Literal["shown", "rejected", "open"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """The change of a judge's scores of the same anchors: the mean shift, the p-value of "no shift", and the alarm.

    `relation` is the correlation of earlier and present scores, anchor by anchor: a judge that returns noise can keep
    its mean. `alarm`: a shift is proven, or the anchors did not keep their scores. `stable`: it is proven that they
    did. Where both are false, the anchors do not decide it.
    """

    anchors: int
    shift: float
    p_value: float
    alarm: bool
    relation: Relation
    stable: bool


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


def measure_agreement(
    human: Sequence[float],
    judge: Sequence[float],
    *,
    points: int = 5,
    units: Sequence[Hashable] | None = None,
    rng: np.random.Generator | None = None,
) -> Agreement:
    """Return the agreement of the two scores of each label, on a scale with so many `points`.

    `units` names the unit of each label; labels of one unit count as one. A score is rounded to the nearest point.
    `rng` is for the permutation test (`relation.measure_relation`). Raises ValueError for unequal lengths, fewer than
    two labels or points.
    """
    import numpy as np

    if len(human) != len(judge) or len(human) < 2 or points < 2:
        raise ValueError(f"{len(human)} human and {len(judge)} judge scores on {points} points cannot be compared")
    own, given = np.array(human, dtype=float), np.array(judge, dtype=float)
    names = list(range(len(own))) if units is None else list(units)
    number: dict[Hashable, int] = {}
    unit = np.array([number.setdefault(name, len(number)) for name in names])
    weights = 1.0 / np.bincount(unit)[unit]
    weights /= weights.sum()
    first, second = (np.rint(scores * (points - 1)) for scores in (own, given))
    apart = np.abs(first - second)
    errors = _means(given - own, unit)
    half = _half_width(errors, 0.95)
    bias = float(errors.mean())
    found = measure_relation(_means(own, unit).tolist(), _means(given, unit).tolist(), level=LEVEL, rng=rng)
    return Agreement(
        labels=len(own),
        exact=float(weights @ (apart == 0)),
        within_one=float(weights @ (apart <= 1)),
        bias=bias,
        low=bias - half,
        high=bias + half,
        p_value=two_sided(errors),
        kappa=_kappa(first, second, weights),
        units=len(errors),
        relation=found,
        standing=_describe_standing(found, _varying(_means(own, unit))),
    )


def find_warnings(found: Agreement, margin: float) -> tuple[str, ...]:
    """Return warnings for readers of the judge's scores.

    A warning names a bias that is proven at 1 % or larger than the margin, a rough kappa, and a judge that does not
    agree with people or for which this is not known.
    """
    said = []
    direction = "lenient" if found.bias > 0 else "strict"
    if found.p_value <= LEVEL:
        said.append(f"the judge is too {direction}: its bias differs from 0 (p {found.p_value:.2g} <= {LEVEL:g})")
    if abs(found.bias) > margin:
        said.append(f"the observed bias is larger than the margin of {margin:g}: calibrate every absolute threshold")
    if found.kappa is not None and found.units < STEADY_KAPPA:
        said.append(
            f"kappa from {show_count(found.units, 'label')} is imprecise: with {STEADY_KAPPA} or more it is known "
            "to about .12"
        )
    seen = found.relation
    if found.standing == "rejected":
        how = "nearly all its scores are equal" if seen.correlation is None else f"correlation {seen.correlation:.2f}"
        said.append(f"the judge's scores have no useful relation to people's scores ({how}): do not gate on it")
    elif found.standing == "open":
        said.append(
            f"{show_count(found.units, 'independent label is', 'independent labels are')} too few to show whether the "
            "judge agrees with people: label more outputs, good ones and bad ones, before you gate on it"
        )
    return tuple(said)


def measure_drift(
    before: Sequence[float], now: Sequence[float], *, level: float = LEVEL, units: Sequence[Hashable] | None = None
) -> Drift:
    """Test for drift between two scorings of the same anchors: a two-sided paired t test at `level`, and a correlation.

    The correlation shows whether each anchor kept its score. `before` may hold means of several samples. Anchors of one
    of the `units` count as one. About 30 anchors are needed to find a shift of .15. Raises ValueError for unequal
    lengths or fewer than 20 anchors.
    """
    import numpy as np

    names = list(range(len(before))) if units is None else list(units)
    number: dict[Hashable, int] = {}
    unit = np.array([number.setdefault(name, len(number)) for name in names], dtype=int)
    if len(before) != len(now):
        raise ValueError(f"{len(before)} earlier scores of anchors but {len(now)} present ones")
    if len(number) < MIN_ANCHORS:
        raise ValueError(f"drift needs at least {MIN_ANCHORS} anchors, each of its own cluster, not {len(number)}")
    then, today = _means(np.array(before, dtype=float), unit), _means(np.array(now, dtype=float), unit)
    shifts = today - then
    p = two_sided(shifts)
    found = measure_relation(then.tolist(), today.tolist(), level=level)
    lost = found.high < STEADY and found.varying >= _VARYING_TO_REJECT
    lost = lost or (found.correlation is None and _varying(then) >= _VARYING_TO_REJECT)
    lost = lost and math.sqrt(float((shifts**2).mean())) > DUST
    moved = p <= level and abs(float(shifts.mean())) > DUST
    return Drift(
        anchors=len(shifts),
        shift=float(shifts.mean()),
        p_value=p,
        alarm=moved or lost,
        relation=found,
        stable=not moved and found.low >= STEADY and found.varying >= _VARYING,
    )


def correct_mean(
    unlabelled: Sequence[float], human: Sequence[float], judge: Sequence[float], *, level: float = statistics.ALPHA
) -> Corrected:
    """Estimate the mean human score from the judge's scores of all cases and a few human labels.

    `unlabelled` are the judge's scores of cases without a label; `human` and `judge` both scores of the labelled ones,
    which must be a random sample of the cases. Prediction-powered inference (Angelopoulos et al. 2023, lambda = 1):
    mean(unlabelled) + mean(human - judge), with SE^2 = var(unlabelled) / N + var(human - judge) / h and Student's t of
    h - 1 degrees of freedom. The lower bound is widened by Johnson's term for the skewness of the estimate. Neither
    bound is closer to the estimate than the one that `statistics.lower_bound` gives for the corrections: labels that
    hardly vary do not prove that the judge is right on every other case. Where there are no more unlabelled than
    labelled cases, or the corrections do not vary, the result is the human scores alone with `statistics.lower_bound`.
    Raises ValueError for unequal lengths or fewer than 20 labels.
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
    judged = np.concatenate([rest, np.array(judge, dtype=float)])
    down, up = _unseen(corrections, -float(judged.max()), 1 - float(judged.min()), level)
    of_rest = t * statistics.deviation(rest) / math.sqrt(len(rest))
    return Corrected(
        method="corrected",
        estimate=estimate,
        error=error,
        low=max(0.0, estimate - max(widened * error, math.hypot(down, of_rest))),
        high=min(1.0, estimate + max(t * error, math.hypot(up, of_rest))),
        labelled=len(human),
        unlabelled=len(unlabelled),
    )


def _unseen(corrections: Numbers, lowest: float, highest: float, level: float) -> tuple[float, float]:
    """Return the distances below and above the mean correction that bound it, if unseen ones are at an end."""
    ends = {"low": min(lowest, float(corrections.min())), "high": max(highest, float(corrections.max()))}
    turned = {"low": -ends["high"], "high": -ends["low"]}
    mean = float(corrections.mean())
    down = mean - statistics.lower_bound(corrections, level, **ends)
    return down, -mean - statistics.lower_bound(-corrections, level, **turned)


def two_sided(differences: Numbers) -> float:
    """Return the p-value of a two-sided paired t test of "the mean difference is 0".

    Where all differences are equal, it is at least the p-value of the sign test, since two equal values prove nothing.
    """
    import numpy as np

    p = min(1.0, 2 * min(statistics.p_worse(differences), statistics.p_worse(-differences)))
    return max(p, 2.0 ** (1 - len(differences))) if np.ptp(differences) < 1e-12 else p


def _half_width(values: Numbers, confidence: float) -> float:
    """Return half the width of the two-sided interval of a mean; 1, the whole scale, for a single value."""
    if len(values) < 2:
        return 1.0
    t = statistics.t_quantile(0.5 + confidence / 2, len(values) - 1)
    return t * statistics.deviation(values) / math.sqrt(len(values))


def _kappa(first: Numbers, second: Numbers, weights: Numbers) -> float | None:
    """Return Cohen's kappa with quadratic weights: 1 - mean squared distance / that of independent raters (Cohen 1968).

    `weights` are the weights of the labels; their sum is 1.
    """
    means = [float(weights @ ratings) for ratings in (first, second)]
    varied = sum(float(weights @ (ratings - mean) ** 2) for ratings, mean in zip((first, second), means, strict=True))
    expected = varied + (means[0] - means[1]) ** 2
    return None if expected <= 1e-12 else 1 - float(weights @ (first - second) ** 2) / expected


def _describe_standing(found: Relation, human_varying: int) -> Literal["shown", "rejected", "open"]:
    if found.correlation is None:
        return "rejected" if human_varying >= _VARYING_TO_REJECT and found.pairs >= MIN_LABELS else "open"
    if found.high < USEFUL and found.varying >= _VARYING_TO_REJECT:
        return "rejected"
    return "shown" if found.p_value <= LEVEL else "open"


def _varying(scores: Numbers) -> int:
    """Return the number of scores that differ from the most frequent one."""
    import numpy as np

    return len(scores) - int(np.unique(scores.round(12), return_counts=True)[1].max(initial=0))


def _means(values: Numbers, unit: NDArray[np.intp]) -> Numbers:
    """Return the mean of each unit."""
    import numpy as np

    return np.bincount(unit, weights=values) / np.bincount(unit)
