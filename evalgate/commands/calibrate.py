"""`calibrate`: compare a report's judges with human labels, and a judge's anchor scores then and now."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from evalgate.decide import calibration
from evalgate.decide.calibration import LEVEL, MIN_LABELS, Agreement, Corrected, Drift
from evalgate.decide.relation import Relation
from evalgate.decide.roles import assign_roles
from evalgate.decide.schedule import has_too_many_lost
from evalgate.domain import Arm, GateReport, Report, Result, ScoreRow, Threshold, Verdict
from evalgate.domain.lists import name_some
from evalgate.domain.names import suggest_closest
from evalgate.domain.numbers import show_count
from evalgate.domain.units import number_units
from evalgate.errors import Fault, InputError, Place

__all__ = [
    "LEVEL",
    "MIN_LABELS",
    "Agreement",
    "Calibrated",
    "Corrected",
    "Drift",
    "Relation",
    "compare_anchors",
    "compare_labels",
]

_NAMED = 5
_SEED = 20_260
"""Seed of the permutations that test a relation, so that the same labels always give the same result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """One judge compared with the labels of its criterion.

    `left_out` counts labels of outputs without a score of the judge. With a `floor`, `decision` is PASS or FAIL if the
    candidate's mean, as humans would score it, is proven above or below it. `corrected` is None with too few labels.
    Where more outputs lack a score than the gate's policy allows, neither the agreement nor the floor is shown.
    """

    gate: str
    criterion: str
    agreement: Agreement
    warnings: tuple[str, ...]
    left_out: int
    floor: float | None
    corrected: Corrected | None
    decision: Verdict | None


def compare_labels(
    report: Report, rows: Sequence[ScoreRow], path: str, *, floors: Mapping[str, float], points: int = 5
) -> tuple[Calibrated, ...]:
    """Compare each labelled criterion of the report. `floors` override the thresholds; `points` is the judges' scale.

    A label belongs to one output: case, arm and repeat. Labels of one case, regardless of repeat and arm, count once;
    so do labels of cases that count as one (a cluster, equal requests). Raises InputError, with all faults, for a
    label of an output that is not in the report, and for a criterion with fewer than two usable labels.
    """
    owners = _find_owners(report, rows, path)
    for name in floors:
        if name not in owners:
            raise InputError(f'--min: no label is about "{name}"', hint=f"the labels are about: {', '.join(owners)}")
    _refuse_unknown_outputs(owners, rows, path)
    return tuple(
        _calibrate_criterion(gate, [row for row in rows if row.criterion == name], path, floors=floors, points=points)
        for name, gate in owners.items()
    )


def compare_anchors(
    before: Sequence[ScoreRow], now: Sequence[ScoreRow], *, before_path: str, now_path: str
) -> dict[str, Drift]:
    """Measure the drift of each criterion between two scorings of the same anchors.

    Repeats of an anchor are averaged first, and so are anchors of one cluster, which either file may name. Raises
    InputError for an anchor that only one of the files scores, and for fewer than 20 anchors of a criterion.
    """
    means = (_average_scores(before), _average_scores(now))
    faults = [
        Fault(message=f'the anchor "{case}" ({arm}) has no score for "{criterion}"', place=Place(path=path))
        for one, other, path in ((means[0], means[1], now_path), (means[1], means[0], before_path))
        for criterion, arm, case in one
        if (criterion, arm, case) not in other
    ]
    if faults:
        raise _make_error(faults)
    found = {}
    names = tuple(dict.fromkeys(map(_name_anchor, before)))
    clusters = [{_name_anchor(row): row.cluster for row in rows if row.cluster is not None} for rows in (before, now)]
    unit_of = dict(zip(names, number_units(names, *clusters), strict=True))
    for criterion in dict.fromkeys(row.criterion for row in before):
        keys = [key for key in means[0] if key[0] == criterion]
        try:
            found[criterion] = calibration.measure_drift(
                [means[0][key] for key in keys],
                [means[1][key] for key in keys],
                units=[unit_of[f"{arm} {case}"] for _, arm, case in keys],
            )
        except ValueError as error:
            raise InputError(f'"{criterion}": {error}', place=Place(path=before_path)) from None
    return found


