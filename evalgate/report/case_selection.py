"""Select the cases that a report shows, and one sample of each arm for each of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

from evalgate.domain import (
    Arm,
    Criterion,
    Evidence,
    Failure,
    Finding,
    GateReport,
    InputField,
    Outcome,
    Output,
    ReportKind,
    Result,
    Score,
    Scored,
    Unscored,
    Verdict,
)
from evalgate.domain.numbers import show

Kind = Literal["regressed", "failing", "undecided", "improved", "other"]
ONLY_SCORES = "(only scores were given)"
"""The output of a sample of which another tool gave the scores alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One criterion's score on the shown sample, in a word or number, with its reason."""

    criterion: str
    score: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One arm of a case: the sample that is shown (`number` of `samples`), its text and its scores.

    `calls` are the tool calls beside the text, one a line; empty without any.
    """

    arm: Arm
    number: int
    samples: int
    text: str
    calls: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCase:
    """One case with its input and both its sides.

    `criteria` are those it is shown for, `broken` those of them it is broken on. `inputs` are the fields that the
    prompt uses; empty for imported scores, which come without.
    """

    case: str
    tags: tuple[str, ...]
    kind: Kind
    criteria: tuple[str, ...]
    broken: frozenset[str]
    inputs: tuple[InputField, ...]
    baseline: Side | None
    candidate: Side | None

    @property
    def sides(self) -> tuple[Side, ...]:
        """The arms that were run, the baseline first."""
        return tuple(side for side in (self.baseline, self.candidate) if side is not None)

    @property
    def calls(self) -> tuple[str, ...]:
        """The tool calls of each side, for a row of their own; empty if no side has any."""
        found = tuple(side.calls for side in self.sides)
        return tuple(each or "(no tool call)" for each in found) if any(found) else ()


def explain(case: ShownCase) -> tuple[tuple[str, str], ...]:
    """Return the criteria that a case is shown for, each with "broken" if the case is broken on it, else ""."""
    return tuple((criterion, "broken" if criterion in case.broken else "") for criterion in case.criteria)


TITLES: Mapping[str, str] = {
    "regressed": "Regressed cases",
    "failing": "Cases that do not hold",
    "undecided": "Undecided cases",
    "improved": "Improved cases",
    "other": "Other cases",
}


def name_kind(side: Side) -> str:
    """Return the heading of one side: its arm, and the number of the sample shown."""
    return f"{side.arm}, sample {side.number} of {side.samples}" if side.samples > 1 else str(side.arm)


def select_cases(gate: GateReport) -> tuple[ShownCase, ...]:
    """Return the cases to show: regressed cases, then failing, then undecided ones.

    Within each kind, cases of blocking findings come first, and proven findings come before undecided ones. Broken
    critical cases come before all others of these.
    """
    fallen: dict[str, list[str]] = {}
    failing: dict[str, list[str]] = {}
    undecided: dict[str, list[str]] = {}
    got_worse = {c.criterion: frozenset(c.regressed) for c in gate.comparisons}
    for finding in sorted(gate.findings, key=_rank):
        if finding.decision is Verdict.PASS:
            continue
        proven = finding.kind == "max_drop" or (finding.kind == "broken" and finding.decision is Verdict.FAIL)
        for case in finding.cases:
            for criterion in (finding.criterion,) if finding.criterion else _list_turned(gate, case) or (finding.kind,):
                into = fallen if proven or case in got_worse.get(criterion, ()) else failing
                _add(undecided if finding.kind == "completeness" else into, case, criterion)
    for comparison in gate.comparisons:  # for a PASS, too: the footer names broken cases, so they are shown
        for case in comparison.broken:
            _add(fallen, case, comparison.criterion)
    for comparison in gate.comparisons:
        for case in comparison.regressed:
            _add(fallen, case, comparison.criterion)
    results = _index_by_case(gate.evidence.results)
    return (
        *(_make_case(gate, case, "regressed", why, results) for case, why in fallen.items()),
        *(_make_case(gate, case, "failing", why, results) for case, why in failing.items() if case not in fallen),
        *(
            _make_case(gate, case, "undecided", why, results)
            for case, why in undecided.items()
            if case not in fallen and case not in failing
        ),
    )


def select_all(gate: GateReport) -> tuple[ShownCase, ...]:
    """Return all cases that have a result: those of `select_cases`, then improved ones, then all others."""
    first = select_cases(gate)
    results = _index_by_case(gate.evidence.results)
    known = {case.case for case in first}
    risen: dict[str, list[str]] = {}
    for comparison in gate.comparisons:
        for case in (*comparison.fixed, *comparison.improved):
            _add(risen, case, comparison.criterion)
    improved = [case for case in list_improved(gate) if case not in known]
    known |= set(improved)
    others = [case for case in results if case not in known]
    return (
        *first,
        *(_make_case(gate, case, "improved", risen[case], results) for case in improved),
        *(_make_case(gate, case, "other", (), results) for case in others),
    )


def list_improved(gate: GateReport) -> tuple[str, ...]:
    """Return the cases whose score rose by 0.25 or more, or that are fixed, and that got worse on no criterion.

    The largest rise of each criterion comes first.
    """
    risen = dict.fromkeys(case for c in gate.comparisons for case in (*c.fixed, *c.improved))
    fallen = {case for c in gate.comparisons for case in (*c.regressed, *c.broken)}
    return tuple(case for case in risen if case not in fallen)


def _rank(finding: Finding) -> tuple[bool, bool, bool]:
    """Return the place of a finding. That on broken cases of a critical tag belongs to no single criterion."""
    is_critical = finding.kind == "broken" and finding.criterion is None
    return not finding.blocks, finding.decision is not Verdict.FAIL, not is_critical


def _list_turned(gate: GateReport, case: str) -> tuple[str, ...]:
    """Return the criteria on which a case is broken, may be broken, or fails in every draw."""
    compared = [c.criterion for c in gate.comparisons if case in c.broken or case in c.suspects]
    checks = [check.criterion for check in gate.blocking if case in check.for_good or case in check.open]
    return tuple(dict.fromkeys((*compared, *checks)))


def _add(into: dict[str, list[str]], case: str, criterion: str) -> None:
    why = into.setdefault(case, [])
    if criterion not in why:
        why.append(criterion)


def _index_by_case(results: Sequence[Result]) -> Mapping[str, Mapping[Arm, list[Result]]]:
    found: dict[str, dict[Arm, list[Result]]] = {}
    for result in results:
        found.setdefault(result.case, {}).setdefault(result.arm, []).append(result)
    return found


def _make_case(
    gate: GateReport,
    case: str,
    kind: Kind,
    why: Sequence[str],
    results: Mapping[str, Mapping[Arm, list[Result]]],
) -> ShownCase:
    arms = results.get(case, {})
    # The candidate's worst sample against the baseline's best one shows a regression, and the other way round an
    # improvement; elsewhere both show their worst.
    best = {"regressed": Arm.BASELINE, "improved": Arm.CANDIDATE}.get(kind)
    chosen = {arm: _choose_sample(samples, why, best=arm is best) for arm, samples in arms.items()}
    asked = [c for c in gate.evidence.criteria if case not in c.excluded]
    listed = [c for c in asked if c.name in why or _is_telling(c, chosen.values())]
    sides = {arm: _make_side(result, arms[arm], listed) for arm, result in chosen.items()}
    return ShownCase(
        case=case,
        tags=next((result.tags for result in chosen.values()), ()),
        kind=kind,
        criteria=tuple(why),
        broken=frozenset(c.criterion for c in gate.comparisons if case in c.broken),
        inputs=() if kind == "other" and case not in gate.evidence.inputs else _find_input(gate.evidence, case),
        baseline=sides.get(Arm.BASELINE),
        candidate=sides.get(Arm.CANDIDATE),
    )


def _find_input(evidence: Evidence, case: str) -> tuple[InputField, ...]:
    """Return the input of a case; where a report has none, as those of earlier versions, a field that says so."""
    if evidence.kind is ReportKind.SCORES:
        return ()
    return evidence.inputs.get(case, (InputField(name="input", text="(not in this report)"),))


def _choose_sample(samples: Sequence[Result], why: Sequence[str], *, best: bool) -> Result:
    def worth(result: Result) -> float:
        values = [result.values.get(criterion) for criterion in why]
        # Unscored sorts below every score, so that an undecided case shows the sample without a score.
        return sum(-1.0 if value is None else value for value in values)

    return max(samples, key=worth) if best else min(samples, key=worth)


def _is_telling(criterion: Criterion, results: Iterable[Result]) -> bool:
    """Return whether a criterion's scores are shown: a judge's always, a check's unless it holds on both sides."""
    values = [result.values[criterion.name] for result in results if criterion.name in result.values]
    return any(criterion.kind == "judge" or value != 1.0 for value in values)


