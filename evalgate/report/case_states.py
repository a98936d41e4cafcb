"""The state of each case of a gate, in agreement with its verdict: what a view of single tests shows.

A case fails only where it is a reason for a FAIL that blocks the change, and is undecided only where it is a reason why
the change is blocked without a proof. Everything else that does not hold is shown beside a case that does not fail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from evalgate.domain import Admission, Arm, Finding, GateReport, Result, Score, Unscored, Verdict

Blame = Literal["failure", "error"]
State = Literal["holds", "fails", "undecided", "tolerated", "unscored", "not run"]

HOLDS = 0.5
"""The least score with which a case holds on a check, as in `decide.statistics.CASE_PASSES`."""

_OPEN = "a run of all cases asks again, and decides whether it is broken"
_OF_ALL_CASES = frozenset({"max_drop", "min", "tag", "completeness"})
_STATES: Mapping[Blame, State] = {"failure": "fails", "error": "undecided"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseState:
    """A case with its state and the reasons for it, as raw sentences.

    "tolerated" is a case that does not hold, or is worse than with the baseline, without being a reason to block the
    change. "unscored" is one without a score for a criterion, "not run" one that the run did not need.
    """

    case: str
    state: State
    reasons: tuple[str, ...] = ()


def list_case_states(gate: GateReport) -> tuple[CaseState, ...]:
    """Return the states of all cases of a gate, in the order in which they were run."""
    return _list_states(gate, [(finding, find_state(gate, finding)) for finding in gate.findings])


def list_part_states(gate: GateReport) -> tuple[CaseState, ...]:
    """Return the states of the cases of a part of a gate. `gate` is the part, decided as if it were the whole.

    Only the findings on single cases count: a part has no mean that could be compared. A case that newly fails a
    blocking check is undecided, since a part draws no further samples.
    """
    blaming: list[tuple[Finding, Blame | None]] = []
    for finding in gate.findings:
        if finding.blocks and finding.kind not in _OF_ALL_CASES and finding.decision is not Verdict.PASS:
            blaming.append((finding, "failure" if finding.decision is Verdict.FAIL else "error"))
    turned = {case for check in gate.blocking for case in check.open}
    return tuple(
        replace(one, state="undecided", reasons=(*one.reasons, _OPEN))
        if one.state == "tolerated" and one.case in turned
        else one
        for one in _list_states(gate, blaming)
    )


def find_state(gate: GateReport, finding: Finding) -> Literal["failure", "error", "skipped"] | None:
    """Return what a finding makes of its cases; None for a PASS."""
    if finding.decision is Verdict.PASS:
        return None
    if not (finding.blocks and gate.exit_code.blocks):
        return "skipped"
    return "failure" if finding.decision is Verdict.FAIL and gate.exit_code is Admission.FAIL else "error"


def blame_cases(gate: GateReport) -> Mapping[tuple[str, str], Blame]:
    """Map pairs of case and criterion to the state that a blocking finding gives them; a failure before an error."""
    found: dict[tuple[str, str], Blame] = {}
    every = tuple(criterion.name for criterion in gate.evidence.criteria)
    for finding in gate.findings:
        state = find_state(gate, finding)
        if state not in ("failure", "error"):
            continue
        for case in finding.cases:
            criteria = (finding.criterion,) if finding.criterion else _list_turned(gate, case) or every
            for criterion in criteria:
                if found.get((case, criterion)) != "failure":
                    found[case, criterion] = state
    return found


def _list_turned(gate: GateReport, case: str) -> tuple[str, ...]:
    compared = [c.criterion for c in gate.comparisons if case in c.broken or case in c.suspects]
    return (*compared, *(check.criterion for check in gate.blocking if case in check.for_good or case in check.open))


def _list_states(
    gate: GateReport, found: Sequence[tuple[Finding, Blame | Literal["skipped"] | None]]
) -> tuple[CaseState, ...]:
    """Return the states that findings give to cases; a failure before an error."""
    blamed: dict[str, dict[Blame, list[str]]] = {}
    for finding, blame in found:
        if blame in ("failure", "error"):
            for case in finding.cases:
                blamed.setdefault(case, {}).setdefault(blame, []).append(f"{finding.decision}: {finding.sentence}")
    results: dict[str, list[Result]] = {}
    for result in gate.evidence.results:
        if result.arm is Arm.CANDIDATE:
            results.setdefault(result.case, []).append(result)
    order = gate.evidence.order or tuple(results)
    return tuple(_find_case_state(gate, case, results.get(case, []), blamed.get(case, {})) for case in order)


def _find_case_state(
    gate: GateReport, case: str, results: Sequence[Result], blamed: Mapping[Blame, Sequence[str]]
) -> CaseState:
    for blame, state in _STATES.items():
        if blame in blamed:
            return CaseState(case=case, state=state, reasons=tuple(blamed[blame]))
    if not results:
        return CaseState(case=case, state="not run", reasons=("the run did not need this case",))
    named = [c.criterion for c in gate.comparisons if case in (*c.regressed, *c.broken)]
    worse = [f"{name}: worse than with the baseline" for name in named]
    lacking: list[str] = []
    for criterion in gate.evidence.criteria:
        scores = [result.scores[criterion.name] for result in results if criterion.name in result.scores]
        lacking += [f"{criterion.name}: {one.reason}" for one in scores if isinstance(one, Unscored)][:1]
        fails = [one for one in scores if isinstance(one, Score) and one.value < HOLDS]
        if criterion.kind == "check" and fails and criterion.name not in named:
            worse.append(f"{criterion.name} fails: {fails[0].reason}" if fails[0].reason else f"{criterion.name} fails")
    if worse:
        return CaseState(case=case, state="tolerated", reasons=tuple(worse))
    if lacking:
        return CaseState(case=case, state="unscored", reasons=tuple(lacking))
    return CaseState(case=case, state="holds")