def _find_owners(report: Report, rows: Sequence[ScoreRow], path: str) -> dict[str, GateReport]:
    """Return the gate of each labelled criterion."""
    owners: dict[str, GateReport] = {}
    faults = []
    known = sorted({c.name for gate in report.gates for c in gate.evidence.criteria})
    for row in rows:
        if row.criterion in owners:
            continue
        gates = [gate for gate in report.gates if any(c.name == row.criterion for c in gate.evidence.criteria)]
        if len(gates) == 1:
            owners[row.criterion] = gates[0]
            continue
        message = f'the report has no criterion "{row.criterion}"'
        hint = suggest_closest(row.criterion, known, otherwise=f"the criteria are: {', '.join(known)}")
        if gates:
            message = f'{len(gates)} gates of the report have a criterion "{row.criterion}"'
            hint = f"name one: --gate {gates[0].evidence.name}"
        faults.append(Fault(message=message, place=Place(path=path, line=row.line), hint=hint))
    if faults:
        raise _make_error(faults)
    return owners


def _refuse_unknown_outputs(owners: Mapping[str, GateReport], rows: Sequence[ScoreRow], path: str) -> None:
    known = {id(gate): set(_index_results(gate)) for gate in owners.values()}
    faults = [
        Fault(
            message=f'the report has no output of case "{row.case}", {row.arm}, repeat {row.repeat}',
            place=Place(path=path, line=row.line),
        )
        for row in rows
        if (row.case, row.arm, row.repeat) not in known[id(owners[row.criterion])]
    ]
    if faults:
        raise _make_error(faults)


def _calibrate_criterion(
    gate: GateReport, rows: Sequence[ScoreRow], path: str, *, floors: Mapping[str, float], points: int
) -> Calibrated:
    name = rows[0].criterion
    results = _index_results(gate)
    pairs = []
    for row in rows:
        value = results[row.case, row.arm, row.repeat].values.get(name)
        if value is not None:
            pairs.append((row, value))
    if len(pairs) < 2:
        raise InputError(
            f'"{name}" has {show_count(len(pairs), "label")} of outputs that were scored', place=Place(path=path)
        )
    import numpy as np

    unit_of = _number_units(gate, {row.case: row.cluster for row, _ in pairs if row.cluster is not None})
    agreement = calibration.measure_agreement(
        [row.value for row, _ in pairs],
        [value for _, value in pairs],
        points=points,
        units=[unit_of[row.case] for row, _ in pairs],
        rng=np.random.default_rng(_SEED),
    )
    labelled = {(row.case, row.arm, row.repeat) for row in rows}
    unscored = _warn_of_unscored("labelled cases", [results[key] for key in labelled], gate, name)
    if unscored and agreement.standing == "shown":  # the agreement on unscored outputs is unknown
        agreement = replace(agreement, standing="open")
    threshold = gate.thresholds.get(name, Threshold())
    warnings = (*calibration.find_warnings(agreement, threshold.max_drop or gate.policy.max_drop), *unscored)
    floor = floors.get(name, threshold.minimum)
    corrected = None if floor is None else _correct_mean(gate, name, pairs, unit_of)
    decision = None
    if floor is not None:
        own = [result for result in gate.evidence.results if result.arm is Arm.CANDIDATE]
        unscored = _warn_of_unscored("cases of the candidate", own, gate, name)
        warnings += unscored
        decision = _decide_floor(corrected, floor, is_whole=not unscored)
    return Calibrated(
        gate=gate.evidence.name,
        criterion=name,
        agreement=agreement,
        warnings=warnings,
        left_out=len(rows) - len(pairs),
        floor=floor,
        corrected=corrected,
        decision=decision,
    )


