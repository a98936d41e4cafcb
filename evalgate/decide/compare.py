"""Results in, comparisons out: each criterion on both arms, paired case by case."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from evalgate.decide import statistics
from evalgate.domain import Arm, Comparison, Criterion, Estimate, Result

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from evalgate.decide.statistics import Numbers

    Places = NDArray[np.intp]

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
    places: Places
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """All scores as numbers: for each criterion and arm a row for each repeat, in their order; NaN is no score.

    `places` are the cases' positions in a row, by id in order; beyond them one NaN stands for a case that has none.
    `samples` counts the repeats that an arm has anywhere.
    """

    places: Mapping[str, int]
    rows: Mapping[tuple[str, Arm], Mapping[int, Numbers]]
    samples: Mapping[Arm, int]


def table(results: Sequence[Result]) -> Scores:
    """All scores of results, of which no two are of the same case, arm and repeat."""
    import numpy as np

    places = {case: place for place, case in enumerate(sorted({result.case for result in results}))}
    rows: dict[tuple[str, Arm], dict[int, Numbers]] = {}
    repeats: dict[Arm, set[int]] = {arm: set() for arm in Arm}
    for result in results:
        for criterion, value in result.values.items():
            repeats[result.arm].add(result.repeat)
            own = rows.setdefault((criterion, result.arm), {})
            if result.repeat not in own:
                own[result.repeat] = np.full(len(places) + 1, np.nan)
            if value is not None:
                own[result.repeat][places[result.case]] = value
    return Scores(places=places, rows=rows, samples={arm: len(found) for arm, found in repeats.items()})


def pair(
    scores: Scores,
    criterion: str,
    cases: Sequence[str],
    *,
    with_baseline: bool,
    clusters: Mapping[str, str] | None = None,
) -> Paired:
    """One criterion's case means on both arms, in the order of `cases`.

    A case counts as decided only when it has a score for every repeat that its arm has anywhere.
    """
    import numpy as np

    order = np.array([scores.places.get(case, len(scores.places)) for case in cases], dtype=np.intp)
    candidate, _ = _moments(scores, criterion, Arm.CANDIDATE)
    baseline, variances = _moments(scores, criterion, Arm.BASELINE)
    candidate, baseline = candidate[order], baseline[order]
    complete = ~np.isnan(candidate)
    if with_baseline:
        complete &= ~np.isnan(baseline)
    places = complete.nonzero()[0]
    decided = tuple(cases) if len(places) == len(cases) else tuple(cases[int(place)] for place in places)
    candidate = statistics.clean(candidate[complete])
    known = variances[~np.isnan(variances)]
    return Paired(
        cases=decided,
        places=places,
        candidate=candidate,
        differences=statistics.clean(candidate - baseline[complete]) if with_baseline else None,
        undecided={cases[int(place)]: int(place) for place in (~complete).nonzero()[0]},
        clusters=None if clusters is None else tuple(clusters[case] for case in decided),
        noise=float(known.mean()) if len(known) else None,
        samples=(scores.samples[Arm.CANDIDATE] or 1, scores.samples[Arm.BASELINE] or 1),
    )


def _moments(scores: Scores, criterion: str, arm: Arm) -> tuple[Numbers, Numbers]:
    """Each case's mean over its samples (NaN unless all are scored), and their variance (NaN below two samples).

    The sums are compensated (Kahan 1965), the squares gathered sample by sample (Welford 1962).
    """
    import numpy as np

    rows = scores.rows.get((criterion, arm), {})
    count, total, lost, mean, squares = np.zeros((5, len(scores.places) + 1))
    for repeat in sorted(rows):
        known = ~np.isnan(rows[repeat])
        value = rows[repeat][known]
        count[known] += 1
        more = value - lost[known]
        grown = total[known] + more
        lost[known] = grown - total[known] - more
        total[known] = grown
        before = mean[known]
        mean[known] += (value - before) / count[known]
        squares[known] += (value - mean[known]) * (value - before)
    whole, several = (count > 0) & (count == scores.samples[arm]), count > 1
    means, variances = np.full((2, len(count)), np.nan)
    means[whole] = total[whole] / count[whole]
    variances[several] = squares[several] / (count[several] - 1)
    return means, variances


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
