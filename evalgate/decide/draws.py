"""The scores of a gate as arrays: the draws of each case on both arms, in the order in which they were made."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from evalgate.decide import statistics
from evalgate.domain import Arm, Evidence, Result
from evalgate.domain.units import number_units, order_by_unit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from evalgate.decide.statistics import Numbers

    Flags: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """The draws that enter the means: arrays with one row per draw and one column per case.

    `order` lists the cases in run order: the cases of one unit are adjacent, at the place of its first case. `unit` is
    the number of the unit of each case. `alone` is False for a case that repeats the request of an earlier one. `drawn`
    marks the draws that were made, `failed` those whose call failed after all retries. `values` holds the scores by
    criterion and arm (NaN: no score), `named` marks the draws that have an entry for the criterion. `excluded` marks
    the cases to which a criterion does not apply; a criterion without an entry applies to all. Row 0 is the first draw
    of each case, without gaps below it.
    """

    order: tuple[str, ...]
    unit: NDArray[np.intp]
    alone: Flags
    tags: Mapping[str, tuple[str, ...]]
    drawn: Mapping[Arm, Flags]
    failed: Mapping[Arm, Flags]
    values: Mapping[tuple[str, Arm], Numbers]
    named: Mapping[tuple[str, Arm], Flags]
    places: Mapping[str, int] = field(default_factory=dict)
    excluded: Mapping[str, Flags] = field(default_factory=dict)

    @property
    def units(self) -> int:
        return int(self.unit[-1]) + 1 if len(self.unit) else 0

    @property
    def different(self) -> int:
        """The number of cases with different requests; allowed shares refer to it, so that copies raise no limit."""
        return int(self.alone.sum())

    def applies(self, criterion: str) -> Flags:
        """Return a mask of the cases to which a criterion applies."""
        import numpy as np

        excluded = self.excluded.get(criterion)
        return np.ones(len(self.order), dtype=bool) if excluded is None else ~excluded

    def count_different(self, criterion: str) -> int:
        """Return the number of cases with different requests to which a criterion applies."""
        return int((self.alone & self.applies(criterion)).sum())

    def count_units(self, criterion: str, among: Collection[str] | None = None) -> int:
        """Return the number of units with a case to which a criterion applies; `among` limits the cases."""
        applies = self.applies(criterion)
        if among is not None:
            applies &= _mark_cases(among, self.places)
        return len(set(self.unit[applies].tolist()))

    def cases_of(self, units: int) -> int:
        """Return the number of cases in the first `units` units."""
        return int(self.unit.searchsorted(units))

    def scores(self, criterion: str, arm: Arm) -> Numbers:
        """Return the scores of one criterion; all NaN where there are none."""
        import numpy as np

        found = self.values.get((criterion, arm))
        return np.full(self.drawn[arm].shape, np.nan) if found is None else found

    def asked(self, criterion: str, arm: Arm) -> Flags:
        """Return a mask of the draws that have an entry for the criterion, with a score or without one."""
        import numpy as np

        found = self.named.get((criterion, arm))
        return np.zeros(self.drawn[arm].shape, dtype=bool) if found is None else found

    def holding(self, checks: Iterable[str], arm: Arm) -> Flags:
        """Return a mask of the draws that pass all of these checks, as far as they apply."""
        holds = self.drawn[arm].copy()
        for check in checks:
            passes = self.scores(check, arm) >= statistics.CASE_PASSES
            holds &= passes | self.excluded[check] if check in self.excluded else passes
        return holds

    def failing(self, checks: Iterable[str], arm: Arm) -> Flags:
        """Return a mask of the draws that fail at least one of these checks; a missing score is not a failure."""
        import numpy as np

        fails = np.zeros(self.drawn[arm].shape, dtype=bool)
        for check in checks:
            fails |= (self.scores(check, arm) < statistics.CASE_PASSES) & self.applies(check)
        return fails


def collect_draws(evidence: Evidence) -> Draws:
    """Collect the draws of all results of a gate, without the confirmations."""
    import numpy as np

    planned = evidence.order or tuple(dict.fromkeys(result.case for result in evidence.results))
    order, units = order_by_unit(planned, number_units(planned, evidence.clusters, evidence.requests))
    places = {case: place for place, case in enumerate(order)}
    rows: dict[Arm, int] = {}
    entries: dict[Arm, list[tuple[int, int, Result]]] = {arm: [] for arm in Arm}
    made = {arm: [0] * len(order) for arm in Arm}
    tags: dict[str, tuple[str, ...]] = {}
    for result in sorted(evidence.results, key=lambda result: result.repeat):
        place = places[result.case]
        row = made[result.arm][place]
        made[result.arm][place] = row + 1
        entries[result.arm].append((row, place, result))
        if result.tags:
            tags[result.case] = tuple(dict.fromkeys((*tags.get(result.case, ()), *result.tags)))
    for tag, cases in evidence.dataset.untagged.items():  # a change does not free its own cases
        tags |= {case: (*tags.get(case, ()), tag) for case in cases if case in places}
    drawn, failed = {}, {}
    values: dict[tuple[str, Arm], Numbers] = {}
    named: dict[tuple[str, Arm], Flags] = {}
    for arm, own in entries.items():
        rows[arm] = max((row for row, *_ in own), default=0) + 1
        shape = (rows[arm], len(order))
        drawn[arm], failed[arm] = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
        for row, place, result in own:
            drawn[arm][row, place] = True
            failed[arm][row, place] = result.failure == "infrastructure"
            for name, value in result.values.items():
                key = (name, arm)
                if key not in values:
                    values[key], named[key] = np.full(shape, np.nan), np.zeros(shape, dtype=bool)
                named[key][row, place] = True
                if value is not None:
                    values[key][row, place] = value
    seen: set[str] = set()
    alone = np.ones(len(order), dtype=bool)
    for place, case in enumerate(order):
        request = evidence.requests.get(case)
        if request is not None:
            alone[place] = request not in seen
            seen.add(request)
    return Draws(
        order=order,
        unit=np.array(units, dtype=np.intp),
        alone=alone,
        tags=tags,
        drawn=drawn,
        failed=failed,
        values=values,
        named=named,
        places=places,
        excluded={c.name: _mark_cases(c.excluded, places) for c in evidence.criteria if c.excluded},
    )


def _mark_cases(cases: Iterable[str], places: Mapping[str, int]) -> Flags:
    import numpy as np

    flags = np.zeros(len(places), dtype=bool)
    flags[[places[case] for case in cases if case in places]] = True
    return flags
