"""The decision rule against its published vectors and its own properties."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.decide import statistics

VECTORS = Path(__file__).parents[3] / "shared" / "decision-vectors.json"


def vectors() -> list[dict]:
    return json.loads(VECTORS.read_text()) if VECTORS.is_file() else []


@pytest.mark.skipif(not VECTORS.is_file(), reason="the vectors of the decision rule are not part of the package")
def test_all_vectors_agree() -> None:
    for vector in vectors():
        data = vector["baseline"], vector["candidate"]
        fixed = statistics.decide(*data, margin=vector["margin"], sequential=False)
        live = statistics.decide(*data, margin=vector["margin"])
        assert fixed.p_worse == pytest.approx(vector["reg_p"], abs=1e-9), vector["name"]
        assert fixed.lower == pytest.approx(vector["pass_bound_05"], abs=1e-9), vector["name"]
        assert fixed.upper == pytest.approx(vector["upper_05"], abs=1e-9), vector["name"]
        assert fixed.difference == pytest.approx(vector["mean_diff"], abs=1e-9), vector["name"]
        assert fixed.deviation == pytest.approx(vector["sd_diff"], abs=1e-9), vector["name"]
        assert (len(fixed.broken), len(fixed.fixed)) == (vector["broken"], vector["fixed"]), vector["name"]
        assert fixed.verdict == vector["verdict_fixed"], vector["name"]
        assert live.verdict == vector["verdict_sequential"], vector["name"]
        assert live.cases_used == vector["cases_used"], vector["name"]
        assert live.confirmations <= fixed.confirmations


@pytest.mark.parametrize(("n", "verdict"), [(19, "INCONCLUSIVE"), (58, "INCONCLUSIVE"), (59, "PASS"), (200, "PASS")])
def test_identical_scores_pass_only_with_enough_cases(n: int, verdict: str) -> None:
    decision = statistics.decide([[0.75]] * n, [[0.75]] * n, sequential=False)
    assert decision.verdict == verdict


def test_a_uniform_drop_fails() -> None:
    assert statistics.decide([[1.0]] * 30, [[0.75]] * 30).verdict == "FAIL"


def test_net_broken_cases_fail_whatever_the_mean_says() -> None:
    baseline = [[1.0] * 3] * 100
    candidate = [[0.0] * 4] * 3 + [[1.0]] * 97
    decision = statistics.decide(baseline, candidate, sequential=False)
    assert (decision.verdict, decision.broken) == ("FAIL", (0, 1, 2))
    assert statistics.decide(baseline, [[0.0, 1.0]] * 3 + [[1.0]] * 97, sequential=False).broken == ()


@pytest.mark.parametrize(
    ("baseline", "candidate", "margin", "message"),
    [
        ([[1.0]], [], 0.05, "1 baseline cases but 0 candidate"),
        ([[1.0]], [[]], 0.05, "no sample"),
        ([[1.0]], [[math.nan]], 0.05, "outside"),
        ([[1.5]], [[1.0]], 0.05, "outside"),
        ([[1.0]], [[1.0]], 0.0, "margin"),
    ],
)
def test_bad_data_is_refused(baseline, candidate, margin, message) -> None:
    with pytest.raises(ValueError, match=message):
        statistics.decide(baseline, candidate, margin=margin)


scores = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=20, max_size=120)


@given(scores)
def test_the_lower_bound_lies_below_the_mean_pulled_to_the_middle(values: list[float]) -> None:
    data = np.array(values)
    low = statistics.lower_bound(data, 0.05, low=0.0, high=1.0)
    assert low < (data.sum() + 0.5) / (len(data) + 1)
    assert statistics.lower_bound(data, 0.01, low=0.0, high=1.0) < low


@given(scores, st.floats(0.001, 0.2))
def test_a_lower_level_never_turns_a_fail_into_a_pass(values: list[float], level: float) -> None:
    data = np.array(values) - 0.9
    assert not (statistics.p_worse(data) <= level and statistics.upper_bound(data, level) > 1e-9), (
        "the upper bound and the p-value tell the same story"
    )


def test_clusters_count_as_one_case_each() -> None:
    baseline = [[1.0]] * 80
    candidate = [[0.75 if i % 2 else 1.0] for i in range(80)]
    clusters = [i // 4 for i in range(80)]
    alone = statistics.decide(baseline, candidate, sequential=False)
    grouped = statistics.decide(baseline, candidate, sequential=False, clusters=clusters)
    assert alone.difference == pytest.approx(grouped.difference)
    assert grouped.deviation == pytest.approx(0.0)
    assert grouped.verdict == "FAIL"


@pytest.mark.parametrize(
    ("n", "shares"), [(39, [1]), (40, [0.5, 0.75, 1]), (79, [0.5, 0.75, 1]), (80, [0.25, 0.5, 0.75, 1])]
)
def test_looks(n: int, shares: list[float]) -> None:
    assert [share for share, _ in statistics.plan_looks(n)] == shares
    assert [level for _, level in statistics.plan_looks(n, alpha=0.025)] == [
        pytest.approx(level / 2) for _, level in statistics.plan_looks(n)
    ]


def test_holm_orders_and_stops() -> None:
    assert statistics.holm([0.04, 0.01, 0.03], 0.05) == (False, True, False)
    assert statistics.holm([0.01, 0.02, 0.03], 0.05) == (True, True, True)
    assert statistics.holm([], 0.05) == ()


def test_cases_for_pass() -> None:
    assert statistics.count_cases_for_pass(0.05) == 59
    assert statistics.count_cases_for_pass(0.10) == 29


@given(st.lists(st.floats(0, 1), max_size=30), st.sampled_from([0.05, 0.1, 0.3]))
def test_false_discoveries_are_those_of_scipy(p_values: list[float], rate: float) -> None:
    from scipy.stats import false_discovery_control

    adjusted = false_discovery_control(p_values, method="bh") if p_values else []
    clear = [abs(q - rate) > 1e-12 for q in adjusted]
    found = statistics.false_discoveries(p_values, rate)
    assert [f for f, c in zip(found, clear, strict=True) if c] == [
        bool(q <= rate) for q, c in zip(adjusted, clear, strict=True) if c
    ]
