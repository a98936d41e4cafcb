"""All cases of a gate for the page of HTML, with what its filters look for. Attributes hold numbers, no text."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from evalgate.domain import GateReport
from evalgate.domain.numbers import NOTABLE
from evalgate.report import case_selection
from evalgate.report.movements import CaseMove


@dataclass(frozen=True, slots=True, kw_only=True)
class PageCase:
    """A case with its place on the page, `id`.

    `tags` are numbers of the tags of the gate. `worse`, `better`, `broken` and `unstable` are numbers of the criteria
    on which it is so, as texts with spaces between them.
    """

    id: str
    shown: case_selection.ShownCase
    tags: str
    worse: str
    better: str
    broken: str
    unstable: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PageCases:
    """The cases of a gate by kind, each with its title, and the tags and criteria that they are filtered by.

    `ids` has the place of each case, and `left` is the number of cases that the page does not have.
    """

    groups: tuple[tuple[str, tuple[PageCase, ...]], ...]
    tags: tuple[str, ...]
    criteria: tuple[str, ...]
    ids: Mapping[str, str]
    left: int

    @property
    def count(self) -> int:
        return len(self.ids)


def make_page_cases(gate: GateReport, moves: Mapping[str, Sequence[CaseMove]], *, number: int, most: int) -> PageCases:
    """Return the first `most` cases of the gate of this number, as `case_selection.select_all` orders them."""
    every = case_selection.select_all(gate)
    shown = every[:most]
    criteria = tuple(c.criterion for c in gate.comparisons)
    tags = tuple(sorted({tag for case in shown for tag in case.tags}))
    tag_numbers = {tag: place for place, tag in enumerate(tags)}
    states = {
        "worse": _collect(criteria, {name: _list_cases(moves.get(name, ()), "worse") for name in criteria}),
        "better": _collect(criteria, {name: _list_cases(moves.get(name, ()), "better") for name in criteria}),
        "broken": _collect(criteria, _find_broken(gate)),
        "unstable": _collect(criteria, _find_unstable(gate)),
    }
    cases = [
        PageCase(
            id=f"g{number}c{place}",
            shown=case,
            tags=" ".join(str(tag_numbers[tag]) for tag in dict.fromkeys(case.tags)),
            **{state: found.get(case.case, "") for state, found in states.items()},
        )
        for place, case in enumerate(shown)
    ]
    return PageCases(
        groups=tuple(
            (case_selection.TITLES[kind], tuple(group)) for kind, group in groupby(cases, lambda case: case.shown.kind)
        ),
        tags=tags,
        criteria=criteria,
        ids={case.shown.case: case.id for case in cases},
        left=len(every) - len(shown),
    )


def _collect(criteria: Sequence[str], found: Mapping[str, Iterable[str]]) -> Mapping[str, str]:
    """Return the numbers of the criteria of each case that is found on one, as a text."""
    numbers: dict[str, list[str]] = {}
    for place, criterion in enumerate(criteria):
        for case in dict.fromkeys(found.get(criterion, ())):
            numbers.setdefault(case, []).append(str(place))
    return {case: " ".join(places) for case, places in numbers.items()}


def _list_cases(moves: Sequence[CaseMove], direction: str) -> list[str]:
    return [move.case for move in moves if move.direction == direction]


def _find_broken(gate: GateReport) -> Mapping[str, Collection[str]]:
    found: dict[str, set[str]] = {c.criterion: {*c.broken} for c in gate.comparisons}
    for check in gate.blocking:
        found.setdefault(check.criterion, set()).update(check.for_good)
    return found


def _find_unstable(gate: GateReport) -> Mapping[str, Collection[str]]:
    """Return the cases, by criterion, whose scores differ between the draws of one arm by 0.25 or more."""
    bounds: dict[tuple[str, str, str], tuple[float, float]] = {}
    for result in (*gate.evidence.results, *gate.evidence.confirmations):
        for criterion, value in result.values.items():
            if value is None:
                continue
            key = (criterion, result.case, result.arm)
            low, high = bounds.get(key, (value, value))
            bounds[key] = (min(low, value), max(high, value))
    found: dict[str, set[str]] = {c.criterion: {*c.suspects} for c in gate.comparisons}
    for (criterion, case, _), (low, high) in bounds.items():
        if high - low >= NOTABLE:
            found.setdefault(criterion, set()).add(case)
    for check in gate.blocking:
        found.setdefault(check.criterion, set()).update((*check.wavered, *check.open))
    return found
