"""The simulation behind the README's table: its model is the one it states, and its figures are those it promises."""

from __future__ import annotations

import numpy as np
import pytest

from evalgate.decide import simulation, statistics
from evalgate.decide.rates import rate
from evalgate.decide.simulation import Model, simulate

# Share of blocked runs at n = 100 by (naive, drop <= .05, evalgate), and evalgate's calls: measured with 8,000 runs.
EXPECTED = {
    "an identical prompt": (0.48, 0.007, 0.040, 0.93),
    "a true drop of 0.05": (0.986, 0.49, 0.70, 0.87),
    "a true drop of 0.10": (1.0, 0.98, 0.995, 0.59),
    "5 % of cases now score 1 of 5": (0.975, 0.32, 0.97, 0.83),
}


def test_the_scores_are_those_of_the_stated_model() -> None:
    model = Model()
    rng = np.random.default_rng(5)
    effects = rng.standard_normal(100_000)
    scores = simulation.draw(rng, model, effects, 2)
    shares = [float((scores == rating / 4).mean()) for rating in range(5)]
    assert shares == pytest.approx(model.marginal, abs=0.005)
    assert scores.mean() == pytest.approx(model.mean, abs=0.003)
    assert np.corrcoef(scores.T)[0, 1] == pytest.approx(model.rho, abs=0.01)
    for drop in (0.05, 0.10):
        shifted = simulation.draw(rng, model, effects, 2, shift=simulation.shift_for(model.marginal, drop))
        assert model.mean - shifted.mean() == pytest.approx(drop, abs=0.003)


def test_broken_cases_score_nothing_in_any_sample() -> None:
    rng = np.random.default_rng(5)
    scenario = simulation.SCENARIOS[3]
    _, candidate = simulation.versions(rng, Model(), rng.standard_normal(100), scenario)
    assert (candidate.max(axis=1) == 0).sum() == pytest.approx(5, abs=2)
    assert candidate.shape == (100, 1 + statistics.CONFIRMATIONS)


def test_a_mean_score_cannot_fall_below_nothing() -> None:
    with pytest.raises(ValueError, match="cannot fall"):
        simulation.shift_for(Model().marginal, 0.9)


def test_the_same_seed_gives_the_same_table_and_progress_reaches_its_end() -> None:
    heard: list[tuple[int, int]] = []
    first = simulate(runs=20, seed=4, on_run=lambda done, total: heard.append((done, total)))
    assert first == simulate(runs=20, seed=4)
    assert first != simulate(runs=20, seed=5)
    assert heard == [(done, 100) for done in range(1, 101)]


def _holds(table: simulation.Simulated) -> None:
    for row in table.rows:
        *blocked, calls = EXPECTED[row.scenario.name]
        for found, expected in zip((row.naive, row.tolerance, row.evalgate), blocked, strict=True):
            assert found.low - 0.01 <= expected <= found.high + 0.01, (row.scenario.name, found, expected)
        assert row.calls == pytest.approx(calls, abs=0.02), row.scenario.name
    assert table.naive_streak.low <= 0.964 <= table.naive_streak.high
    assert table.evalgate_streak.value <= 0.065
    assert table.deviation == pytest.approx(0.207, abs=0.005)


def test_the_table_holds() -> None:
    _holds(simulate(runs=500))


@pytest.mark.long
def test_the_table_of_the_readme_holds() -> None:
    table = simulate()
    _holds(table)
    assert table.rows[0].evalgate.high <= 0.055
    assert table.evalgate_streak.high <= 0.065


@pytest.mark.long
def test_twice_the_cases_find_more_and_cost_a_smaller_share() -> None:
    table = simulate(cases=200, runs=1_000)
    same, small, large, broken = table.rows
    assert same.evalgate.value <= 0.055
    assert same.calls == pytest.approx(0.73, abs=0.04)
    assert large.calls == pytest.approx(0.41, abs=0.03)
    assert small.evalgate.value >= 0.87
    assert 0.40 <= small.tolerance.value <= 0.55
    assert broken.evalgate.value >= 0.98


@pytest.mark.parametrize(
    ("count", "runs", "low", "high"),
    [(0, 10, 0.0, 0.277533), (1, 10, 0.017876, 0.404150), (34, 1000, 0.024431, 0.047135), (10, 10, 0.722467, 1.0)],
)
def test_a_rate_and_its_wilson_interval(count: int, runs: int, low: float, high: float) -> None:
    # reference: scipy.stats.binomtest(count, runs).proportion_ci(0.95, method="wilson")
    found = rate(count, runs)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-6)


def test_no_run_says_nothing_of_a_rate() -> None:
    assert (rate(0, 0).low, rate(0, 0).high) == (0.0, 1.0)
    with pytest.raises(ValueError, match="no rate"):
        rate(3, 2)
