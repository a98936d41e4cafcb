"""The rule tried on a project's own samples: its rates are those of the truth, and poor data get a clear answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from decide import vectors
from decide.bounds import about, at_least, at_most

from evalgate.commands import aa as self_checks
from evalgate.decide import schedule, self_check
from evalgate.decide.self_check import Conditions, try_blocking_check, try_comparison
from evalgate.decide.simulation import Model, draw


def stored(cases: int, samples: int, *, model: Model | None = None, seed: int = 3) -> list[list[float]]:
    rng = np.random.default_rng(seed)
    return draw(rng, model or Model(), rng.standard_normal(cases), samples).tolist()


def flaky(cases: int, failing: float, samples: int = 3, *, seed: int = 5) -> list[list[float]]:
    """Samples of a check that answers fail with this probability, whatever the case."""
    return (np.random.default_rng(seed).random((cases, samples)) >= failing).astype(float).tolist()


@pytest.mark.parametrize(
    "model", [Model(), Model(marginal=(0.02, 0.01, 0.02, 0.05, 0.90)), Model(marginal=(0.05, 0.95), rho=0.3)]
)
def test_the_false_alarm_rate_covers_what_the_rule_promises(model: Model) -> None:
    """C14."""
    found = try_comparison(stored(100, 3, model=model), Conditions(runs=400, drops=()))
    assert found.fails.low <= 0.05
    assert found.kept
    assert at_most(found.fails.count, 400, 0.055)
    assert found.fails.count + found.passes.count + found.inconclusive.count == found.runs
    assert found.remarks == ()


@pytest.mark.parametrize("draws", [4, 7])
@pytest.mark.parametrize("samples", [2, 3, 5])
def test_flaky_cases_are_not_taken_for_broken_ones(samples: int, draws: int) -> None:
    # Two samples of a flaky case do not say that it always passed.
    model = Model(marginal=(0.2, 0.8), rho=0.1)
    found = try_comparison(stored(150, samples, model=model), Conditions(runs=300, drops=()), draws=draws)
    assert found.kept
    assert at_most(found.fails.count, 300, 0.06)


def test_a_split_of_three_samples_still_judges_broken_cases() -> None:
    """Every case gives 0.25 once in three: a drop that is allowed, so that only broken cases fail.

    A case breaks with 1/3 (the candidate gets the low sample) x 2/3 (the third draw of the baseline passes) x 1/27 (three
    fresh draws fail) = .0082. Of 60 cases .49 break on average, and more than one is a FAIL: .09 of a Poisson count.
    """
    data, all_draws = [[0.75, 0.75, 0.25]] * 60, Conditions(runs=1_000, sequential=False, drops=())
    assert about(try_comparison(data, all_draws, margin=0.9).fails.count, 1_000, 0.09)
    assert try_comparison(data, replace(all_draws, redraws=False), margin=0.9).fails.count == 0
    assert try_comparison(data, all_draws, margin=0.9, draws=7).fails.count <= 1


def test_the_power_is_near_that_of_fresh_versions() -> None:
    found = try_comparison(stored(100, 5), Conditions(runs=300))
    small, large = (power.fails for power in found.power)
    assert small is not None and large is not None
    assert small.value == pytest.approx(0.70, abs=0.15)
    assert large.value >= 0.95
    # s_d of one sample against four: sqrt(s2 (1 + 1/4))
    assert found.deviation == pytest.approx(np.sqrt(found.noise * 1.25), abs=1e-9)


def test_cases_may_have_different_numbers_of_samples() -> None:
    full = stored(80, 5)
    found = try_comparison([case[: 2 + i % 4] for i, case in enumerate(full)], Conditions(runs=300))
    assert found.samples == 2
    assert found.kept
    parts = [np.var(case[: 2 + i % 4], ddof=1) * (2 + i % 4) / (1 + i % 4) for i, case in enumerate(full)]
    assert found.deviation == pytest.approx(np.sqrt(np.mean(parts)))


def test_it_is_the_same_for_the_same_seed() -> None:
    data = stored(60, 3)
    assert try_comparison(data, Conditions(runs=50, seed=2)) == try_comparison(data, Conditions(runs=50, seed=2))
    assert try_comparison(data, Conditions(runs=50, seed=2)) != try_comparison(data, Conditions(runs=50, seed=3))
    check = flaky(60, 0.1)
    assert try_blocking_check(check, Conditions(runs=50, seed=2)) == try_blocking_check(
        check, Conditions(runs=50, seed=2)
    )
    assert try_blocking_check(check, Conditions(runs=50, seed=2)) != try_blocking_check(
        check, Conditions(runs=50, seed=3)
    )


def test_units_are_drawn_and_split_as_a_whole() -> None:
    # Every cluster of 8 cases answers alike, sample by sample: a case is not a unit then.
    units = [i // 8 for i in range(200)]
    shared = stored(25, 3)
    data = [shared[unit] for unit in units]
    conditions = Conditions(sequential=False, runs=400, drops=())
    found, alone = try_comparison(data, conditions, units=units), try_comparison(shared, conditions)
    assert (found.cases, found.units) == (200, 25)
    assert found.fails.low <= 0.05
    assert at_most(found.fails.count, 400, 0.055) and at_most(alone.fails.count, 400, 0.055)
    assert "25 independent units are too few for a PASS" in found.remarks[0]
    assert found.passes.count == alone.passes.count == 0
    assert try_comparison(data, conditions).passes.count > 0, "as cases they would seem to be enough"


@pytest.mark.parametrize("score", [0.0, 0.5, 1.0])
def test_samples_that_never_differ_say_so(score: float) -> None:
    found = try_comparison([[score] * 3] * 80, Conditions(runs=50))
    assert found.fails.count == 0
    assert found.passes.count == 50
    assert "cannot give a false alarm" in found.remarks[0]
    if score == 0:
        assert all(power.fails is None for power in found.power)


def test_few_cases_decide_nothing() -> None:
    found = try_comparison(stored(7, 3), Conditions(runs=50))
    assert found.inconclusive.count == 50
    assert "7 cases are too few to decide on the mean (at least 8" in found.remarks[0]
    assert try_comparison(stored(8, 3), Conditions(runs=300)).fails.count > 0
    found = try_comparison(stored(30, 3), Conditions(runs=50, min_cases=40))
    assert found.inconclusive.count == 50
    assert "at least 40" in found.remarks[0]
    assert "are too few for a PASS" in try_comparison(stored(50, 3), Conditions(runs=50)).remarks[0]


def test_a_stricter_level_fails_less() -> None:
    data = stored(100, 3)
    strict = try_comparison(data, Conditions(runs=300, alpha=0.01, drops=()))
    assert strict.fails.count < try_comparison(data, Conditions(runs=300, drops=())).fails.count
    assert at_most(strict.fails.count, 300, 0.012)


def test_two_samples_say_what_they_cannot() -> None:
    assert "only two samples" in try_comparison(stored(80, 2), Conditions(runs=50)).remarks[-1]
    assert "only two samples" in try_blocking_check(flaky(80, 0.1, 2), Conditions(runs=50)).remarks[-1]


@pytest.mark.parametrize("samples", [3, 5])
@pytest.mark.parametrize("failing", [0.01, 0.03, 0.1])
def test_a_blocking_check_fails_equal_versions_seldom(failing: float, samples: int) -> None:
    data = flaky(100, failing, samples)
    found = try_blocking_check(data, Conditions(runs=300))
    assert at_most(found.fails.count, 300, 0.06)
    assert found.passes.count == found.runs - found.fails.count
    small, large = (power.fails for power in found.power)
    assert small is not None and large is not None
    assert at_least(small.count, 300, 0.3) and at_least(large.count, 300, 0.75)
    beside = try_blocking_check(data, Conditions(runs=300, drops=()), is_alone=False)
    assert at_most(beside.fails.count, 300, 0.02), "a quarter of the level beside compared criteria"
    strict = try_blocking_check(data, Conditions(runs=100, drops=()), is_strict=True)
    assert strict.fails.value >= 0.3
    assert strict.kept and "strict" in strict.remarks[0], "it promises nothing of equal versions"


def test_recorded_outputs_leave_a_new_failure_undecided() -> None:
    found = try_blocking_check(flaky(100, 0.03), Conditions(runs=300, redraws=False, drops=()))
    assert found.inconclusive.value >= 0.5
    assert at_most(found.fails.count, 300, 0.06)
    assert found.fails.count + found.passes.count + found.inconclusive.count == 300


@pytest.mark.parametrize(("score", "word"), [(1.0, "No stored sample fails it"), (0.0, "No stored sample holds it")])
def test_a_check_that_never_differs_says_so(score: float, word: str) -> None:
    found = try_blocking_check([[score] * 3] * 5, Conditions(runs=20))
    assert found.fails.count == 0
    assert (found.passes.count == 20) is (score == 1.0)
    assert word in found.remarks[0]
    if score == 1.0:
        assert found.power[1].fails is not None, "a gate of checks alone is decided at any size"


@pytest.mark.parametrize(("samples", "units"), [([], None), ([[1.0, 1.0], [1.0]], None), ([[1.0, 1.0]] * 3, [1])])
def test_what_cannot_be_split_is_refused(samples: list[list[float]], units: list[int] | None) -> None:
    for check in (try_comparison, try_blocking_check):
        with pytest.raises(ValueError, match=r"two samples|units"):
            check(samples, Conditions(), units=units)


def test_a_drop_stays_on_the_scale() -> None:
    assert self_check._lower_scores([[1.0, 0.0]]) == {0.0: 0.0, 1.0: 0.0}
    assert self_check._lower_scores([[1.0, 0.75, 0.25]]) == {0.0: 0.0, 0.25: 0.0, 0.75: 0.25, 1.0: 0.75}
    assert self_check._lower_scores([[0.9, 0.8, 0.3]]) == {0.0: 0.0, 0.3: 0.0, 0.8: 0.3, 0.9: 0.3}


@pytest.mark.parametrize("cases", [7, 39, 40, 58, 59, 63, 64, 79, 80, 150])
@pytest.mark.parametrize("margins", [(0.05,), (0.05, 0.1), (0.02,), ()])
def test_the_looks_are_those_of_the_gate(cases: int, margins: tuple[float, ...]) -> None:
    """A gate of 59 to 63 cases looks once, and so does one that compares nothing."""
    rows = [{"id": f"k{n}", "baseline": [[1.0] * 4] * 3, "candidate": [[1.0] * 4]} for n in range(cases)]
    named = [{"name": f"j{n}", "kind": "judge", "allowed": margin} for n, margin in enumerate(margins)]
    named += [{"name": f"c{n}", "kind": "blocking"} for n in range(4 - len(margins))]
    evidence, thresholds, rules = vectors.evidence_of({"criteria": named, "cases": rows})
    found = self_checks.try_results(
        evidence.results, evidence.criteria, thresholds, rules, sequential=evidence.sequential, runs=1
    )
    is_sequential = len(schedule.plan_looks(evidence, thresholds, rules)) > 1
    assert [one.found is not None and one.found.sequential for one in found] == [is_sequential] * 4


@pytest.mark.parametrize("kind", ["judge", "blocking"])
def test_a_split_is_decided_as_a_gate_with_these_draws_would_be(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every split, made into the results of a run, gets the verdict that the rule gives that run."""
    splits: list[self_check._Split] = []
    split = self_check._split

    def kept(*arguments: object) -> self_check._Split:
        splits.append(split(*arguments))  # type: ignore[arg-type]
        return splits[-1]

    monkeypatch.setattr(self_check, "_split", kept)
    model = Model(marginal=(0.1, 0.1, 0.1, 0.3, 0.4), rho=0.4)
    verdicts = set()
    for seed in range(40):
        conditions, samples = Conditions(runs=1, seed=seed, drops=(0.1,)), 2 + seed % 3
        if kind == "judge":
            found = try_comparison(stored(80, samples, model=model, seed=seed), conditions, margin=0.1)
        else:
            found = try_blocking_check(flaky(80, 0.08, samples, seed=seed), conditions)
        rates = {"FAIL": found.fails, "PASS": found.passes, "INCONCLUSIVE": found.inconclusive}
        equal, worse = (str(vectors.decided(_gate(own, kind))[0].decision) for own in splits)
        assert rates[equal].count == 1, seed
        fails = found.power[0].fails
        assert fails is not None and (worse == "FAIL") is bool(fails.count), seed
        verdicts |= {equal, worse}
        splits.clear()
    assert verdicts >= {"FAIL", "PASS"}


