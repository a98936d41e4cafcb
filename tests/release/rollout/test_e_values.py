from __future__ import annotations

import itertools
import json
import math
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from release.rollout.slow_forms import deal_slowly, means_slowly

from evalgate.release.rollout.e_values import (
    BETS,
    RISKS,
    close_blocks,
    compare_rates,
    deal,
    exceed,
    means,
    mix,
    rates,
    trace_burden,
)

SHARED = Path(os.environ.get("EVALGATE_SHARED") or Path(__file__).parents[4] / "shared")
VECTORS = SHARED / "release" / "canary-vectors.json"
TOLERANCE = 1e-9

DEALS = [
    # controls, candidates, share, log e; computed key by key from exact fractions
    (0, 0, 0.05, 0.0),
    (1, 0, 0.05, 0.0),
    (19, 1, 0.05, -0.0939366505),
    (95, 5, 0.05, -0.3549096475),
    (100, 0, 0.05, 1.5864630272),
    (0, 10, 0.05, 5.4823992964),
    (960, 40, 0.05, -0.1006940285),
    (500, 500, 0.5, -1.2012203220),
    (560, 440, 0.5, 5.3632688960),
    (10_000, 400, 0.05, 13.3972069787),
]

rows = st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])), max_size=60)
shares = st.integers(1, 9_999).map(lambda points: points / 10_000)


def load(kind: str) -> list[dict[str, object]]:
    if not VECTORS.exists():
        pytest.skip("the shared vectors are not here")
    found: list[dict[str, object]] = json.loads(VECTORS.read_text())[kind]
    assert found
    return found


def test_means_are_those_of_the_shared_vectors() -> None:
    for one in load("means"):
        given: list[tuple[int, float]] = one["rows"]  # type: ignore[assignment]
        found = means([arm for arm, _ in given], [bad for _, bad in given], one["max_drop"])  # type: ignore[arg-type]
        assert found.log_e_worse == pytest.approx(one["log_e_worse"], abs=TOLERANCE), one["name"]
        assert found.log_e_fine == pytest.approx(one["log_e_fine"], abs=TOLERANCE), one["name"]
        assert found.blocks == one["blocks"], one["name"]


def test_rates_are_those_of_the_shared_vectors() -> None:
    for one in load("rates"):
        found = rates(one["failing"], one["share"])  # type: ignore[arg-type]
        assert found == pytest.approx(one["log_e"], abs=TOLERANCE), one["name"]


@given(rows, st.sampled_from([0.01, 0.05, 0.1, 0.5]))
def test_means_are_the_wealth_of_bets_on_blocks(given: list[tuple[int, float]], max_drop: float) -> None:
    found = means([arm for arm, _ in given], [bad for _, bad in given], max_drop)
    worse, fine, blocks = means_slowly(given, max_drop)
    assert found.log_e_worse == pytest.approx(worse, abs=TOLERANCE)
    assert found.log_e_fine == pytest.approx(fine, abs=TOLERANCE)
    assert found.blocks == blocks


@given(rows)
def test_each_block_has_both_arms_and_one_row_of_the_second(given: list[tuple[int, float]]) -> None:
    arms = [arm for arm, _ in given]
    starts, ends = close_blocks(arms)
    at = 0
    for start, end in zip(starts, ends, strict=True):
        assert start == at
        assert set(arms[start:end]) == {1 - arms[end]}
        at = end + 1
    assert len(set(arms[at:])) < 2


@given(st.lists(st.integers(0, 1), max_size=40), shares)
def test_rates_are_averaged_likelihood_ratios(failing: list[int], share: float) -> None:
    total = 0.0
    for risk in RISKS:
        q = share * risk / (share * risk + 1 - share)
        total += math.prod(q / share if arm else (1 - q) / (1 - share) for arm in failing)
    assert rates(failing, share) == pytest.approx(math.log(total / len(RISKS)), abs=1e-8)


@given(st.integers(0, 300), st.integers(0, 300), shares)
def test_the_deal_is_the_product_of_predictions_in_any_order(controls: int, candidates: int, share: float) -> None:
    assert deal(controls, candidates, share) == pytest.approx(deal_slowly(controls, candidates, share), abs=1e-7)