def _decide_floor(corrected: Corrected | None, floor: float, *, is_whole: bool) -> Verdict:
    """On which side of a floor the mean is proven to lie; above it only where the outputs have their scores."""
    if corrected is not None and corrected.low >= floor and is_whole:
        return Verdict.PASS
    return Verdict.FAIL if corrected is not None and corrected.high < floor else Verdict.INCONCLUSIVE


def _warn_of_unscored(what: str, results: Collection[Result], gate: GateReport, criterion: str) -> tuple[str, ...]:
    """Return a warning if more cases lack a score than the policy allows: the judge may have skipped the bad ones.

    Outputs that a judge is not asked about lack none: those that fail a blocking check, and those of cases that come
    after an early stop.
    """
    evidence = gate.evidence
    has_baseline = evidence.baseline is not None
    roles = assign_roles(evidence.criteria, gate.thresholds, gate.policy, with_baseline=has_baseline)
    lost = {
        result.case
        for result in results
        if result.failure == "infrastructure"
        or (
            (criterion in result.scores or not evidence.sequential)
            and roles.is_unscored(criterion, result.values, result.case)
        )
    }
    cases = {result.case for result in results}
    if not has_too_many_lost(len(lost), len(cases), gate.policy):
        return ()
    return (f"{len(lost)} of {len(cases)} {what} lack a score ({name_some(sorted(lost), _NAMED)}): nothing is shown",)


def _correct_mean(
    gate: GateReport, criterion: str, pairs: Sequence[tuple[ScoreRow, float]], unit_of: Mapping[str, int]
) -> Corrected | None:
    """Return the candidate's mean corrected by labels of its outputs; labels of one unit are averaged first."""
    human: dict[int, list[float]] = {}
    judge: dict[int, list[float]] = {}
    for row, value in pairs:
        if row.arm is Arm.CANDIDATE:
            human.setdefault(unit_of[row.case], []).append(row.value)
            judge.setdefault(unit_of[row.case], []).append(value)
    if len(human) < MIN_LABELS:
        return None
    rest: dict[int, list[float]] = {}
    for result in gate.evidence.results:
        scored = result.values.get(criterion)
        if result.arm is Arm.CANDIDATE and unit_of[result.case] not in human and scored is not None:
            rest.setdefault(unit_of[result.case], []).append(scored)
    means = [[_average(scores) for scores in side.values()] for side in (rest, human, judge)]
    return calibration.correct_mean(*means, level=gate.policy.alpha)


def _number_units(gate: GateReport, clusters: Mapping[str, str]) -> dict[str, int]:
    """Return the number of each case's independent unit, also taking the `clusters` of the labels into account."""
    cases = tuple(dict.fromkeys(result.case for result in gate.evidence.results))
    return dict(zip(cases, number_units(cases, gate.evidence.clusters, gate.evidence.requests, clusters), strict=True))


def _index_results(gate: GateReport) -> dict[tuple[str, Arm, int], Result]:
    return {(result.case, result.arm, result.repeat): result for result in gate.evidence.results}


def _name_anchor(row: ScoreRow) -> str:
    return f"{row.arm} {row.case}"


def _average_scores(rows: Sequence[ScoreRow]) -> dict[tuple[str, Arm, str], float]:
    grouped: dict[tuple[str, Arm, str], list[float]] = {}
    for row in rows:
        grouped.setdefault((row.criterion, row.arm, row.case), []).append(row.value)
    return {key: _average(values) for key, values in grouped.items()}


def _average(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _make_error(faults: Sequence[Fault]) -> InputError:
    """Make an error of the first faults of one kind and the number of the others."""
    rest = len(faults) - _NAMED
    return InputError(faults=[*faults[:_NAMED], *([Fault(message=f"and {rest} more like these")] if rest > 0 else [])])
