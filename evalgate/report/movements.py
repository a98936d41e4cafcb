"""How the score of each case moved from the baseline to the candidate, by criterion: worse, same or better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from evalgate.domain import Arm, Comparison, Evidence, GateReport
from evalgate.domain.numbers import NOTABLE

_SLACK = 1e-12

Direction = Literal["worse", "same", "better"]
ArmScores = Mapping[Arm, Sequence[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseMove:
    """The candidate's mean score of a case minus the baseline's, and what it is called.

    A case is worse or better if its score moved by 0.25 or more, or if it is broken or fixed.
    """

    case: str
    change: float
    direction: Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveCounts:
    """The numbers of cases of one criterion that got worse, stayed the same and got better."""

    worse: int
    same: int
    better: int

    def __str__(self) -> str:
        return f"{self.worse} worse, {self.same} same, {self.better} better"


def index_scores(evidence: Evidence) -> Mapping[str, Mapping[str, ArmScores]]:
    """Return the values of all scores, by criterion, case and arm, in the order of the results."""
    found: dict[str, dict[str, dict[Arm, list[float]]]] = {}
    for result in evidence.results:
        for criterion, value in result.values.items():
            if value is not None:
                of_case = found.setdefault(criterion, {}).setdefault(result.case, {})
                of_case.setdefault(result.arm, []).append(value)
    return found


def list_moves(gate: GateReport) -> Mapping[str, tuple[CaseMove, ...]]:
    """Return the moves of each compared criterion, the largest fall first. Cases without both scores have none."""
    scores = index_scores(gate.evidence)
    return {c.criterion: _list_moves(c, scores.get(c.criterion, {})) for c in gate.comparisons if c.difference}


def count_moves(moves: Sequence[CaseMove]) -> MoveCounts:
    """Return how many cases got worse, stayed the same and got better."""
    found = [move.direction for move in moves]
    return MoveCounts(worse=found.count("worse"), same=found.count("same"), better=found.count("better"))


def _list_moves(comparison: Comparison, scores: Mapping[str, ArmScores]) -> tuple[CaseMove, ...]:
    fallen = {*comparison.regressed, *comparison.broken}
    risen = {*comparison.improved, *comparison.fixed} - fallen
    without = {*comparison.left_out, *comparison.undecided} - fallen - risen
    moves = []
    for case, arms in scores.items():
        if case in without or len(arms) != 2:
            continue
        change = _mean(arms[Arm.CANDIDATE]) - _mean(arms[Arm.BASELINE])
        direction: Direction = "same"
        if case in fallen or (case not in risen and change <= _SLACK - NOTABLE):
            direction = "worse"
        elif case in risen or change >= NOTABLE - _SLACK:
            direction = "better"
        moves.append(CaseMove(case=case, change=change, direction=direction))
    return tuple(sorted(moves, key=lambda move: (move.change, move.case)))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
