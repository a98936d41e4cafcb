"""Results in, comparisons out: each criterion on both arms, paired case by case."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
    """The decided cases of one criterion, in run order; `places` are their positions among all cases.

    No baseline: `differences` is None. `clusters` names each decided case's cluster, where the dataset has any.
    `noise` is the mean variance of the baseline's samples within a case (None with one sample each), `samples` how
    many there are of each case: candidate, baseline.
    """

    cases: tuple[str, ...]
    places: tuple[int, ...]
    candidate: Numbers
    differences: Numbers | None
    undecided: Mapping[str, int]
    clusters: tuple[str, ...] | None = None
    noise: float | None = None
    samples: tuple[int, int] = (1, 1)

    def upto(self, cases: int) -> Paired:
        """The same for the first `cases` cases of the run."""
        end = bisect_left(self.places, cases)
        return replace(
            self,
            cases=self.cases[:end],
            places=self.places[:end],
            candidate=self.candidate[:end],
            differences=None if self.differences is None else self.differences[:end],
            undecided={case: place for case, place in self.undecided.items() if place < cases},
            clusters=None if self.clusters is None else self.clusters[:end],
        )

    def units(self, values: Numbers) -> Numbers:
        """The values that are tested: one for each case, or the mean of each cluster."""
        return statistics.cluster_means(values, self.clusters)


def prepare() -> None:
    """Imports what the comparison needs, which takes half a second: to be called while answers are waited for."""
    import pandas  # noqa: F401

    statistics.prepare()


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


def pair(
    frame: pd.DataFrame,
    criterion: str,
    cases: Sequence[str],
    *,
    with_baseline: bool,
    clusters: Mapping[str, str] | None = None,
) -> Paired:
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
    complete = needed.notna().all(axis="columns").to_numpy(dtype=bool)
    decided = means[complete]
    candidate = statistics.clean(decided[Arm.CANDIDATE.value].to_numpy(dtype=float))
    differences = None
    if with_baseline:
        differences = statistics.clean(candidate - decided[Arm.BASELINE.value].to_numpy(dtype=float))
    return Paired(
        cases=tuple(decided.index),
        places=tuple(int(place) for place in complete.nonzero()[0]),
        candidate=candidate,
        differences=differences,
        undecided={cases[int(place)]: int(place) for place in (~complete).nonzero()[0]},
        clusters=None if clusters is None else tuple(clusters[case] for case in decided.index),
        noise=_noise(grouped.var().unstack("arm").reindex(columns=arms)[Arm.BASELINE.value]),
        samples=(int(repeats.get(Arm.CANDIDATE.value, 1)), int(repeats.get(Arm.BASELINE.value, 1))),
    )


def compare(criterion: Criterion, paired: Paired, *, level: float) -> Comparison:
    """The comparison a report shows: both means, their difference and its one-sided bounds at `level`."""
    candidate = paired.units(paired.candidate)
    differences = None if paired.differences is None else paired.units(paired.differences)
    has_pairs = differences is not None and len(differences) > 0
    return Comparison(
        criterion=criterion.name,
        kind=criterion.kind,
        baseline=_mean(candidate - differences, level) if differences is not None and has_pairs else None,
        candidate=_mean(candidate, level) if len(candidate) else None,
        difference=_difference(differences, level) if differences is not None and has_pairs else None,
        p_value=statistics.p_worse(differences) if differences is not None and has_pairs else None,
        detectable=_detectable(differences) if differences is not None else None,
        deviation=statistics.deviation(differences) if differences is not None else None,
        regressed=fallen(paired),
        improved=_moved(paired, +1),
        undecided=tuple(paired.undecided),
    )


def fallen(paired: Paired) -> tuple[str, ...]:
    """The cases whose score fell by a point of the scale or more, the largest fall first."""
    return _moved(paired, -1)


def _noise(variances: pd.Series) -> float | None:
    known = variances.dropna()
    return float(known.mean()) if len(known) else None


def _mean(values: Numbers, level: float) -> Estimate:
    return Estimate(
        value=float(values.mean()),
        low=max(0.0, statistics.lower_bound(values, level, low=0.0, high=1.0)),
        high=min(1.0, statistics.upper_bound(values, level)),
        n=len(values),
    )


def _difference(differences: Numbers, level: float) -> Estimate:
    return Estimate(
        value=float(differences.mean()),
        low=max(-1.0, statistics.lower_bound(differences, level)),
        high=min(1.0, statistics.upper_bound(differences, level)),
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
