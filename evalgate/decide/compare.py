"""Pair the scores of one criterion on both arms by case, and make the comparison that a report shows."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from evalgate.decide import statistics
from evalgate.decide.draws import Draws
from evalgate.domain import Arm, Comparison, Criterion, Estimate
from evalgate.domain.numbers import NOTABLE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from evalgate.decide.statistics import Numbers

    Flags = NDArray[np.bool_]
    Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """The pairs of one criterion, in run order; `places` are their positions among all cases.

    `differences` is None without a baseline. `unit` is the number of the unit of each pair. A case without a pair is
    `undecided` (a call failed, or a usable output has no score) or `left_out` (an arm has no usable output). Both map
    a case to its place. `unscored` are the places of cases with a missing score, within the cases seen or after them.
    `noise` is the mean variance of the baseline's samples within a case (None with one sample each). `samples` are the
    numbers of samples of each case: candidate, baseline. `excluded` marks the cases to which the criterion does not
    apply (None: it applies to all); they are in none of these.
    """

    cases: tuple[str, ...]
    places: Places
    unit: Places
    candidate: Numbers
    differences: Numbers | None
    undecided: Mapping[str, int]
    left_out: Mapping[str, int]
    unscored: tuple[int, ...]
    seen: int
    noise: float | None = None
    samples: tuple[int, int] = (1, 1)
    excluded: Flags | None = None

    def upto(self, cases: int) -> Paired:
        """Return the pairs among the first `cases` cases."""
        end = bisect_left(self.places, cases)
        return replace(
            self,
            cases=self.cases[:end],
            places=self.places[:end],
            unit=self.unit[:end],
            candidate=self.candidate[:end],
            differences=None if self.differences is None else self.differences[:end],
            undecided={case: place for case, place in self.undecided.items() if place < cases},
            left_out={case: place for case, place in self.left_out.items() if place < cases},
            seen=min(cases, self.seen),
        )

    def units(self, values: Numbers) -> Numbers:
        """Return the values to test: one for each case, or the mean of each unit."""
        return statistics.cluster_means(values, self.unit.tolist()) if self.is_grouped else values

    @property
    def is_grouped(self) -> bool:
        """True if some unit has more than one pair."""
        return len(self.unit) > 1 and bool((self.unit[1:] == self.unit[:-1]).any())

    @property
    def lost(self) -> int:
        """The number of cases whose usable outputs lack a score: those seen, and later ones known to lack one."""
        return len(self.undecided) + sum(place >= self.seen for place in self.unscored)


def pair(draws: Draws, criterion: str, required: Sequence[str], *, with_baseline: bool) -> Paired:
    """Return the pairs of one criterion. `required` are the checks that an output must pass before its score counts.

    An arm's score of a case is the mean over its usable outputs. A case is undecided when one of its calls failed after
    all retries, or when one of its usable outputs has no score. It is left out when an arm has no usable output of it.
    """
    import numpy as np

    cases = len(draws.order)
    lost, empty, unscored = np.zeros((3, cases), dtype=bool)
    means = {}
    noise = None
    for arm in (Arm.BASELINE, Arm.CANDIDATE) if with_baseline else (Arm.CANDIDATE,):
        scores, usable = draws.scores(criterion, arm), draws.holding(required, arm)
        missing = usable & np.isnan(scores)
        counts = ~empty | lost  # a case that the baseline leaves out stays left out, whatever the candidate gives
        lost |= counts & ((missing | draws.failed[arm]).any(axis=0) | ~draws.drawn[arm].any(axis=0))
        unscored |= counts & ((missing | draws.failed[arm]) & draws.asked(criterion, arm)).any(axis=0)
        counted = usable & ~missing
        count = counted.sum(axis=0)
        empty |= count == 0
        known = np.where(counted, scores, 0.0)
        means[arm] = known.sum(axis=0) / np.maximum(count, 1)
        if arm is Arm.BASELINE and (count > 1).any():
            squares = np.where(counted, (scores - means[arm]) ** 2, 0.0).sum(axis=0)
            noise = float((squares[count > 1] / (count[count > 1] - 1)).mean())
    applies = draws.applies(criterion)
    lost, empty, unscored = lost & applies, empty & applies, unscored & applies
    paired = ~lost & ~empty & applies
    places = paired.nonzero()[0]
    candidate = statistics.clean(means[Arm.CANDIDATE][paired])
    differences = None
    if with_baseline:
        differences = statistics.clean(means[Arm.CANDIDATE][paired] - means[Arm.BASELINE][paired])
    drawn = {arm: int(draws.drawn[arm].sum(axis=0).max(initial=0)) for arm in Arm}
    return Paired(
        cases=draws.order if len(places) == cases else tuple(draws.order[int(place)] for place in places),
        places=places,
        unit=draws.unit[places],
        candidate=candidate,
        differences=differences,
        undecided=_map_to_places(draws, lost),
        left_out=_map_to_places(draws, empty & ~lost),
        unscored=tuple(int(place) for place in unscored.nonzero()[0]),
        seen=cases,
        noise=noise,
        samples=(drawn[Arm.CANDIDATE] or 1, drawn[Arm.BASELINE] or 1),
        excluded=draws.excluded.get(criterion),
    )


def _map_to_places(draws: Draws, flags: np.ndarray) -> dict[str, int]:
    return {draws.order[int(place)]: int(place) for place in flags.nonzero()[0]}


def compare(criterion: Criterion, paired: Paired, *, level: float) -> Comparison:
    """Return the comparison that a report shows: both means, their difference and its one-sided bounds at `level`."""
    candidate = paired.units(paired.candidate)
    differences = None if paired.differences is None else paired.units(paired.differences)
    has_pairs = differences is not None and len(differences) > 0
    return Comparison(
        criterion=criterion.name,
        kind=criterion.kind,
        baseline=_estimate_mean(candidate - differences, level) if differences is not None and has_pairs else None,
        candidate=_estimate_mean(candidate, level) if len(candidate) else None,
        difference=_estimate_difference(differences, level) if differences is not None and has_pairs else None,
        p_value=statistics.p_worse(differences) if differences is not None and has_pairs else None,
        detectable=_find_detectable(differences) if differences is not None else None,
        deviation=statistics.deviation(differences) if differences is not None else None,
        regressed=list_fallen(paired),
        improved=_list_moved(paired, +1),
        undecided=tuple(paired.undecided),
        units=len(candidate),
        pairs=len(paired.cases),
        left_out=tuple(paired.left_out),
    )


def list_fallen(paired: Paired) -> tuple[str, ...]:
    """Return the cases whose score fell by a point of the scale or more, the largest fall first."""
    return _list_moved(paired, -1)


def _estimate_mean(values: Numbers, level: float) -> Estimate:
    return Estimate(
        value=statistics.mean(values),
        low=max(0.0, statistics.lower_bound(values, level, low=0.0, high=1.0)),
        high=min(1.0, statistics.upper_bound(values, level)),
        n=len(values),
    )


def _estimate_difference(differences: Numbers, level: float) -> Estimate:
    return Estimate(
        value=statistics.mean(differences),
        low=max(-1.0, statistics.lower_bound(differences, level)),
        high=min(1.0, statistics.upper_bound(differences, level)),
        n=len(differences),
    )


def _find_detectable(differences: Numbers) -> float | None:
    drop = statistics.find_detectable_drop(differences)
    return drop if 0.0 < drop < float("inf") else None


def _list_moved(paired: Paired, direction: int) -> tuple[str, ...]:
    """Return the cases whose score fell (-1) or rose (+1) by a point of the scale or more, the largest change first."""
    if paired.differences is None:
        return ()
    moves = [(direction * float(d), case) for d, case in zip(paired.differences, paired.cases, strict=True)]
    return tuple(case for move, case in sorted(moves, key=lambda m: (-m[0], m[1])) if move >= NOTABLE - 1e-12)
