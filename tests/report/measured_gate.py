"""A gate of one check and one judge, decided from given scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from evalgate.decide import policy
from evalgate.domain import (
    ANSWERED,
    DEFAULT_LEVELS,
    Arm,
    Criterion,
    DatasetRef,
    Evidence,
    GateReport,
    Level,
    Output,
    Policy,
    Result,
    Score,
    Threshold,
    Unscored,
    VersionRef,
)

CHECK = Criterion(name="polite", kind="check", blocking=True, digest="a")


JUDGE = Criterion(name="quality", kind="judge", blocking=False, digest="b")


IMPLICIT = Criterion(name=ANSWERED, kind="check", blocking=True, digest="c")


Scores = Mapping[str, float | None]


def result(place: int, arm: Arm, repeat: int, scores: Scores) -> Result:
    """One result; a score of None is one that was looked for and is missing."""
    rated = {
        name: Unscored(reason="not asked") if value is None else Score(value=value) for name, value in scores.items()
    }
    text = f"{arm} {place} {repeat}"
    return Result(case=f"c{place:03}", arm=arm, repeat=repeat, tags=(), outcome=Output(text=text), scores=rated)


def decided(
    cases: int,
    candidate: Callable[[int], Scores],
    baseline: Callable[[int], Scores],
    *,
    samples: int = 3,
    margin: float = 0.05,
    criteria: Sequence[Criterion] = (CHECK, JUDGE, IMPLICIT),
    changed: Callable[[Result], Result] = lambda one: one,
    **evidence: object,
) -> GateReport:
    """The verdict on these scores, in a MINOR change."""
    rows = [result(place, Arm.BASELINE, n, baseline(place)) for place in range(cases) for n in range(samples)]
    rows += [result(place, Arm.CANDIDATE, 0, candidate(place)) for place in range(cases)]
    found = Evidence(
        name="gate",
        level=None,
        candidate=VersionRef(name="p", version="1.1.0", digest="1" * 64, source="working tree"),
        baseline=VersionRef(name="p", version="1.0.0", digest="2" * 64, source="main"),
        dataset=DatasetRef(path="cases.jsonl", digest="3" * 64, cases=cases),
        criteria=tuple(criteria),
        results=tuple(changed(row) for row in rows),
        order=tuple(f"c{place:03}" for place in range(cases)),
        redraws=True,
        **evidence,
    )
    rules = Policy(levels=DEFAULT_LEVELS)
    return policy.decide(found, {"quality": Threshold(max_drop=margin)}, rules, DEFAULT_LEVELS[Level.MINOR])


def held(quality: float | None, polite: float = 1.0, answer: float = 1.0) -> Scores:
    return {"polite": polite, "quality": quality if polite and answer else None, ANSWERED: answer}


def said(gate: GateReport, criterion: str, kind: str = "max_drop") -> str:
    return next(f.sentence for f in gate.findings if f.criterion == criterion and f.kind == kind)