def _make_side(result: Result, samples: Sequence[Result], criteria: Sequence[Criterion]) -> Side:
    outcome, scores = result.outcome, result.scores  # each access of a stored result reads it again
    return Side(
        arm=result.arm,
        number=1 + samples.index(result),
        samples=len(samples),
        text=_read_text(outcome),
        calls=_list_calls(outcome),
        marks=tuple(_make_mark(criterion, scores) for criterion in criteria),
    )


def _make_mark(criterion: Criterion, scores: Mapping[str, Scored]) -> Mark:
    score = scores.get(criterion.name, Unscored(reason="not asked"))
    match score:
        case Score(value=value, reason=reason):
            word = {0.0: "fails", 1.0: "holds"}.get(value) if criterion.kind == "check" else None
            return Mark(criterion=criterion.name, score=word or show(value), reason=reason)
        case Unscored(reason=reason):
            return Mark(criterion=criterion.name, score="unscored", reason=reason)
        case _:
            assert_never(score)


def _read_text(outcome: Outcome | None) -> str:
    match outcome:
        case None:
            return ONLY_SCORES
        case Output(text=text):
            return text or "(empty output)"
        case Failure(kind=kind, message=message):
            return f"(no output; {kind}: {message})"
        case _:
            assert_never(outcome)


def _list_calls(outcome: Outcome | None) -> str:
    if not isinstance(outcome, Output):
        return ""
    return "\n".join(f"{call.name or '(no name)'}({call.arguments})" for call in outcome.calls_beside_text)
