"""A rate and its Wilson interval."""

from __future__ import annotations

import pytest

from evalgate.decide.rates import estimate_rate


@pytest.mark.parametrize(
    ("count", "runs", "low", "high"),
    [(0, 10, 0.0, 0.277533), (1, 10, 0.017876, 0.404150), (34, 1000, 0.024431, 0.047135), (10, 10, 0.722467, 1.0)],
)
def test_a_rate_and_its_wilson_interval(count: int, runs: int, low: float, high: float) -> None:
    # reference: scipy.stats.binomtest(count, runs).proportion_ci(0.95, method="wilson")
    found = estimate_rate(count, runs)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-6)


def test_no_run_says_nothing_of_a_rate() -> None:
    assert (estimate_rate(0, 0).low, estimate_rate(0, 0).high) == (0.0, 1.0)
    with pytest.raises(ValueError, match="not a rate"):
        estimate_rate(3, 2)
