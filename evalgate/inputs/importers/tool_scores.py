"""The results of other tools as rows of scores: cases paired over two files, criteria checked, values scaled."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from evalgate.domain import Arm, Json, ScoreRow
from evalgate.domain.case_ids import derive_case_id
from evalgate.domain.lists import name_some
from evalgate.domain.names import suggest_closest
from evalgate.domain.numbers import show_count
from evalgate.errors import Fault, InputError, Place
from evalgate.inputs.formats.nodes import raise_faults
from evalgate.inputs.importers.tool_results import ToolResults, ToolScore, ToolTest, fingerprint, simplify

_NAMED = 5
_OTHER_CONTENT = "its input or its expectation is another one in the baseline's file"
_EMPTY_ANSWER = "the answer is empty, so that a score above the lowest one says nothing of it"
_OTHER_SETTINGS = "it is measured with other settings in the baseline's file"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreChoice:
    """Which scores of other tools' files count, and how they become shares.

    `criteria` are those that count, all if it is empty. `scales` maps a criterion to the values that become 0 and 1.
    """

    criteria: tuple[str, ...] = ()
    scales: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolScores:
    """Scores of one or two arms. `excluded` are the cases to which a criterion does not apply; `notes` say how they
    were read.
    """

    rows: tuple[ScoreRow, ...]
    excluded: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """One arm: its results, and its tests by case and repeat."""

    arm: Arm
    results: ToolResults
    tests: Mapping[str, Mapping[int, ToolTest]]

    def first(self, case: str) -> ToolTest | None:
        """Return the first test of a case that has content."""
        found = self.tests.get(case, {})
        return next((test for test in found.values() if test.content), None)


def pair_results(results: Mapping[Arm, ToolResults], choice: ScoreChoice) -> ToolScores:
    """Return the scores of the arms, with the same case, criterion and scale in each.

    A case is known by the tool's own id where every test has one, else by the digest of what it asks and expects. A
    case whose content or settings differ between the files is unscored. Raises InputError: a criterion in one file
    only, or unknown; two tests with one id; a value outside of [0, 1] after the scale; a criterion whose lower values
    are better without a scale that turns it; other settings in all cases; no common case.
    """
    by_id = all(one.has_ids for one in results.values())
    sides = [
        _Side(arm=arm, results=one, tests=_group(one, by_id)) for arm, one in sorted(results.items(), reverse=True)
    ]
    names = _choose_criteria([side.results for side in sides], choice)
    _check_directions([side.results for side in sides], names, choice)
    compared = _pair_tests(sides)
    edited, otherwise = _compare_tests(compared, sides, names)
    excluded = {name: cases for name in names if (cases := _find_excluded(sides, name))}
    rows = tuple(
        row for side in sides for row in _list_rows(side, sides, names, choice, edited=edited, otherwise=otherwise)
    )
    _require_scores(rows, sides)
    return ToolScores(
        rows=rows,
        excluded=excluded,
        notes=(*_describe(sides, by_id, len(compared), len(edited)), *_describe_gaps(sides, edited, otherwise, choice)),
    )


def _group(results: ToolResults, by_id: bool) -> dict[str, dict[int, ToolTest]]:
    """Return the tests by case and repeat. Raises InputError for two tests that cannot be told apart."""
    found: dict[str, dict[int, ToolTest]] = {}
    signatures: dict[str, str] = {}
    for test in results.tests:
        if not by_id and not test.content and len(results.tests) > 1:
            message = "tests without inputs cannot be told apart"
            raise _refuse(results, message, "give each a name or a description of its own in the other tool")
        case = test.id if by_id and test.id is not None else derive_case_id(simplify(test.content))
        own = found.setdefault(case, {})
        number = len(own) if test.copy is None else test.copy
        if number in own:
            raise _refuse(results, f'two samples have the id "{case}" and the repeat {number}')
        own[number] = test
        if test.problem is None and not results.same_criteria:
            signature = fingerprint({name: score.settings for name, score in test.scores.items()})
            if signatures.setdefault(case, signature) != signature:
                raise _refuse(
                    results,
                    f'two tests ask and expect the same ("{case}"), and are measured differently',
                    "give each a name or a description of its own in the other tool",
                )
    return found


def _choose_criteria(results: Sequence[ToolResults], choice: ScoreChoice) -> tuple[str, ...]:
    known = tuple(dict.fromkeys(name for one in results for name in one.criteria))
    if not known:
        raise _refuse(results[0], "; ".join(("the file has no scores", *results[0].remarks)))
    for option, names in (("--criterion", choice.criteria), ("--scale", tuple(choice.scales))):
        for name in names:
            if name not in known:
                hint = suggest_closest(name, known, otherwise=f"the criteria are: {', '.join(known)}")
                raise InputError(f'{option}: no criterion is named "{name}"', hint=hint)
    wanted = tuple(name for name in known if not choice.criteria or name in choice.criteria)
    for name in choice.scales:
        if name not in wanted:
            raise InputError(f'--scale: "{name}" does not count: it is not among those of --criterion')
    faults = []
    for name in wanted:
        lacking = [one.path for one in results if name not in one.criteria]
        if lacking:
            message = f'the criterion "{name}" is not in this file, but in the other one'
            others = [each for each in wanted if all(each in one.criteria for one in results)]
            hint = "measure both with the same metrics"
            if others:
                hint += f", or choose those that both have: --criterion {shlex.quote(others[0])}"
            faults.append(Fault(message=message, place=Place(path=lacking[0]), hint=hint))
    raise_faults(faults, results[0].path)
    return wanted


def _check_directions(results: Sequence[ToolResults], names: Sequence[str], choice: ScoreChoice) -> None:
    """Refuse criteria whose scale does not agree with what the files show: whether a higher or a lower score passes."""
    for name in names:
        lower = [one for one in results if name in one.lower_is_better]
        higher = [one for one in results if name in one.higher_is_better]
        low, high = choice.scales.get(name, (0.0, 1.0))
        if lower and higher:
            both = lower[0] is higher[0]
            where = "" if both else f", and in {higher[0].path} above it"
            message = f'tests pass below the threshold of "{name}"{where or ", and others above it"}'
            raise _refuse(lower[0], message, "leave it out: choose the others by --criterion")
        if lower and low < high:
            turned = shlex.quote(f"{name}=1:0")
            message = f'a lower score of "{name}" is better: tests pass below its threshold'
            raise _refuse(lower[0], message, f"turn it: --scale {turned}")
        if higher and low > high:
            raise _refuse(higher[0], f'a higher score of "{name}" is better: the scale must not turn it')


def _pair_tests(sides: Sequence[_Side]) -> dict[str, tuple[ToolTest, ToolTest]]:
    """Return the first tests of the cases that are in both files with what they ask; nothing for one file."""
    if len(sides) < 2:
        return {}
    one, other = sides
    common = [case for case in one.tests if case in other.tests]
    if not common:
        hint = "evaluate both versions with the same tests"
        raise _refuse(one.results, f"no case of this file is in {other.results.path}", hint)
    firsts = {case: (one.first(case), other.first(case)) for case in common}
    return {case: (mine, theirs) for case, (mine, theirs) in firsts.items() if mine is not None and theirs is not None}


def _compare_tests(
    pairs: Mapping[str, tuple[ToolTest, ToolTest]], sides: Sequence[_Side], names: Sequence[str]
) -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
    """Return the cases with another content, and the pairs of case and criterion with other settings."""
    edited = frozenset(
        case for case, (one, other) in pairs.items() if fingerprint(one.content) != fingerprint(other.content)
    )
    otherwise = set()
    for name in names:
        both = [
            (case, one.scores[name].settings, other.scores[name].settings)
            for case, (one, other) in pairs.items()
            if case not in edited and name in one.scores and name in other.scores
        ]
        differing = [(case, mine, theirs) for case, mine, theirs in both if fingerprint(mine) != fingerprint(theirs)]
        if differing and len(differing) == len(both):
            _, mine, theirs = differing[0]
            message = f'"{name}" is measured with other settings in the two files: {_show(mine)} and {_show(theirs)}'
            raise _refuse(sides[0].results, message, "evaluate both versions with the same settings")
        otherwise |= {(case, name) for case, _, _ in differing}
    return edited, frozenset(otherwise)


def _find_excluded(sides: Sequence[_Side], name: str) -> tuple[str, ...]:
    """Return the cases to which a criterion does not apply: tests without a problem lack it, and none has it."""
    cases = dict.fromkeys(case for side in sides for case in side.tests)
    found = []
    for case in cases:
        tests = [(side, test) for side in sides for test in side.tests.get(case, {}).values()]
        has = any(name in test.scores for _, test in tests)
        knows = any(test.scores and not side.results.same_criteria for side, test in tests)
        if not has and knows:
            found.append(case)
    return tuple(found)


def _list_rows(
    side: _Side,
    sides: Sequence[_Side],
    names: Sequence[str],
    choice: ScoreChoice,
    *,
    edited: frozenset[str],
    otherwise: frozenset[tuple[str, str]],
) -> Iterable[ScoreRow]:
    faults: list[Fault] = []
    rows = []
    for case, tests in side.tests.items():
        applying = {name for each in sides for test in each.tests.get(case, {}).values() for name in test.scores}
        for number, test in tests.items():
            for name in names:
                score = test.scores.get(name)
                if score is None and test.problem is not None and (name in applying or not applying):
                    score = ToolScore(value=None, reason=test.problem)
                if score is None and side.results.same_criteria:
                    score = ToolScore(value=None, reason="the file has no score of it")
                if score is None:
                    continue
                unscored = _find_absence(case, name, score, edited, otherwise)
                value = float("nan")
                if unscored is None and score.value is not None:
                    value = _scale(name, score.value, choice)
                    if not 0 <= value <= 1:
                        faults.append(_refuse_value(name, case, score.value, choice, side.results))
                    if test.is_empty and value > 0:
                        unscored, value = _EMPTY_ANSWER, float("nan")
                rows.append(
                    ScoreRow(case=case, arm=side.arm, criterion=name, value=value, repeat=number, unscored=unscored)
                )
    raise_faults(_merge(faults), side.results.path)
    return rows


def _find_absence(
    case: str, name: str, score: ToolScore, edited: frozenset[str], otherwise: frozenset[tuple[str, str]]
) -> str | None:
    if case in edited:
        return _OTHER_CONTENT
    if (case, name) in otherwise:
        return _OTHER_SETTINGS
    return (score.reason or "the tool gave no score") if score.value is None else None


def _scale(name: str, value: float, choice: ScoreChoice) -> float:
    low, high = choice.scales.get(name, (0.0, 1.0))
    return (value - low) / (high - low) + 0.0  # never -0.0


def _refuse_value(name: str, case: str, value: float, choice: ScoreChoice, results: ToolResults) -> Fault:
    """Return the fault of a value that its scale does not bring into [0, 1]."""
    low, high = choice.scales.get(name, (0.0, 1.0))
    example = shlex.quote(f"{name}=1:5")
    given, hint = "[0, 1]", f"say which values are 0 and 1, as in --scale {example}"
    if name in choice.scales:
        given, hint = f"its scale {low!r}:{high!r}", "give the lowest and the highest value"
    message = f'"{name}" of case "{case}" is {value!r}, outside of {given}'
    return Fault(message=message, place=Place(path=results.path), hint=hint)


def _merge(faults: Sequence[Fault]) -> list[Fault]:
    """Return the first fault of each criterion: its other cases have the same reason."""
    first: dict[str, Fault] = {}
    for fault in faults:
        first.setdefault(fault.message.split('" of case')[0], fault)
    return list(first.values())


def _require_scores(rows: Sequence[ScoreRow], sides: Sequence[_Side]) -> None:
    if all(row.unscored is not None for row in rows):
        why = Counter(row.unscored for row in rows).most_common(1)
        raise _refuse(sides[0].results, f"no test has a score{f': {why[0][0]}' if why else ''}")


def _describe(sides: Sequence[_Side], by_id: bool, compared: int, edited: int) -> Iterable[str]:
    for side in sides:
        one = side.results
        yield f"{side.arm}: {one.tool}, {one.subject}: {show_count(len(one.tests), 'test')} in {one.path}"
    known = "the ids of the tool" if by_id else "the digests of what they ask and expect"
    if len(sides) < 2:
        yield f"cases are known by {known}"
        return
    common = sum(case in sides[1].tests for case in sides[0].tests)
    alone = len({case for side in sides for case in side.tests}) - common
    yield f"cases are known by {known}: {show_count(common, 'is', 'are')} in both files, {alone:,} in one only"
    if by_id:
        yield (
            f"of {show_count(compared, 'case')} whose inputs and expectations both files show, "
            f"{show_count(compared - edited, 'has', 'have')} the same"
        )


def _describe_gaps(
    sides: Sequence[_Side], edited: frozenset[str], otherwise: frozenset[tuple[str, str]], choice: ScoreChoice
) -> Iterable[str]:
    for side in sides:
        yield from side.results.remarks
    if edited:
        yield f"without a score, since {_OTHER_CONTENT}: {name_some(sorted(edited), _NAMED)}"
    cases = sorted({case for case, _ in otherwise})
    if cases:
        yield f"without a score, since {_OTHER_SETTINGS}: {name_some(cases, _NAMED)}"
    for name, (low, high) in choice.scales.items():
        yield f'"{name}" is scaled: {low:.6g} became 0, {high:.6g} became 1'


def _show(settings: Json) -> str:
    return json.dumps(simplify(settings), ensure_ascii=False)[:300]


def _refuse(results: ToolResults, message: str, hint: str | None = None) -> InputError:
    return InputError(message, place=Place(path=results.path), hint=hint)
