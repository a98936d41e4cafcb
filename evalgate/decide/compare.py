"""Results in, comparisons out: each criterion on both arms, paired case by case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalgate.decide import statistics
from evalgate.domain import Arm, Comparison, Criterion, Estimate, Result, Score

if TYPE_CHECKING:
    import pandas as pd

    from evalgate.decide.statistics import Numbers

# One point of a five-point scale; a check falls by a whole 1.
NOTABLE = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """The decided cases of one criterion: positions agree between all fields. No baseline: `differences` is None."""

    cases: tuple[str, ...]
    candidate: Numbers
    differences: Numbers | None
    undecided: tuple[str, ...]


def table(results: Sequence[Result]) -> pd.DataFrame:
    """All scores, a row for each case, arm, repeat and criterion; the absence of a score is a missing value."""
    import pandas as pd

    rows = [
        (result.case, str(result.arm), result.repeat, criterion, score.value if isinstance(score, Score) else None)
        for result in results
        for criterion, score in result.scores.items()
    ]
    frame = pd.DataFrame(rows, columns=["case", "arm", "repeat", "criterion", "value"])
    return frame.astype({"value": "float64"})


def pair(frame: pd.DataFrame, criterion: str, cases: Sequence[str], *, with_baseline: bool) -> Paired:
    """One criterion's case means on both arms, in the order of `cases`.

    A case counts as decided only when it has a score for every repeat that its arm has anywhere.
    """
    arms = [Arm.CANDIDATE.value, Arm.BASELINE.value]
    repeats = frame.groupby("arm")["repeat"].nunique()
    grouped = frame[frame["criterion"] == criterion].groupby(["case", "arm"], sort=False)["value"]
    scored = grouped.count().unstack("arm").reindex(index=list(cases), columns=arms)
    means = grouped.mean().unstack("arm").reindex(index=list(cases), columns=arms)
    means = means.where(scored.eq(repeats.reindex(arms), axis="columns"))
    needed = means if with_baseline else means[[Arm.CANDIDATE.value]]
    complete = needed.notna().all(axis="columns")
    decided = means[complete]
    candidate = decided[Arm.CANDIDATE.value].to_numpy(dtype=float)
    differences = candidate - decided[Arm.BASELINE.value].to_numpy(dtype=float) if with_baseline else None
    return Paired(
        cases=tuple(decided.index),
        candidate=candidate,
        differences=differences,
        undecided=tuple(means.index[~complete]),
    )


def compare(criterion: Criterion, paired: Paired, *, alpha: float) -> Comparison:
    """The comparison a report shows: both means, their difference and its one-sided bounds at `alpha`."""
    differences = paired.differences
    has_pairs = differences is not None and len(differences) > 0
    return Comparison(
        criterion=criterion.name,
        kind=criterion.kind,
        baseline=_mean(paired.candidate - differences, alpha) if differences is not None and has_pairs else None,
        candidate=_mean(paired.candidate, alpha) if len(paired.candidate) else None,
        difference=_difference(differences, alpha) if differences is not None and has_pairs else None,
        p_value=statistics.p_worse(differences) if differences is not None and has_pairs else None,
        detectable=_detectable(differences) if differences is not None else None,
        deviation=statistics.deviation(differences) if differences is not None else None,
        regressed=fallen(paired),
        improved=_moved(paired, +1),
        undecided=paired.undecided,
    )


def fallen(paired: Paired) -> tuple[str, ...]:
    """The cases whose score fell by a point of the scale or more, the largest fall first."""
    return _moved(paired, -1)


def _mean(values: Numbers, alpha: float) -> Estimate:
    return Estimate(
        value=float(values.mean()),
        low=max(0.0, statistics.lower_bound(values, alpha, low=0.0, high=1.0)),
        high=min(1.0, statistics.upper_bound(values, alpha)),
        n=len(values),
    )


def _difference(differences: Numbers, alpha: float) -> Estimate:
    return Estimate(
        value=float(differences.mean()),
        low=max(-1.0, statistics.lower_bound(differences, alpha)),
        high=min(1.0, statistics.upper_bound(differences, alpha)),
        n=len(differences),
    )


def _detectable(differences: Numbers) -> float | None:
    drop = statistics.detectable_drop(differences)
    return drop if 0.0 < drop < float("inf") else None


def _moved(paired: Paired, direction: int) -> tuple[str, ...]:
    """The cases whose score fell (-1) or rose (+1) by a point of the scale or more, the largest move first."""
    if paired.differences is None:
        return ()
    moves = [(direction * float(d), case) for d, case in zip(paired.differences, paired.cases, strict=True)]
    return tuple(case for move, case in sorted(moves, key=lambda m: (-m[0], m[1])) if move >= NOTABLE - 1e-12)
