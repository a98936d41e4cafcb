from __future__ import annotations

import math

import numpy as np
import pytest

from evalgate.domain.rollout import RolloutRules, Stage
from evalgate.release.rollout import simulated_traffic
from evalgate.release.rollout.simulated_traffic import (
    GIVEN_UP,
    RATINGS,
    ROLLED_BACK,
    TRAFFIC,
    WENT_ON,
    RolloutSimulation,
    SimulatedRollout,
    Traffic,
    TrafficResult,
    roll_out,
    simulate_rollouts,
)

RULES = RolloutRules(scores={"quality": 0.10})

# What the specification gives for 1,000 rollouts: the share that is rolled back, the median of the hours, and their 90th
# percentile. Rows: none, -0.10, -0.20, -0.10 in proportion.
TABLE: list[list[tuple[float, float, float | None]]] = [
    [(0.015, 54, None), (0.01, 24, None), (0.005, 24, None)],
    [(0.98, 67, 119), (1, 7, 13), (1, 1, 2)],
    [(1, 22, 34), (1, 3, 4), (1, 1, 1)],
    [(0.98, 302, 491), (0.99, 32, 49), (1, 4, 6)],
]


def check(found: RolloutSimulation, errors: float) -> None:
    """Require each figure to be within some standard errors of the difference from the specification's."""
    for row, told in zip(found.rows, TABLE, strict=True):
        for one, (rolled_back, median, p90) in zip(row, told, strict=True):
            share = max(0.005, min(0.995, rolled_back))
            error = math.sqrt(share * (1 - share) * (1 / one.runs + 1 / 1000))
            assert one.rolled_back / one.runs == pytest.approx(rolled_back, abs=errors * error + 1e-9), one.traffic
            for quantile, hours in ((0.5, median), (0.9, p90)):
                if hours is not None:
                    away = errors * math.sqrt(quantile * (1 - quantile) * (1 / len(one.hours) + 1 / 1000))
                    low = one.find_hours(max(0, quantile - away))
                    high = one.find_hours(quantile + away) if quantile + away <= 1 else math.inf
                    assert low is not None and high is not None
                    assert low - 0.5 <= hours <= high + 0.5, (one.traffic, quantile)  # the table is rounded


def test_the_ratings_have_the_deviation_of_the_specification() -> None:
    values = np.arange(5) / 4
    mean = float(values @ RATINGS)
    assert sum(RATINGS) == pytest.approx(1)
    assert math.sqrt(float(values**2 @ RATINGS) - mean**2) == pytest.approx(0.27, abs=0.001)


def test_the_table_is_that_of_the_specification() -> None:
    check(simulate_rollouts(runs=30), errors=3)  # of 21 figures, one may well be 2 errors away


@pytest.mark.long
def test_the_table_of_many_runs_is_that_of_the_specification() -> None:
    found = simulate_rollouts(runs=1000)
    check(found, errors=2)
    for one in found.rows[0]:
        assert one.rolled_back / one.runs <= 0.05
    for row in found.rows[1:]:
        assert all(one.rolled_back / one.runs >= 0.95 for one in row)


def test_a_table_is_the_same_each_time_and_begins_as_a_smaller_one() -> None:
    seen: list[tuple[int, int]] = []
    found = simulate_rollouts(runs=2, on_run=lambda done, total: seen.append((done, total)))
    assert found == simulate_rollouts(runs=2)
    assert found != simulate_rollouts(runs=2, seed=2)
    assert seen == [(number, 24) for number in range(1, 25)]
    assert [one.traffic.per_day for one in found.rows[0]] == list(TRAFFIC)
    smaller = simulate_rollouts(runs=1)
    for one, other in zip(found.rows[1], smaller.rows[1], strict=True):
        assert set(other.hours) <= set(one.hours)


def test_a_stage_lasts_its_hours_and_a_rollout_its_stages() -> None:
    rules = RolloutRules(scores={"quality": 0.10}, stages=(Stage(share=500, hours=30), Stage(share=5000, hours=40)))
    found = roll_out(np.random.default_rng(1), rules, Traffic(per_day=20_000))
    assert found == SimulatedRollout(end=WENT_ON, hours=(30, 40))
    assert roll_out(np.random.default_rng(1), rules, Traffic(per_day=20_000), stages=1).hours == (30,)


def test_a_large_drop_ends_a_rollout_in_its_first_stage() -> None:
    found = roll_out(np.random.default_rng(1), RULES, Traffic(per_day=2_000, drop=0.25))
    assert found.end == ROLLED_BACK and len(found.hours) == 1 and found.hours[0] < 24


@pytest.mark.parametrize(("drop", "ratings"), [
    (0.20, RATINGS), (0.10, (0.9, 0, 0, 0, 0.1)), (0.05, (0.9, 0, 0, 0, 0.1)), (0.30, (0.2, 0, 0.3, 0, 0.5)),
])  # fmt: skip
def test_the_mean_of_the_candidate_falls_by_the_drop(drop: float, ratings: tuple[float, ...]) -> None:
    arms = np.repeat(np.array([0, 1], dtype=np.int8), 100_000)
    rng = np.random.default_rng(1)
    badness = simulated_traffic._draw(rng, arms, Traffic(per_day=1, drop=drop, ratings=ratings))[0]
    assert badness[arms == 1].mean() - badness[arms == 0].mean() == pytest.approx(drop, abs=0.008)
    assert badness.min() >= 0 and badness.max() <= 1


def test_what_can_never_be_proven_is_given_up() -> None:
    rules = RolloutRules(scores={"quality": 1e-6}, stages=(Stage(share=500, hours=24),))
    assert roll_out(np.random.default_rng(1), rules, Traffic(per_day=20_000)).end == GIVEN_UP


def test_quantiles_are_between_the_hours() -> None:
    one = TrafficResult(traffic=Traffic(per_day=1), runs=4, rolled_back=0, hours=(1, 2, 4))
    assert (one.find_hours(0), one.find_hours(0.5), one.find_hours(0.75), one.find_hours(1)) == (1, 2, 3, 4)
    assert TrafficResult(traffic=Traffic(per_day=1), runs=4, rolled_back=4, hours=()).find_hours(0.5) is None
