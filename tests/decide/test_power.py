"""What a dataset can decide: the published examples, and forecasts against simulated runs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evalgate.decide import power, statistics


@pytest.mark.parametrize(
    ("spread", "cases", "drop"),
    [(0.20, 20, 0.134), (0.20, 60, 0.077), (0.20, 100, 0.060), (0.20, 200, 0.042), (0.30, 60, 0.116)],
)
def test_detectable_drops(spread: float, cases: int, drop: float) -> None:
    assert power.find_detectable_drop(spread, cases) == pytest.approx(drop, abs=0.001)


def test_cases_for_a_margin() -> None:
    assert power.count_cases_for_margin(0.21, 0.05) == 159
    assert power.count_cases_for_margin(0.01, 0.05) == 64
    assert power.count_cases_for_margin(0.01, 0.05, sequential=False) == 59
    assert power.count_cases_for_margin(0.01, 0.5) == statistics.MIN_CASES == 8


@pytest.mark.parametrize("sequential", [False, True])
@pytest.mark.parametrize("margin", [0.02, 0.05, 0.10])
def test_the_fewest_cases_pass_and_one_less_does_not(margin: float, sequential: bool) -> None:
    fewest = power.count_fewest_cases(margin, sequential=sequential)
    for cases, verdict in ((fewest, "PASS"), (fewest - 1, "INCONCLUSIVE")):
        same = [[1.0]] * cases
        assert statistics.decide(same, same, margin=margin, sequential=sequential).verdict == verdict


@given(st.floats(0, 1, exclude_min=True), st.floats(0, 0.5, exclude_min=True), st.floats(0, 1), st.booleans())
@example(5e-324, 5e-324, 1.0, True)
@example(1e-20, 0.05, 0.2, True)
def test_each_allowed_drop_has_a_number_of_cases(margin: float, alpha: float, spread: float, sequential: bool) -> None:
    fewest = power.count_fewest_cases(margin, sequential=sequential, alpha=alpha)
    assert statistics.MIN_CASES <= fewest <= statistics.MOST_CASES
    needed = power.count_cases_for_margin(spread, margin, sequential=sequential)
    assert statistics.MIN_CASES <= needed <= statistics.MOST_CASES
    if fewest < 10_000:
        (_, level) = statistics.plan_looks(fewest, sequential=sequential, alpha=alpha)[-1]
        assert (1 - margin) ** fewest <= level * (1 + 1e-9)


def test_noise_is_the_mean_variance_within_a_case() -> None:
    assert power.estimate_noise([[0.0, 1.0], [1.0, 1.0], [0.5]]) == pytest.approx(0.25)
    assert power.estimate_noise([[0.5], [1.0]]) is None
    assert power.estimate_noise([]) is None


def test_more_samples_help_against_noise_and_not_against_real_effects() -> None:
    noise = 0.03
    pure = power.forecast_repeats(difference=0.0, deviation=(noise * 4 / 3) ** 0.5, noise=noise, cases=100, margin=0.05)
    assert pure.case_variance == pytest.approx(0.0, abs=1e-12)
    assert pure.would_help
    assert pure.error_then == pytest.approx((noise * 2 / 3 / 100) ** 0.5)
    real = power.forecast_repeats(difference=0.0, deviation=0.45, noise=noise, cases=100, margin=0.05)
    assert real.real_share == pytest.approx(1 - 0.04 / 0.2025)
    assert not real.would_help
    still = power.forecast_repeats(difference=0.0, deviation=0.0, noise=0.0, cases=100, margin=0.05)
    assert (still.real_share, still.would_help) == (0.0, False)


def test_the_share_of_real_effects_is_found_again() -> None:
    rng = np.random.default_rng(2)
    effect, noise = 0.2, 0.15
    baseline = rng.normal(0, noise, (4000, 3))
    candidate = rng.normal(0, effect, 4000) + rng.normal(0, noise, 4000)
    s2 = power.estimate_noise(baseline.tolist())
    assert s2 == pytest.approx(noise**2, rel=0.05)
    deviation = float((candidate - baseline.mean(axis=1)).std(ddof=1))
    found = power.forecast_repeats(difference=0.0, deviation=deviation, noise=s2, cases=4000, margin=0.05)
    assert found.case_variance == pytest.approx(effect**2, rel=0.1)
    assert found.real_share == pytest.approx(effect**2 / (effect**2 + noise**2 * 4 / 3), abs=0.05)


def test_the_spread_before_any_candidate_exists() -> None:
    assert power.estimate_spread(0.25) == pytest.approx(0.25)
    assert power.estimate_spread(0.25, rho=0.8) == pytest.approx(0.158, abs=0.001)


@pytest.mark.parametrize(
    ("cases", "difference", "share"), [(100, 0.0, 0.90), (200, 0.0, 0.69), (100, -0.1, 0.46), (500, -0.1, 0.25)]
)
def test_the_share_of_calls_with_early_stopping(cases: int, difference: float, share: float) -> None:
    found = power.estimate_share(spread=0.21, cases=cases, margin=0.05, difference=difference)
    assert found == pytest.approx(share, abs=0.04)
    assert power.estimate_share(spread=0.21, cases=cases, margin=0.05, difference=difference) == found


def test_the_share_of_calls_at_the_edges() -> None:
    assert power.estimate_share(spread=0.2, cases=10, margin=0.05) == 1.0
    assert power.estimate_share(spread=0.2, cases=30, margin=0.05) == 1.0
    assert power.estimate_share(spread=0.0, cases=100, margin=0.05) == 0.75
    assert power.estimate_share(spread=0.0, cases=200, margin=0.05) == 0.5


def test_a_drop_within_the_margin_does_not_end_a_run_early() -> None:
    """A fall of .04 that never varies: proven worse at once, but no FAIL before the drop reaches the margin."""
    assert power.estimate_share(spread=0.0, cases=100, margin=0.05, difference=-0.04) == 1.0
    assert power.estimate_share(spread=0.0, cases=100, margin=0.05, difference=-0.06) == 0.25
    # three quarters of the cases can prove that a drop of .02 is allowed; a quarter of them would prove it worse than 0
    inside = power.estimate_share(spread=0.05, cases=100, margin=0.05, difference=-0.02)
    assert 0.75 <= inside <= 0.95
