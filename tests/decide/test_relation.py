"""The correlation of two scorings, its bounds, and its p-value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.decide.relation import PERMUTATIONS, measure_relation

SCORES = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=4, max_size=40)


@given(SCORES)
def test_the_correlation_lies_between_its_bounds_and_does_not_depend_on_the_sides(
    pairs: list[tuple[float, float]],
) -> None:
    first, second = zip(*pairs, strict=True)
    found = measure_relation(first, second, level=0.05)
    turned = measure_relation(second, first, level=0.05)
    if found.correlation is None:
        assert (found.low, found.high, found.p_value, found.varying) == (-1.0, 1.0, 1.0, 0)
        assert turned.correlation is None
    else:
        assert -1 <= found.low <= found.correlation + 1e-9 and found.correlation - 1e-9 <= found.high <= 1
        assert turned.correlation == pytest.approx(found.correlation)


@pytest.mark.parametrize("side", [[0.5] * 20, [0.1, 0.9]])
def test_what_does_not_vary_or_is_too_little_shows_no_relation(side: list[float]) -> None:
    found = measure_relation(side, [place / 20 for place in range(len(side))], level=0.05)
    assert (found.correlation, found.p_value) == (None, 1.0)


def test_equal_scorings_are_related_and_opposite_ones_are_not() -> None:
    scores = [place / 20 for place in range(20)]
    rng = np.random.default_rng(1)
    assert measure_relation(scores, scores, level=0.05, rng=rng).p_value == 1 / (1 + PERMUTATIONS)
    assert measure_relation(scores, scores[::-1], level=0.05, rng=rng).p_value > 0.99


def test_the_permutation_test_and_student_s_t_agree_on_normal_scores() -> None:
    rng = np.random.default_rng(7)
    first = rng.standard_normal(60)
    second = 0.25 * first + rng.standard_normal(60)
    exact = measure_relation(first, second, level=0.05, rng=rng).p_value
    assert measure_relation(first, second, level=0.05).p_value == pytest.approx(exact, abs=0.02)


def test_varying_counts_the_side_that_varies_less() -> None:
    assert measure_relation([0, 0, 0, 0, 1], [0.1, 0.2, 0.3, 0.4, 0.5], level=0.05).varying == 1
