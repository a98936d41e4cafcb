"""Tests of the list of cases that are worth a look."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalgate.domain import Arm, CasePart, Output, Score, Unscored
from evalgate.report.case_list import as_json, list_cases


def test_each_case_is_in_the_first_group_that_it_belongs_to(samples: ModuleType) -> None:
    def draw(case: str, arm: Arm, repeat: int, value: float | None) -> object:
        score = Unscored(reason="no reply") if value is None else Score(value=value)
        return samples.result(case, arm, repeat, Output(text="x"), facts=score)

    draws = {
        "well": ((1.0,), (1.0,)),
        "much-worse": ((1.0,), (0.0,)),
        "worse": ((1.0,), (0.6,)),
        "both-fail": ((0.0,), (0.0,)),
        "unstable": ((1.0,), (1.0, 0.4, 1.0, 1.0)),
        "missing": ((1.0,), (None,)),
        "broken": ((1.0,), (0.0,)),
    }
    results = tuple(
        draw(case, arm, repeat, value)
        for case, arms in draws.items()
        for arm, values in zip((Arm.BASELINE, Arm.CANDIDATE), arms, strict=True)
        for repeat, value in enumerate(values)
    )
    gate = samples.failing().gates[0]
    comparison = replace(samples.comparison("facts", samples.estimate(-0.2, -0.3, -0.1)), broken=("broken",))
    evidence = replace(gate.evidence, results=results, confirmations=(), order=(), criteria=(samples.CRITERIA[1],))
    gate = replace(gate, evidence=evidence, comparisons=(comparison,), blocking=())
    assert [(one.case, one.group) for one in list_cases(gate)] == [
        ("broken", "broken"),
        ("much-worse", "worse"),
        ("worse", "worse"),
        ("both-fail", "failing"),
        ("unstable", "unstable"),
        ("missing", "unscored"),
    ]
    assert as_json(list_cases(gate))[-2:] == [
        {"case": "unstable", "group": "unstable", "why": ["facts: 3 of 4 samples of the candidate pass"]},
        {"case": "missing", "group": "unscored", "why": ["facts, candidate: no reply"]},
    ]
    part = replace(gate, evidence=replace(evidence, part=CasePart(first=7)))
    assert [one.case for one in list_cases(part)][-1] == "well"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=3),
    st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=3),
    st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), max_size=6),
)
def test_fresh_draws_are_in_no_mean(
    samples: ModuleType, baseline: list[float], candidate: list[float], fresh: list[float]
) -> None:
    """They are drawn because of what was seen, and the report's means are without them."""

    def listed(*more: float) -> tuple[str, tuple[str, ...]]:
        draws = [(Arm.BASELINE, repeat, value) for repeat, value in enumerate(baseline)]
        draws += [(Arm.CANDIDATE, repeat, value) for repeat, value in enumerate([*candidate, *more])]
        made = [samples.result("c", arm, repeat, None, facts=Score(value=value)) for arm, repeat, value in draws]
        own = len(baseline) + len(candidate)
        gate = samples.failing().gates[0]
        evidence = replace(
            gate.evidence,
            results=tuple(made[:own]),
            confirmations=tuple(made[own:]),
            order=("c",),
            criteria=(samples.CRITERIA[1],),
        )
        (one,) = list_cases(replace(gate, evidence=replace(evidence, part=CasePart(first=1)), comparisons=()))
        return one.group, one.why

    fell = sum(baseline) / len(baseline) - sum(candidate) / len(candidate) >= 0.25 - 1e-9
    assert (listed(*fresh)[0] == "worse") is fell
    if fell:
        assert listed(*fresh) == listed()
