"""Judges against humans: the corrected floor and the drift alarm keep their error rates; agreement says what it counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.decide import calibration
from evalgate.decide.simulation import Model, draw, shift_for

SKEWED = (0.03, 0.04, 0.12, 0.26, 0.55)
SPREAD = (0.10, 0.15, 0.25, 0.25, 0.25)


def raters(rng: np.random.Generator, cases: int, marginal: tuple[float, ...], rho: float) -> tuple[list, list]:
    """A human's and a judge's scores; the judge's latent scale is shifted so that its mean lies .075 higher."""
    model, strict = Model(marginal=marginal, rho=rho), Model(marginal=marginal, rho=rho)
    mean = model.mean
    low, high = -3.0, 0.0
    for _ in range(40):
        middle = (low + high) / 2
        lifted = draw_mean(marginal, middle)
        low, high = (middle, high) if lifted > mean + 0.075 else (low, middle)
    effects = rng.standard_normal(cases)
    human = draw(rng, strict, effects, 1)[:, 0]
    judge = draw(rng, model, effects, 1, shift=low)[:, 0]
    return human.tolist(), judge.tolist()


def draw_mean(marginal: tuple[float, ...], shift: float) -> float:
    from evalgate.decide import simulation

    return simulation._mean_score(marginal, shift)


@pytest.mark.parametrize("marginal", [SKEWED, SPREAD])
@pytest.mark.parametrize("labels", [30, 100])
def test_a_lenient_judge_passes_no_floor_that_humans_would_not(marginal: tuple[float, ...], labels: int) -> None:
    """C13: false PASS at mean = floor, with a judge whose mean lies .075 too high."""
    rng = np.random.default_rng(11)
    mean, runs = Model(marginal=marginal).mean, 600
    false_pass = false_fail = naive = power = 0
    for _ in range(runs):
        human, judge = raters(rng, 250, marginal, 0.9)
        found = calibration.correct_mean(judge[labels:], human[:labels], judge[:labels])
        false_pass += found.low >= mean
        false_fail += found.high < mean
        power += found.low >= mean - 0.10
        naive += float(np.mean(judge)) >= mean
    assert false_pass / runs <= 0.08
    assert false_fail / runs <= 0.08
    assert naive / runs >= 0.95
    assert power / runs >= 0.75


def test_a_correction_falls_back_on_the_labels() -> None:
    human = [1.0, 0.75] * 15
    few = calibration.correct_mean([1.0] * 30, human, [1.0] * 30)
    equal = calibration.correct_mean([0.9] * 300, human, human)
    assert few.method == equal.method == "labels"
    assert few.estimate == equal.estimate == pytest.approx(0.875)
    assert calibration.correct_mean([0.9] * 31, human, [1.0] * 30).method == "corrected"
    with pytest.raises(ValueError, match="at least 20 labels"):
        calibration.correct_mean([0.9] * 300, human[:19], human[:19])


def test_the_correction_is_the_judges_mean_and_the_mean_correction() -> None:
    judge, human = [0.5, 1.0] * 20, [0.25, 1.0] * 20
    found = calibration.correct_mean([0.5, 1.0] * 100, human, judge)
    assert found.estimate == pytest.approx(0.75 - 0.125)
    assert found.error == pytest.approx((0.0628140703 / 200 + 0.0160256410 / 40) ** 0.5)
    assert found.low < found.estimate < found.high


@pytest.mark.parametrize("labels", [20, 30, 60])
@pytest.mark.parametrize("step", [0.01, 0.25])
def test_labels_that_hardly_vary_prove_nothing_of_what_they_did_not_see(labels: int, step: float) -> None:
    """A judge that takes every answer for perfect, and is wrong as often as these labels may well miss."""
    rng = np.random.default_rng(31)
    wrong, unlike, runs = 2 / labels, 0.05, 800
    mean = (1 - wrong) * (1 - unlike * step)
    false_pass = 0
    for _ in range(runs):
        human = np.where(rng.random(labels) < wrong, 0.0, 1.0 - step * (rng.random(labels) < unlike))
        found = calibration.correct_mean([1.0] * (400 - labels), human.tolist(), [1.0] * labels)
        false_pass += found.low >= mean
        assert found.low <= found.estimate <= found.high
    assert false_pass / runs <= 0.08


def judged_again(rng: np.random.Generator, anchors: int, drop: float) -> calibration.Drift:
    model = Model(marginal=SPREAD, rho=0.85)
    effects = rng.standard_normal(anchors)
    before = draw(rng, model, effects, 3).mean(axis=1)
    now = draw(rng, model, effects, 1, shift=shift_for(SPREAD, drop))[:, 0]
    return calibration.measure_drift(before.tolist(), now.tolist())


def test_thirty_anchors_find_a_shift_and_seldom_cry_wolf() -> None:
    """C12: judge noise of 15 % of the variance, a three-sample reference."""
    rng = np.random.default_rng(12)
    runs = 1_000
    assert sum(judged_again(rng, 30, 0.0).alarm for _ in range(runs)) / runs <= 0.02
    assert sum(judged_again(rng, 30, 0.15).alarm for _ in range(runs)) / runs >= 0.70


def test_drift_at_the_edges() -> None:
    assert not calibration.measure_drift([0.5] * 30, [0.5] * 30).alarm
    same_step = calibration.measure_drift([0.5] * 30, [0.75] * 30)
    assert same_step.alarm and same_step.shift == pytest.approx(0.25)
    assert calibration.measure_drift([0.75] * 30, [0.5] * 30).alarm
    with pytest.raises(ValueError, match="at least 20 anchors"):
        calibration.measure_drift([0.5] * 19, [0.5] * 19)


