from __future__ import annotations

from evalgate.decide.baseline_samples import collect_samples
from evalgate.domain import Arm, Result, Score, Unscored


def scored(case: str, arm: Arm = Arm.BASELINE, repeat: int = 0, **scores: float | None) -> Result:
    values = {
        name: Unscored(reason="none") if value is None else Score(value=value, reason="")
        for name, value in scores.items()
    }
    return Result(case=case, arm=arm, repeat=repeat, tags=(), outcome=None, scores=values)


RESULTS = [
    scored("a", tone=0.5, valid=1.0),
    scored("a", repeat=1, tone=0.75, valid=0.0),
    scored("b", tone=None, valid=1.0),
    scored("a", Arm.CANDIDATE, tone=0.0, valid=1.0),
    scored("c", tone=1.0, valid=1.0),
]


def test_scores_of_the_baseline_by_case() -> None:
    assert collect_samples(RESULTS, "tone") == {"a": [0.5, 0.75], "b": [], "c": [1.0]}


def test_only_outputs_that_hold_the_required_checks_count() -> None:
    assert collect_samples(RESULTS, "tone", required=["valid"], skipped={"c"}) == {"a": [0.5], "b": []}
