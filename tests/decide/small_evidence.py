"""Evidence of a gate with one criterion, and the decision on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from evalgate.decide import policy
from evalgate.domain import (
    DEFAULT_LEVELS,
    Arm,
    ChangeLevel,
    Criterion,
    DatasetRef,
    Evidence,
    GateReport,
    Level,
    Output,
    Policy,
    Result,
    Score,
    Scored,
    Threshold,
    VersionRef,
)

RULES = Policy(levels=DEFAULT_LEVELS)


JUDGE = Criterion(name="faithfulness", kind="judge", blocking=False, digest="d")


CHECK = Criterion(name="is_json", kind="check", blocking=True, digest="d")


def result(case: int, arm: Arm, scores: Mapping[str, Scored], **fields: object) -> Result:
    values = {"outcome": Output(text="answer", seconds=1.0), "repeat": 0, "tags": (), **fields}
    return Result(case=f"case-{case:03}", arm=arm, scores=scores, **values)


def results(baseline: Sequence[float], candidate: Sequence[float], name: str = "faithfulness") -> list[Result]:
    both = ((Arm.BASELINE, baseline), (Arm.CANDIDATE, candidate))
    return [result(i, arm, {name: Score(value=value)}) for arm, values in both for i, value in enumerate(values)]


def evidence(
    found: Sequence[Result],
    *,
    criteria: tuple[Criterion, ...] = (JUDGE,),
    baseline: bool = True,
    cases: int | None = None,
) -> Evidence:
    version = VersionRef(name="support", version="1.0.0", digest="d", source="working tree")
    return Evidence(
        name="support",
        level=ChangeLevel(declared=Level.MINOR, minimum=Level.MINOR, effective=Level.MINOR),
        candidate=version,
        baseline=version if baseline else None,
        dataset=DatasetRef(
            path="cases.jsonl", digest="d", cases=len({r.case for r in found}) if cases is None else cases
        ),
        criteria=criteria,
        results=tuple(found),
    )


def decide(
    found: Sequence[Result],
    *,
    level: Level = Level.MINOR,
    thresholds: Mapping[str, Threshold] | None = None,
    rules: Policy = RULES,
    **fields: object,
) -> GateReport:
    return policy.decide(evidence(found, **fields), thresholds or {}, rules, rules.levels[level])


SAME = [0.75] * 80


NOISY = [0.0, 1.0] * 20


NOISY_BACK = [1.0, 0.0] * 20


SLIGHTLY_WORSE = [0.25] * 14 + [0.75] * 6 + [0.5] * 10  # -0.067, p = .048


PERHAPS_WORSE = [0.25] * 13 + [0.75] * 6 + [0.5] * 11  # -0.058, p = .07


NOT_SURELY_WORSE = [0.0] * 14 + [1.0] * 10 + [0.5] * 6  # -0.067, p = .21


MIDDLE = [0.5] * 30


def drawn(
    candidate: Mapping[int, Sequence[float]], baseline: Mapping[int, Sequence[float]] | None = None, *, cases: int = 30
) -> Evidence:
    """Draws of a blocking check by case: those of the run first, then fresh ones. Every other case holds."""
    found, fresh = [], []
    for case in range(cases):
        for arm, draws, own in ((Arm.CANDIDATE, candidate, 1), (Arm.BASELINE, baseline or {}, 3)):
            for repeat, value in enumerate(draws.get(case, [1.0] * own)):
                one = result(case, arm, {"is_json": Score(value=value)}, repeat=repeat)
                (found if repeat < own else fresh).append(one)
    return replace(evidence(found, criteria=(CHECK,)), confirmations=tuple(fresh), redraws=True)


def ruled(found: Evidence, level: Level = Level.PATCH) -> GateReport:
    return policy.decide(found, {}, RULES, RULES.levels[level])
