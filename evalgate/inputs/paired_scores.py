"""Reader of two sets of scores in Python, of the baseline and of the candidate, which must be of the same cases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from evalgate.domain import Arm, ScoreRow
from evalgate.domain.lists import name_some
from evalgate.errors import Fault, FaultCollector, InputError, Place
from evalgate.inputs import score_rows
from evalgate.inputs.formats import dataframe
from evalgate.inputs.formats.rows import number_rows

_SOURCES = {Arm.BASELINE: "baseline_scores", Arm.CANDIDATE: "candidate_scores"}
_FORMS = "a mapping of case ids to scores, a sequence of scores, or a DataFrame with the columns case and value"
_NAMED = 5


def read_pair(baseline: object, candidate: object, criterion: str) -> tuple[ScoreRow, ...]:
    """Read the scores of both arms. `criterion` is the name of scores that come without one.

    Each argument is a mapping of case ids to a score or to a list of scores (repeats), a sequence of scores (the n-th
    is that of case n), a Series with the ids as index, or a DataFrame or mappings with `case`, `value`, and optionally
    `criterion`, `repeat`, `tag` and `cluster`.

    Raises InputError with all faults: NaN, None, a value off the scale, no scores, and a case that only one arm has.
    """
    collector = FaultCollector()
    given = {Arm.BASELINE: baseline, Arm.CANDIDATE: candidate}
    read = {arm: collector.take(partial(_read, scores, arm, criterion)) for arm, scores in given.items()}
    if collector.faults:
        raise collector.error()
    rows = {arm: found or () for arm, found in read.items()}
    for arm, other in ((Arm.BASELINE, Arm.CANDIDATE), (Arm.CANDIDATE, Arm.BASELINE)):
        have = {(row.case, row.criterion) for row in rows[other]}
        missing = dict.fromkeys(row.case for row in rows[arm] if (row.case, row.criterion) not in have)
        if missing:
            place = Place(path=_SOURCES[other])
            message = f"no score of {name_some(list(missing), _NAMED)}, which {_SOURCES[arm]} has"
            collector.faults.append(Fault(message=message, place=place))
    if collector.faults:
        raise collector.error()
    return (*rows[Arm.BASELINE], *rows[Arm.CANDIDATE])


def _read(given: object, arm: Arm, criterion: str) -> tuple[ScoreRow, ...]:
    source = _SOURCES[arm]
    if dataframe.is_frame(given):
        return _read_rows(dict(dataframe.list_rows(given, source)), arm, criterion)
    if isinstance(given, Mapping):
        return _read_values(given.items(), arm, criterion)
    if hasattr(given, "index") and hasattr(given, "items"):  # a Series
        return _read_values(given.items(), arm, criterion)
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise InputError(f"{source} must be {_FORMS}, not {type(given).__name__}")
    found = list(given)
    if found and all(isinstance(one, Mapping) for one in found):
        return _read_rows(dict(enumerate(found, start=1)), arm, criterion)
    return _read_values(((str(number), value) for number, value in enumerate(found, start=1)), arm, criterion)


def _read_rows(numbered: Mapping[int, Mapping[Any, Any]], arm: Arm, criterion: str) -> tuple[ScoreRow, ...]:
    source = _SOURCES[arm]
    named = {number: {"criterion": criterion, **row, "arm": str(arm)} for number, row in numbered.items()}
    return score_rows.read_scores(number_rows(named, source), source)


def _read_values(values: Iterable[tuple[Any, Any]], arm: Arm, criterion: str) -> tuple[ScoreRow, ...]:
    source, faults, seen = _SOURCES[arm], list[Fault](), set[str]()
    rows = []
    for id, given in values:
        case, value = str(id), dataframe.simplify(given)
        if case in seen:
            faults.append(Fault(message=f'a second score of case "{case}"', place=Place(path=source)))
        seen.add(case)
        repeats = value if isinstance(value, list | tuple) else [value]
        if not repeats:
            faults.append(Fault(message=f'case "{case}" has no score', place=Place(path=source)))
        for repeat, one in enumerate(repeats):
            if not _is_score(one):
                shown = "NaN or None" if one is None or one != one else repr(one)[:40]  # noqa: PLR0124
                message = f'the score of case "{case}" must be a number in [0, 1], not {shown}'
                faults.append(Fault(message=message, place=Place(path=source)))
                continue
            rows.append(ScoreRow(case=case, arm=arm, criterion=criterion, value=float(one), repeat=repeat))
    if not seen:
        faults.append(Fault(message="has no scores", place=Place(path=source)))
    if faults:
        raise InputError(faults=faults)
    return tuple(rows)


def _is_score(value: object) -> bool:
    return isinstance(value, bool | int | float) and 0 <= value <= 1
