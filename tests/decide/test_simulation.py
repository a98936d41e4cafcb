"""The simulation behind the tables of docs/aa.md: its model is the one it states, and its figures are those it promises."""

from __future__ import annotations

import numpy as np
import pytest
from decide.bounds import about, at_least, at_most

from evalgate.decide import flaky_checks, simulation, statistics
from evalgate.decide.simulation import Model, simulate

# Share of blocked runs at n = 100 by (naive, drop <= .05, evalgate), and evalgate's calls: measured with 8,000 runs.
EXPECTED = {
    "an identical prompt": (0.48, 0.007, 0.040, 0.93),
    "a true drop of 0.05": (0.986, 0.49, 0.70, 0.87),
    "a true drop of 0.10": (1.0, 0.98, 0.995, 0.59),
    "5 % of cases score 1 of 5": (0.975, 0.32, 0.97, 0.83),
}
# An identical prompt fails, is blocked at MINOR; a drop of .20 is found: measured with 8,000 runs.
SMALL = {8: (0.030, 0.080, 0.64), 12: (0.035, 0.083, 0.83), 20: (0.036, 0.084, 0.972), 30: (0.041, 0.083, 0.9965)}
# A check that so many answers fail blocks an identical prompt over 20, 50, 100, 200 cases, where it is compared.
COMPARED = {
    0.002: (0.0006, 0.003, 0.010, 0.022),
    0.01: (0.010, 0.026, 0.036, 0.042),
    0.03: (0.027, 0.040, 0.046, 0.047),
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
    assert heard == [(done, 500) for done in range(1, 501)]


def test_arrays_are_decided_as_their_numbers_are() -> None:
    rng = np.random.default_rng(8)
    models = (Model(), Model(marginal=(0.2, 0.8), rho=0.1), Model(marginal=(0.05, 0.3, 0.3, 0.3, 0.05)))
    verdicts = set()
    for cases in (8, 20, 50, 100):
        for model in models:
            for scenario in (simulation.SCENARIOS[0], simulation.SCENARIOS[2], simulation.SCENARIOS[3]):
                baseline, candidate = simulation.versions(rng, model, rng.standard_normal(cases), scenario)
                found = simulation.decide(baseline, candidate, 0.05)
                assert found == statistics.decide(baseline.tolist(), candidate.tolist(), margin=0.05)
                verdicts.add(found.verdict)
    assert verdicts == {"PASS", "FAIL", "INCONCLUSIVE"}


def _holds(table: simulation.SimulationResult) -> None:
    for row in table.rows:
        *blocked, calls = EXPECTED[row.scenario.name]
        for found, expected in zip((row.naive, row.tolerance, row.evalgate), blocked, strict=True):
            assert found.low - 0.01 <= expected <= found.high + 0.01, (row.scenario.name, found, expected)
        assert row.calls == pytest.approx(calls, abs=0.02), row.scenario.name
    assert table.naive_streak.low <= 0.964 <= table.naive_streak.high
    assert table.evalgate_streak.value <= 0.065
    assert table.deviation == pytest.approx(0.207, abs=0.005)
    for small in table.small:
        for found, expected in zip((small.fails, small.blocked, small.found), SMALL[small.cases], strict=True):
            assert about(found.count, table.runs, expected, give=0.005), (small.cases, found)
        assert at_most(small.fails.count, table.runs, 0.05) and at_most(small.blocked.count, table.runs, 0.10)
    for flaky in table.flaky:
        assert about(flaky.must_hold.count, table.runs, 1 - (1 - flaky.failing) ** flaky.cases), flaky
        expected = COMPARED[flaky.failing][flaky_checks.CASES.index(flaky.cases)]
        assert about(flaky.compared.count, table.runs, expected, give=0.004), flaky


def test_the_table_holds() -> None:
    _holds(simulate(runs=500))


@pytest.mark.long
def test_the_table_of_the_readme_holds() -> None:
    table = simulate()
    _holds(table)
    assert table.rows[0].evalgate.high <= 0.055
    assert table.evalgate_streak.high <= 0.065


@pytest.mark.parametrize(
    "runs", [pytest.param(150, id="short"), pytest.param(1_000, id="long", marks=pytest.mark.long)]
)
def test_twice_the_cases_find_more_and_cost_a_smaller_share(runs: int) -> None:
    same, small, large, broken = simulate(cases=200, runs=runs).rows
    assert at_most(same.evalgate.count, runs, 0.05)
    assert same.calls == pytest.approx(0.73, abs=0.04)
    assert large.calls == pytest.approx(0.41, abs=0.03)
    assert at_least(small.evalgate.count, runs, 0.89)
    assert about(small.tolerance.count, runs, 0.49)
    assert at_least(broken.evalgate.count, runs, 0.99)
