"""The rule tried on a project's own samples: its rates are those of the truth, and poor data get a clear answer."""

from __future__ import annotations

import numpy as np
import pytest

from evalgate.decide import selfcheck
from evalgate.decide.simulation import Model, draw


def stored(cases: int, samples: int, *, model: Model | None = None, seed: int = 3) -> list[list[float]]:
    rng = np.random.default_rng(seed)
    return draw(rng, model or Model(), rng.standard_normal(cases), samples).tolist()


@pytest.mark.parametrize(
    "model", [Model(), Model(marginal=(0.02, 0.01, 0.02, 0.05, 0.90)), Model(marginal=(0.05, 0.95), rho=0.3)]
)
def test_the_false_alarm_rate_covers_what_the_rule_promises(model: Model) -> None:
    found = selfcheck.check(stored(100, 3, model=model), runs=600)
    assert found.fails.low <= 0.05
    assert found.kept
    assert found.fails.value <= 0.065
    assert found.fails.count + found.passes.count + found.inconclusive.count == found.runs
    assert found.remarks == ()


@pytest.mark.parametrize("samples", [2, 3, 5])
def test_flaky_cases_are_not_taken_for_broken_ones(samples: int) -> None:
    # One sample of a flaky case says nothing of whether it always passed.
    flaky = Model(marginal=(0.2, 0.8), rho=0.1)
    found = selfcheck.check(stored(150, samples, model=flaky), runs=600, drops=())
    assert found.kept
    assert found.fails.value <= 0.07


def test_the_power_is_near_that_of_fresh_versions() -> None:
    found = selfcheck.check(stored(100, 5), runs=600)
    small, large = (power.fails for power in found.power)
    assert small is not None and large is not None
    assert small.value == pytest.approx(0.70, abs=0.15)
    assert large.value >= 0.95
    # s_d of one sample against four: sqrt(s2 (1 + 1/4))
    assert found.deviation == pytest.approx(np.sqrt(found.noise * 1.25), abs=1e-9)


def test_it_is_the_same_for_the_same_seed() -> None:
    data = stored(60, 3)
    assert selfcheck.check(data, runs=50, seed=2) == selfcheck.check(data, runs=50, seed=2)
    assert selfcheck.check(data, runs=50, seed=2) != selfcheck.check(data, runs=50, seed=3)


def test_clusters_are_drawn_and_split_as_a_whole() -> None:
    # Every cluster of 8 cases answers alike, sample by sample: a case is no unit then.
    clusters = [i // 8 for i in range(200)]
    shared = stored(25, 3)
    data = [shared[cluster] for cluster in clusters]
    found = selfcheck.check(data, clusters=clusters, sequential=False, runs=600)
    alone = selfcheck.check(shared, sequential=False, runs=600)
    assert found.fails.low <= 0.05
    assert found.fails.value == pytest.approx(alone.fails.value, abs=0.03)
    assert "25 clusters can never pass" in found.remarks[0]


@pytest.mark.parametrize("score", [0.0, 0.5, 1.0])
def test_samples_that_never_differ_say_so(score: float) -> None:
    found = selfcheck.check([[score] * 3] * 80, runs=50)
    assert found.fails.count == 0
    assert found.passes.count == 50
    assert "no noise to check" in found.remarks[0]
    if score == 0:
        assert all(power.fails is None for power in found.power)


def test_few_cases_decide_nothing() -> None:
    found = selfcheck.check(stored(19, 3), runs=50)
    assert found.inconclusive.count == 50
    assert "19 cases decide nothing: at least 20" in found.remarks[0]
    found = selfcheck.check(stored(30, 3), runs=50, min_cases=40)
    assert found.inconclusive.count == 50
    assert "at least 40" in found.remarks[0]
    assert "can never pass" in selfcheck.check(stored(50, 3), runs=50).remarks[0]


def test_two_samples_say_what_they_cannot() -> None:
    assert "two samples only" in selfcheck.check(stored(80, 2), runs=50).remarks[-1]


@pytest.mark.parametrize(("samples", "clusters"), [([], None), ([[1.0, 1.0], [1.0]], None), ([[1.0, 1.0]] * 3, [1])])
def test_what_cannot_be_split_is_refused(samples: list[list[float]], clusters: list[int] | None) -> None:
    with pytest.raises(ValueError, match=r"two samples|clusters"):
        selfcheck.check(samples, clusters=clusters)


def test_a_drop_stays_on_the_scale() -> None:
    assert selfcheck._lowered([[1.0, 0.0]]) == {0.0: 0.0, 1.0: 0.0}
    assert selfcheck._lowered([[1.0, 0.75, 0.25]]) == {0.0: 0.0, 0.25: 0.0, 0.75: 0.25, 1.0: 0.75}
    assert selfcheck._lowered([[0.9, 0.8, 0.3]]) == {0.0: 0.0, 0.3: 0.0, 0.8: 0.3, 0.9: 0.3}
