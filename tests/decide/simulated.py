"""Gates drawn from models whose truth is known, as plain numbers: judges with their ratings, checks that may fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from decide import vectors

from evalgate.decide import policy
from evalgate.decide.simulation import Model, draw, shift_for
from evalgate.domain import GateReport, LevelPolicy

SKEWED = Model()
MODERATE = Model(marginal=(0.05, 0.15, 0.30, 0.30, 0.20))
PILED_UP = Model(marginal=(0.02, 0.01, 0.02, 0.05, 0.90))
BOOLEAN = Model(marginal=(0.05, 0.95))
FLAKY = (0.01, 0.02, 0.03)
BASELINE_DRAWS, CANDIDATE_DRAWS = 3, 7


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """One criterion's scores: `baseline` of shape (cases, 3), `candidate` of shape (cases, 7), its own draw first."""

    kind: str
    baseline: np.ndarray
    candidate: np.ndarray
    allowed: float | None = None


def judge(rng: np.random.Generator, cases: int, model: Model = SKEWED, *, drop: float = 0.0) -> Drawn:
    """A judge by whom the candidate is worse by `drop` on average."""
    effects = rng.standard_normal(cases)
    shift = shift_for(model.marginal, drop)
    return Drawn(
        kind="judge",
        baseline=draw(rng, model, effects, BASELINE_DRAWS),
        candidate=draw(rng, model, effects, CANDIDATE_DRAWS, shift=shift),
    )


def check(
    rng: np.random.Generator, cases: int, before: float | np.ndarray, now: float | np.ndarray | None = None
) -> Drawn:
    """A blocking check that draws fail with these probabilities: one for all cases, or one for each."""
    fails = [np.broadcast_to(p, (cases,))[:, None] for p in (before, before if now is None else now)]
    return Drawn(
        kind="blocking",
        baseline=(rng.random((cases, BASELINE_DRAWS)) >= fails[0]).astype(float),
        candidate=(rng.random((cases, CANDIDATE_DRAWS)) >= fails[1]).astype(float),
    )


def gate_of(
    criteria: Mapping[str, Drawn],
    *,
    repeated: Sequence[int] = (),
    requests: Sequence[str] | None = None,
    clusters: Sequence[str] | None = None,
    **options: Any,
) -> dict[str, Any]:
    """The gate of a run with these draws. A judge is not asked about what fails a blocking check.

    Of the `repeated` cases the candidate has three planned draws. Fresh draws are there where one may be asked for.
    """
    arms = [
        np.stack([getattr(one, arm) for one in criteria.values()], axis=2).astype(object)
        for arm in ("baseline", "candidate")
    ]
    kinds = [one.kind for one in criteria.values()]
    blocking = [place for place, kind in enumerate(kinds) if kind == "blocking"]
    judges = [place for place, kind in enumerate(kinds) if kind == "judge"]
    for scores in arms:
        if blocking and judges:
            fails = (scores[:, :, blocking] < 0.5).any(axis=2)
            for place in judges:
                scores[:, :, place][fails] = None
    rows = []
    for case, (baseline, candidate) in enumerate(zip(*arms, strict=True)):
        planned = 3 if case in repeated else 1
        row: dict[str, Any] = {
            "id": f"k{case:04}",
            "baseline": baseline.tolist(),
            "candidate": candidate[:planned].tolist(),
            "fresh": candidate[planned:].tolist() if _turns(baseline, candidate[0]) else [],
        }
        if requests is not None:
            row["request"] = requests[case]
        if clusters is not None:
            row["cluster"] = clusters[case]
        rows.append(row)
    named = [
        {"name": name, "kind": one.kind} | ({} if one.allowed is None else {"allowed": one.allowed})
        for name, one in criteria.items()
    ]
    return {"criteria": named, "cases": rows, **options}


def _turns(baseline: np.ndarray, own: np.ndarray) -> bool:
    """Whether some criterion went one way in every draw of the baseline and the other way now."""
    for place, score in enumerate(own):
        before = {value >= 0.5 for value in baseline[:, place] if value is not None}
        if score is not None and before == {score < 0.5}:
            return True
    return False


def decided(gate: Mapping[str, Any], demands: LevelPolicy = vectors.MERGES) -> GateReport:
    """The report on a gate."""
    evidence, thresholds, rules = vectors.evidence_of(gate)
    return policy.decide(evidence, thresholds, rules, demands)
