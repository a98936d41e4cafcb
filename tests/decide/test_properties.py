"""The error rates that the decision rule promises, each found again by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from decide.bounds import at_most
from decide.simulated import BOOLEAN, PILED_UP, SKEWED

from evalgate.decide import power, simulation, statistics
from evalgate.decide.simulation import MERGES, SCENARIOS, Model, draw, versions

SAME, SMALL = SCENARIOS[0], SCENARIOS[1]


def verdict(rng: np.random.Generator, model: Model, cases: int, scenario: simulation.Scenario = SAME) -> str:
    baseline, candidate = versions(rng, model, rng.standard_normal(cases), scenario)
    return statistics.decide(baseline.tolist(), candidate.tolist()).verdict


def test_five_metrics_and_holm_fail_equal_versions_seldom() -> None:
    """C1: five gating metrics, 100 cases; without Holm one run in five has a false FAIL."""
    rng = np.random.default_rng(1)
    runs, by_holm, uncorrected = 2_000, 0, 0
    for _ in range(runs):
        scores = draw(rng, SKEWED, rng.standard_normal((5, 100)), 4)
        p_values = [statistics.p_worse(metric) for metric in scores[..., 0] - scores[..., 1:].mean(axis=-1)]
        by_holm += any(statistics.holm(p_values, 0.05))
        uncorrected += min(p_values) <= 0.05
    assert by_holm / runs <= 0.065
    assert uncorrected / runs >= 0.15


def test_repeats_are_averaged_inside_the_case() -> None:
    """C2: five samples of each of 50 cases, an edit that is neutral on the whole but not case by case."""
    rng = np.random.default_rng(2)
    runs, by_case, pooled = 2_000, 0, 0
    for _ in range(runs):
        effects = rng.standard_normal(50)
        baseline = draw(rng, SKEWED, effects, 5)
        moved = draw(rng, SKEWED, 0.7 * effects + math.sqrt(1 - 0.49) * rng.standard_normal(50), 5)
        by_case += statistics.p_worse(moved.mean(axis=1) - baseline.mean(axis=1)) <= 0.05
        pooled += statistics.p_worse((moved - baseline).ravel()) <= 0.05
    assert by_case / runs <= 0.065
    assert pooled / runs >= 0.10


@pytest.mark.parametrize("size", [4, 8])
def test_clusters_are_the_unit(size: int) -> None:
    """C3: cases of one document share what a version does to them."""
    rng = np.random.default_rng(3)
    runs, cases = 700, 160
    clusters = [case // size for case in range(cases)]
    fails = {"with": 0, "without": 0}
    for _ in range(runs):
        shared = [np.repeat(rng.standard_normal(cases // size), size) for _ in range(2)]
        own = rng.standard_normal(cases)
        arms = [draw(rng, SKEWED, math.sqrt(0.4) * own + math.sqrt(0.6) * common, 3) for common in shared]
        baseline, candidate = arms[0].tolist(), arms[1][:, :1].tolist()
        for name, given in (("with", clusters), ("without", None)):
            fails[name] += statistics.decide(baseline, candidate, clusters=given).verdict == "FAIL"
    assert fails["with"] / runs <= 0.065
    assert fails["without"] / runs >= 0.08


def test_confirmations_are_few_and_never_enter_the_mean() -> None:
    """C5: at most 6 calls per 100 cases between equal versions."""
    rng = np.random.default_rng(4)
    calls, runs, cases = 0, 300, 100
    for model in (SKEWED, PILED_UP, Model(rho=0.3)):
        used = 0
        for _ in range(runs):
            baseline, candidate = versions(rng, model, rng.standard_normal(cases), SAME)
            found = statistics.decide(baseline.tolist(), candidate.tolist(), sequential=False)
            assert found.difference == pytest.approx(float((candidate[:, 0] - baseline.mean(axis=1)).mean()))
            candidate[:, 1:] = rng.random(candidate[:, 1:].shape)
            again = statistics.decide(baseline.tolist(), candidate.tolist(), sequential=False)
            assert (again.difference, again.lower, again.p_worse) == (found.difference, found.lower, found.p_worse)
            used += found.confirmations
        calls = max(calls, used)
    assert 0 < calls / runs <= 6


@pytest.mark.parametrize("runs", [pytest.param(60, id="short"), pytest.param(700, id="long", marks=pytest.mark.long)])
def test_the_thirtieth_merge_is_judged_like_the_first(runs: int) -> None:
    """C6: golden cases that stay, a baseline sampled afresh after each of 30 merges of equal versions."""
    rng = np.random.default_rng(6)
    fails = [0] * MERGES
    for _ in range(runs):
        effects = rng.standard_normal(100)
        for merge in range(MERGES):
            baseline, candidate = versions(rng, SKEWED, effects, SAME)
            fails[merge] += simulation.decide(baseline, candidate, 0.05).verdict == "FAIL"
    assert at_most(fails[-1], runs, 0.05)
    # the merges of one history have their cases in common: at worst they count as one draw
    assert at_most(round(sum(fails) / MERGES), runs, 0.045)


def test_a_rolling_baseline_blocks_nearly_everything_in_the_end() -> None:
    """C6, the other way: the luckiest run so far as the baseline of a rule on the mean."""
    rng = np.random.default_rng(6)
    shares = [simulation.streak(rng, SKEWED, 100, 1_000, 0.05, merges=merges)[0] / 1_000 for merges in (1, 3, 10, 30)]
    assert shares == pytest.approx([0.48, 0.73, 0.90, 0.96], abs=0.05)


def test_a_rerun_that_draws_again_lets_more_through() -> None:
    """C7: why a verdict belongs to its candidate; of three fresh runs of a true drop the best passes far more often."""
    rng = np.random.default_rng(7)
    runs = 300
    tries = [[verdict(rng, SKEWED, 100, SMALL) != "FAIL" for _ in range(3)] for _ in range(runs)]
    stored = sum(first for first, *_ in tries) / runs
    lottery = sum(map(any, tries)) / runs
    assert stored <= 0.36
    assert lottery >= stored + 0.2


def test_how_many_cases_a_verdict_needs() -> None:
    """C9: the mean of 7 cases decides nothing; a margin of .05 needs 59 cases, 64 with early stopping."""
    good, bad = [[1.0] * 3] * 7, [[0.25, 1.0, 1.0, 1.0]] * 7
    assert statistics.decide(good, bad).verdict == "INCONCLUSIVE"
    assert statistics.decide([*good, [1.0]], [*bad, [0.25]]).verdict == "FAIL"
    assert power.count_fewest_cases(0.05, sequential=False) == 59
    assert power.count_fewest_cases(0.05) == 64
    assert power.count_fewest_cases(0.05) > 50


def test_broken_cases_decide_from_two_cases_on() -> None:
    good, broken = [[1.0] * 3], [[0.0] * 4]
    assert statistics.decide(good * 2, broken * 2).verdict == "FAIL"
    assert statistics.decide(good, broken).verdict == "INCONCLUSIVE"


@pytest.mark.parametrize("cases", [20, 50, 200])
@pytest.mark.parametrize("model", [SKEWED, PILED_UP, BOOLEAN], ids=["skewed", "piled up", "boolean"])
def test_a_floor_is_judged_fairly_where_the_mean_lies_on_it(model: Model, cases: int) -> None:
    """C11: false PASS and false FAIL of an absolute threshold at mean = floor; plain t passes far more often."""
    rng = np.random.default_rng(11)
    runs, passes, fails = 2_000, 0, 0
    scores = draw(rng, Model(marginal=model.marginal, rho=0.0), np.zeros((runs, cases)), 1)[..., 0]
    for values in scores:
        passes += statistics.lower_bound(values, 0.05, low=0.0, high=1.0) >= model.mean
        fails += statistics.p_worse(values - model.mean) <= 0.05
    assert passes / runs <= 0.06
    assert fails / runs <= 0.06


def test_equal_versions_fail_seldom_whatever_the_scores_look_like() -> None:
    rng = np.random.default_rng(12)
    for model in (SKEWED, PILED_UP, BOOLEAN):
        assert sum(verdict(rng, model, 100) == "FAIL" for _ in range(600)) / 600 <= 0.065


def test_a_loss_of_the_whole_margin_passes_seldom() -> None:
    rng = np.random.default_rng(13)
    for model, limit in ((SKEWED, 0.06), (PILED_UP, 0.06), (BOOLEAN, 0.071)):
        assert sum(verdict(rng, model, 100, SMALL) == "PASS" for _ in range(1_000)) / 1_000 <= limit
