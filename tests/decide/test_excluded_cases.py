"""Cases to which a criterion does not apply: the decision on it is that of a gate without these cases."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalgate.domain import Arm, Evidence, Score, Threshold

from .small_evidence import CHECK, JUDGE, RULES, decide, drawn, evidence, result

CASES = 40


def leave_out(found: Evidence, cases: frozenset[int]) -> tuple[Evidence, Evidence]:
    """Return the evidence with these cases excluded, and the evidence without them."""
    names = {f"case-{case:03}" for case in cases}
    kept = tuple(r for r in found.results if r.case not in names)
    fresh = tuple(r for r in found.confirmations if r.case not in names)
    alone = replace(
        found,
        results=kept,
        confirmations=fresh,
        dataset=replace(found.dataset, cases=found.dataset.cases - len(cases)),
        order=tuple(case for case in found.order if case not in names),
    )
    criteria = tuple(replace(c, excluded=tuple(sorted(names))) for c in found.criteria)
    own = {c.name for c in criteria}
    stripped = tuple(r.without(own) if r.case in names else r for r in found.results)
    return replace(found, criteria=criteria, results=stripped, confirmations=fresh), alone


def decide_both(found: Evidence, cases: frozenset[int], thresholds: dict[str, Threshold] | None = None):
    from evalgate.decide import policy

    excluded, alone = leave_out(found, cases)
    level = RULES.levels[found.level.effective]
    return [policy.decide(one, thresholds or {}, RULES, level) for one in (excluded, alone)]


@settings(max_examples=40, deadline=None)
@given(
    st.frozensets(st.integers(0, CASES - 1), max_size=CASES - 1),
    st.dictionaries(st.integers(0, CASES - 1), st.lists(st.sampled_from([0.0, 1.0]), min_size=7, max_size=7)),
    st.dictionaries(st.integers(0, CASES - 1), st.lists(st.sampled_from([0.0, 1.0]), min_size=3, max_size=3)),
)
def test_a_check_decides_as_without_the_excluded_cases(excluded, candidate, baseline) -> None:
    one, other = decide_both(drawn(candidate, baseline, cases=CASES), excluded)
    assert one.decision is other.decision
    assert one.blocking == other.blocking
    assert one.counts == other.counts


@settings(max_examples=40, deadline=None)
@given(
    st.frozensets(st.integers(0, CASES - 1), max_size=CASES - 1),
    st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=CASES, max_size=CASES),
    st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=CASES, max_size=CASES),
)
def test_a_judge_decides_as_without_the_excluded_cases(excluded, candidate, baseline) -> None:
    both = ((Arm.CANDIDATE, candidate), (Arm.BASELINE, baseline))
    rows = [result(i, arm, {JUDGE.name: Score(value=v)}) for arm, values in both for i, v in enumerate(values)]
    thresholds = {JUDGE.name: Threshold(minimum=0.4, max_drop=0.2)}
    one, other = decide_both(evidence(rows), excluded, thresholds)
    assert one.comparisons == other.comparisons
    deciding = [
        [(f.criterion, f.kind, f.decision) for f in gate.findings if f.kind != "remark"] for gate in (one, other)
    ]
    assert deciding[0] == deciding[1]


@pytest.mark.parametrize("floor", [0.5, 0.95])
def test_a_floor_counts_the_cases_to_which_it_applies(floor: float) -> None:
    failing = {case: [0.0] for case in range(5)}
    thresholds = {CHECK.name: Threshold(minimum=floor)}
    one, other = decide_both(drawn(failing, cases=CASES), frozenset(range(20, 40)), thresholds)
    assert one.decision is other.decision
    assert [f.sentence for f in one.findings if f.criterion] == [f.sentence for f in other.findings if f.criterion]


def test_a_missing_score_of_an_applicable_case_is_still_missing() -> None:
    found = drawn({}, cases=10)
    excluded, _ = leave_out(found, frozenset({1}))
    results = tuple(r.without({CHECK.name}) if r.case == "case-002" else r for r in excluded.results)
    gate = decide(results, criteria=excluded.criteria)
    assert [b.decision.value for b in gate.blocking] == ["INCONCLUSIVE"]
    assert "case-002" in gate.findings[0].sentence