@pytest.mark.parametrize(("controls", "candidates", "share", "log_e"), DEALS)
def test_the_deal_is_that_of_the_vectors(controls: int, candidates: int, share: float, log_e: float) -> None:
    assert deal(controls, candidates, share) == pytest.approx(log_e, abs=1e-7)


def test_the_deal_is_exact_for_a_million_keys() -> None:
    assert deal(950_000, 50_000, 0.05) == pytest.approx(deal_slowly(950_000, 50_000, 0.05), abs=1e-6)


@given(st.lists(st.sampled_from([0.0, 0.25, 1.0]), max_size=40), st.sampled_from([0.05, 0.3, 0.9]))
def test_exceeding_a_limit_is_the_wealth_of_bets_on_values(values: list[float], limit: float) -> None:
    wealth = [math.prod(1 + min(0.9, bet) * (value - limit) for value in values) for bet in BETS]
    assert exceed(values, limit) == pytest.approx(math.log(sum(wealth) / len(BETS)), abs=TOLERANCE)


@pytest.mark.parametrize("share", [0.05, 0.25, 0.5])
def test_the_expected_wealth_of_equal_arms_is_one_at_most(share: float) -> None:
    """Enumerate all series of five rows: badness 0 or 1 with a chance of one half, arms dealt by the share."""
    worse = rising = 0.0
    for number in range(4**5):
        series = [((number >> 2 * i) & 1, (number >> (2 * i + 1)) & 1) for i in range(5)]
        chance = math.prod((share if arm else 1 - share) / 2 for arm, _ in series)
        worse += chance * math.exp(means([a for a, _ in series], [b for _, b in series], 0.1).log_e_worse)
        failing = [arm for arm, bad in series if bad]
        rising += chance * math.exp(compare_rates(failing.count(0), failing.count(1), share))
    assert worse <= 1 + TOLERANCE
    assert rising == pytest.approx(1)


@pytest.mark.parametrize("share", [0.05, 0.5])
@pytest.mark.parametrize("trend", [(0.1, 0.3, 0.5, 0.7, 0.9), (0.9, 0.5, 0.5, 0.5, 0.1), (0.2, 0.8, 0.2, 0.8, 0.2)])
def test_a_trend_of_both_arms_raises_the_wealth_by_no_more_than_its_variation_allows(
    trend: tuple[float, ...], share: float
) -> None:
    """Enumerate all series of five rows; the chance of badness 1 is that of the moment, whatever the arm is."""
    wealth = 0.0
    for number in range(4**5):
        series = [((number >> 2 * i) & 1, (number >> (2 * i + 1)) & 1) for i in range(5)]
        chance = math.prod(
            (share if arm else 1 - share) * (mean if bad else 1 - mean)
            for (arm, bad), mean in zip(series, trend, strict=True)
        )
        wealth += chance * math.exp(means([a for a, _ in series], [b for _, b in series], 0.1).log_e_worse)
    variation = sum(abs(later - earlier) for earlier, later in itertools.pairwise(trend))
    assert wealth <= math.exp(0.9 * variation)


def test_the_mean_of_logarithms_does_not_overflow() -> None:
    assert mix([1_000.0, -1_000.0]) == pytest.approx(1_000 - math.log(2))


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), max_size=60), shares)
def test_the_burden_of_failures_is_what_rates_say(given: list[tuple[int, int]], share: float) -> None:
    found = trace_burden([arm for arm, _ in given], [bad for _, bad in given], share, range(len(given) + 1))
    for size, log_e in enumerate(found):
        assert log_e == pytest.approx(rates([arm for arm, bad in given[:size] if bad], share), abs=TOLERANCE)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5), shares)
def test_the_expected_wealth_of_a_burden_that_is_assigned_by_the_share_is_one(
    values: list[float], share: float
) -> None:
    total = 0.0
    for arms in itertools.product((0, 1), repeat=len(values)):
        chance = math.prod(share if arm else 1 - share for arm in arms)
        total += chance * math.exp(trace_burden(arms, values, share, [len(values)])[0])
    assert total == pytest.approx(1)
