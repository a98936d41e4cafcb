"""A judge against humans and against itself: agreement, bias, drift, and a floor corrected by few human labels.

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

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from evalgate.decide.statistics import Numbers

LEVEL = 0.01
MIN_LABELS = 20
MIN_ANCHORS = 20
STEADY_KAPPA = 100
USEFUL = 0.2
"""A judge whose correlation with people is proven to lie below this has nothing to do with what they see."""
STEADY = 0.5
"""A judge is stable where its scores of the anchors, then and now, are proven to correlate as much as this."""
DUST = 0.005
"""A shift, of the mean or of the anchors one by one, below which a judge says the same: a 50th of a point of five."""
_VARYING = 5
_VARYING_TO_REJECT = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How a judge's scores agree with a human's on the same outputs.

    `units` are the independent ones among the labels: those of one output, or of one cluster, count as one together.
    `exact` and `within_one` are shares of the labels with the same rating, and with neighbouring ones. `bias` is the
    mean error with its two-sided 95 % bounds, `p_value` that of "no bias". `kappa` is Cohen's with quadratic weights;
    None where neither of the two varies. It is an item to read, never a gate: at 30 labels its standard deviation is
    .13 to .20, and on ratings piled up at one end it can be low although nearly all ratings agree.

    `relation` tests whether the judge has anything to do with people at all, and `standing` says what came of it:
    "shown", "rejected" (it has not, or as good as not), or "open" (these labels cannot tell).
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
    """Whether a judge scores its anchors as it did: the mean shift, the p-value of "no shift", and the alarm.

    `relation` is that of the scores then and now, anchor by anchor: a judge that became noise keeps its mean. `alarm`:
    a shift is proven, or the anchors have not kept their scores. `stable`: they have, proven; with neither nobody can
    tell.
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
    """Agreement of the two scores of each label, on a scale of so many `points`.

    `units` names for each label what it is about: labels of one unit count as one together. A score is rated by the
    nearest point. `rng` is for the test of the relation (`relation.measure_relation`). Raises ValueError for unequal
    lengths,
    fewer than two labels or points.
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
    """What a reader of the judge's scores has to know: a bias that is proven at 1 %, or larger than the margin; and
    that the judge does not agree with people, or that this is not known."""
    said = []
    direction = "lenient" if found.bias > 0 else "strict"
    if found.p_value <= LEVEL:
        said.append(f"the judge is too {direction}: its bias differs from 0 (p {found.p_value:.2g} <= {LEVEL:g})")
    if abs(found.bias) > margin:
        said.append(f"the observed bias is larger than the margin of {margin:g}: calibrate every absolute threshold")
    if found.kappa is not None and found.units < STEADY_KAPPA:
        said.append(f"kappa from {found.units} labels is rough: {STEADY_KAPPA} or more give it to about .12")
    seen = found.relation
    if found.standing == "rejected":
        how = "it gives nearly one score to all" if seen.correlation is None else f"correlation {seen.correlation:.2f}"
        said.append(f"the judge has no useful relation to what people say ({how}): do not gate on it")
    elif found.standing == "open":
        said.append(
            f"{found.units} independent labels cannot tell whether the judge agrees with people: label more outputs, "
            "good ones and bad ones, before you gate on it"
        )
    return tuple(said)


def measure_drift(
    before: Sequence[float], now: Sequence[float], *, level: float = LEVEL, units: Sequence[Hashable] | None = None
) -> Drift:
    """Whether the judge has drifted between two scorings of the same anchors: two-sided paired t at `level`, and
    whether each anchor has kept its score.

    `before` may be means of several samples; anchors of one of the `units` count as one. About 30 anchors are needed to
    find a shift of .15. Raises ValueError for unequal lengths or fewer than 20 anchors.
    """
    import numpy as np

    names = list(range(len(before))) if units is None else list(units)
    number: dict[Hashable, int] = {}
    unit = np.array([number.setdefault(name, len(number)) for name in names], dtype=int)
    if len(before) != len(now):
        raise ValueError(f"{len(before)} anchors then and {len(now)} now do not answer each other")
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
    """The mean score as humans would give it, from the judge's scores of all cases and a few human labels.

    `unlabelled` are the judge's scores of cases without a label; `human` and `judge` both scores of the labelled ones,
    which must be a random sample of the cases. Prediction-powered inference (Angelopoulos et al. 2023, lambda = 1):
    mean(unlabelled) + mean(human - judge), with SE^2 = var(unlabelled) / N + var(human - judge) / h and Student's t of
    h - 1 degrees of freedom; the lower bound is widened by Johnson's term for the skewness of the estimate. Neither
    bound is nearer than one that takes the corrections by `statistics.lower_bound`: labels that hardly vary do not show
    that the judge errs on no other case. Where no more cases are unlabelled than labelled, the human scores alone are
    as good, and `statistics.lower_bound` takes over. Raises ValueError for unequal lengths or fewer than 20 labels.
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
    """How far below and above its own mean the mean of all corrections may lie, were some of them at an end."""
    ends = {"low": min(lowest, float(corrections.min())), "high": max(highest, float(corrections.max()))}
    turned = {"low": -ends["high"], "high": -ends["low"]}
    mean = float(corrections.mean())
    down = mean - statistics.lower_bound(corrections, level, **ends)
    return down, -mean - statistics.lower_bound(-corrections, level, **turned)


def two_sided(differences: Numbers) -> float:
    """The p-value of a two-sided paired t test of "the mean difference is 0".

    Where all differences are equal it is not below that of the sign test: two of them prove nothing.
    """
    import numpy as np

    p = min(1.0, 2 * min(statistics.p_worse(differences), statistics.p_worse(-differences)))
    return max(p, 2.0 ** (1 - len(differences))) if np.ptp(differences) < 1e-12 else p


def _half_width(values: Numbers, confidence: float) -> float:
    """Half of the two-sided interval of a mean; 1, which bounds nothing, for a single value."""
    if len(values) < 2:
        return 1.0
    t = statistics.t_quantile(0.5 + confidence / 2, len(values) - 1)
    return t * statistics.deviation(values) / math.sqrt(len(values))


def _kappa(first: Numbers, second: Numbers, weights: Numbers) -> float | None:
    """Cohen's kappa with quadratic weights: 1 - mean squared distance / that of independent raters (Cohen 1968).

    `weights` are those of the labels, 1 in all.
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
    """How many scores are not the commonest one."""
    import numpy as np

    return len(scores) - int(np.unique(scores.round(12), return_counts=True)[1].max(initial=0))


def _means(values: Numbers, unit: NDArray[np.intp]) -> Numbers:
    """The mean of each unit."""
    import numpy as np

    return np.bincount(unit, weights=values) / np.bincount(unit)
