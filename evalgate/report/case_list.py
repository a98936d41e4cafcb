"""The cases of a report that are worth a look: broken, worse, failing, unstable or without a score."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal, TypeAlias

from evalgate.domain import Arm, GateReport, Json, ReportKind, Result, Score
from evalgate.domain.numbers import show, show_count

Group: TypeAlias = Literal["broken", "worse", "failing", "unstable", "unscored", "other"]

TITLES: Mapping[Group, str] = {
    "broken": "Broken: every sample of the baseline passes, none of the candidate",
    "worse": "Worse: the mean score fell by 0.25 or more, the largest fall first",
    "failing": "Failing in both versions, or without a baseline to compare with",
    "unstable": "Unstable: samples of one version disagree",
    "unscored": "Unscored: a score is missing",
    "other": "Other cases",
}
_FALL = 0.25
_PASSES = 0.5
_SLACK = 1e-9

_Scores: TypeAlias = Mapping[Arm, Sequence[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedCase:
    """A case with the group that it is listed in, and a reason for each criterion that puts it there."""

    case: str
    group: Group
    why: tuple[str, ...]


def list_cases(gate: GateReport) -> tuple[ListedCase, ...]:
    """Return the cases to look at, each in the first group that it belongs to; of a part of the cases all of them."""
    results: dict[str, list[Result]] = defaultdict(list)
    fresh: dict[str, list[Result]] = defaultdict(list)
    for draws, into in ((gate.evidence.results, results), (gate.evidence.confirmations, fresh)):
        for result in draws:
            into[result.case].append(result)
    order = gate.evidence.order or results
    found = [_list_case(gate, case, results[case], fresh[case]) for case in order if case in results]
    is_part = gate.evidence.kind is ReportKind.PART
    kept = [(fall, one) for fall, one in found if is_part or one.group != "other"]
    places = {group: place for place, group in enumerate(TITLES)}
    kept.sort(key=lambda pair: (places[pair[1].group], -pair[0]))
    return tuple(one for _, one in kept)


def as_json(cases: Sequence[ListedCase]) -> list[Json]:
    """Return a list of cases as plain data."""
    return [{"case": one.case, "group": one.group, "why": list(one.why)} for one in cases]


def _list_case(
    gate: GateReport, case: str, results: Sequence[Result], fresh: Sequence[Result]
) -> tuple[float, ListedCase]:
    """Return the largest fall of a mean, by which cases are sorted, and the case; fresh draws are in no mean."""
    scores = {criterion: _collect(criterion, results) for criterion in _list_criteria(gate, case)}
    every = {criterion: _collect(criterion, (*results, *fresh)) for criterion in scores}
    falls = {name: fall for name, arms in scores.items() if (fall := _measure_fall(arms)) >= _FALL - _SLACK}
    why: dict[Group, tuple[str, ...]] = {
        "broken": tuple(_tell_scores(name, scores.get(name, {})) for name in _list_broken(gate, case)),
        "worse": tuple(_tell_scores(name, scores[name]) for name in falls),
        "failing": tuple(_tell_scores(name, scores[name]) for name, arms in every.items() if _fails(arms)),
        "unstable": tuple(chain.from_iterable(_tell_unstable(name, arms) for name, arms in every.items())),
        "unscored": _list_missing(gate, case, (*results, *fresh)),
        "other": tuple(_tell_scores(name, arms) for name, arms in scores.items()),
    }
    group: Group = next((group for group, reasons in why.items() if reasons), "other")
    return max(falls.values(), default=0.0), ListedCase(case=case, group=group, why=why[group])


def _list_criteria(gate: GateReport, case: str) -> list[str]:
    return [one.name for one in gate.evidence.criteria if case not in one.excluded]


def _collect(criterion: str, results: Sequence[Result]) -> dict[Arm, list[float]]:
    found: dict[Arm, list[float]] = defaultdict(list)
    for result in results:
        score = result.scores.get(criterion)
        if isinstance(score, Score):
            found[result.arm].append(score.value)
    return found


def _list_broken(gate: GateReport, case: str) -> tuple[str, ...]:
    compared = [one.criterion for one in gate.comparisons if case in one.broken]
    checks = [one.criterion for one in gate.blocking if case in one.for_good]
    return tuple(dict.fromkeys((*compared, *checks)))


def _measure_fall(arms: _Scores) -> float:
    candidate, baseline = arms.get(Arm.CANDIDATE), arms.get(Arm.BASELINE)
    return _mean(baseline) - _mean(candidate) if candidate and baseline else 0.0


def _fails(arms: _Scores) -> bool:
    candidate = arms.get(Arm.CANDIDATE)
    return bool(candidate) and max(candidate or ()) < _PASSES


def _tell_unstable(name: str, arms: _Scores) -> Iterator[str]:
    for arm, values in arms.items():
        passed = sum(value >= _PASSES for value in values)
        if 0 < passed < len(values):
            yield (
                f"{name}: {passed} of {show_count(len(values), 'sample')} of the {arm} "
                f"{'passes' if passed == 1 else 'pass'}"
            )


def _list_missing(gate: GateReport, case: str, results: Sequence[Result]) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for name in _list_criteria(gate, case):
        for result in results:
            score = result.scores.get(name)
            if score is not None and not isinstance(score, Score):
                found.setdefault(name, f"{name}, {result.arm}: {score.reason}")
    return tuple(found.values())


def _tell_scores(name: str, arms: _Scores) -> str:
    shown = [show(_mean(values)) if (values := arms.get(arm)) else "none" for arm in (Arm.BASELINE, Arm.CANDIDATE)]
    return f"{name} {' -> '.join(shown)}" if Arm.BASELINE in arms else f"{name} {shown[1]}"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