VALUES = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=20, max_size=40)
TINY = st.lists(st.floats(-calibration.DUST, calibration.DUST), min_size=40, max_size=40)


@given(VALUES | st.just([0.9] * 30), TINY)
def test_dust_is_no_drift(before: list[float], tiny: list[float]) -> None:
    now = [value + step for value, step in zip(before, tiny, strict=False)]
    assert not calibration.measure_drift(before, now).alarm


@given(st.integers(1, 6), st.floats(-1, 1))
def test_a_few_equal_errors_prove_no_bias(labels: int, error: float) -> None:
    found = calibration.measure_agreement([0.5] * labels + [0.5], [0.5 + error] * labels + [0.5 + error])
    assert found.p_value > calibration.LEVEL
    one = calibration.measure_agreement([0.5, 0.75], [0.5 + error, 0.75 + error], units=["a", "a"])
    assert one.p_value == 1.0
    assert (one.low, one.high) == pytest.approx((error - 1, error + 1))


def test_agreement_counts_points_and_bias() -> None:
    human, judge = [0.0, 0.25, 0.5, 1.0], [0.0, 0.5, 0.75, 0.5]
    found = calibration.measure_agreement(human, judge)
    assert (found.exact, found.within_one, found.labels) == (0.25, 0.75, 4)
    assert found.bias == pytest.approx(0.0)
    assert found.low == pytest.approx(-found.high)
    assert found.p_value == pytest.approx(1.0)
    assert found.kappa == pytest.approx(kappa_by_its_definition([0, 1, 2, 4], [0, 2, 3, 2]))
    assert calibration.measure_agreement([1.0, 1.0], [1.0, 1.0]).kappa is None
    assert calibration.measure_agreement([0.0, 1.0], [0.0, 1.0], points=2).kappa == 1.0
    with pytest.raises(ValueError, match="cannot be compared"):
        calibration.measure_agreement([1.0], [1.0])


def kappa_by_its_definition(first: list[int], second: list[int]) -> float:
    """1 - weighted observed / weighted expected disagreement, over the table of all pairs of ratings (Cohen 1968)."""
    observed = sum((a - b) ** 2 for a, b in zip(first, second, strict=True)) / len(first)
    expected = sum((a - b) ** 2 for a in first for b in second) / (len(first) * len(second))
    return 1 - observed / expected


def test_a_biased_judge_is_named() -> None:
    human = [0.5, 0.75] * 60
    fair = calibration.measure_agreement(human, human)
    assert calibration.find_warnings(fair, 0.05) == ()
    lenient = calibration.measure_agreement(human, [0.75, 0.75] * 60)
    proven, large, useless = calibration.find_warnings(lenient, 0.05)
    assert "too lenient" in proven and "larger than the margin" in large and "do not gate on it" in useless
    assert "too strict" in calibration.find_warnings(calibration.measure_agreement([0.75, 0.75] * 60, human), 0.5)[0]
    assert "imprecise" in calibration.find_warnings(calibration.measure_agreement(human[:30], human[:30]), 0.05)[0]


SCORES = st.lists(st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.sampled_from([0.0, 0.25, 0.5, 1.0])), min_size=2, max_size=25)  # fmt: skip


@given(SCORES, st.lists(st.integers(1, 5), min_size=25, max_size=25))
def test_how_often_an_output_was_labelled_changes_nothing(pairs: list[tuple[float, float]], times: list[int]) -> None:
    human, judge = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    many = [at for at, count in zip(range(len(pairs)), times, strict=False) for _ in range(count)]
    once = calibration.measure_agreement(human, judge)
    again = calibration.measure_agreement([human[at] for at in many], [judge[at] for at in many], units=many)
    assert again.units == once.labels == once.units
    assert again.standing == once.standing
    for name in ("exact", "within_one", "bias", "low", "high", "p_value", "kappa"):
        assert getattr(again, name) == pytest.approx(getattr(once, name)), name


@pytest.mark.parametrize("marginal", [SKEWED, SPREAD])
@pytest.mark.parametrize("labels", [30, 100])
def test_a_judge_without_a_relation_is_seldom_let_through(marginal: tuple[float, ...], labels: int) -> None:
    rng = np.random.default_rng(21)
    model, runs = Model(marginal=marginal, rho=0.0), 4_500 // labels
    shown = rejected_good = 0
    for _ in range(runs):
        two = [draw(rng, model, rng.standard_normal(labels), 1)[:, 0] for _ in range(2)]
        shown += calibration.measure_agreement(*two, rng=rng).standing == "shown"
        human, judge = raters(rng, labels, marginal, 0.9)
        rejected_good += calibration.measure_agreement(human, judge, rng=rng).standing == "rejected"
    assert shown / runs <= 0.05
    assert rejected_good == 0


@pytest.mark.parametrize("anchors", [20, 30, 200])
def test_shuffled_anchors_are_never_stable(anchors: int) -> None:
    rng = np.random.default_rng(22)
    for _ in range(300):
        before = draw(rng, Model(marginal=SPREAD), rng.standard_normal(anchors), 1)[:, 0]
        assert not calibration.measure_drift(before, rng.permutation(before)).stable
        assert calibration.measure_drift(before, before).stable