def _gate(split: self_check._Split, kind: str) -> dict[str, object]:
    """The draws of a split as those of a run; of the baseline only the mean and the passing samples are known."""
    rows = []
    for place, own in enumerate(split.own):
        others, passed = int(split.others[place]), int(split.others_passed[place])
        rows.append({
            "id": f"k{place:03}",
            "baseline": [[float(value)] for value in _spread(float(split.before[place]), others, passed)],
            "candidate": [[float(own[0])]],
            "fresh": [[float(value)] for value in own[1:]],
            "baseline_fresh": [[float(value)] for value in split.again[place][: 3 - others]] if others < 3 else [],
        })  # fmt: skip
    return {"criteria": [{"name": "c", "kind": kind}], "margin": 0.1, "cases": rows}


def _spread(mean: float, count: int, passed: int) -> list[float]:
    """So many scores with this mean, of which so many pass."""
    low = min(0.25, mean * count / (count - passed)) if passed < count else 0.0
    if passed == 0:
        return [mean] * count
    high = (mean * count - low * (count - passed)) / passed
    if high > 1.0:
        low, high = (mean * count - passed) / (count - passed), 1.0
    if high < 0.5:
        low, high = (mean * count - 0.5 * passed) / (count - passed), 0.5
    assert 0.0 <= low < 0.5 <= high <= 1.0 + 1e-9
    return [low] * (count - passed) + [min(1.0, high)] * passed
