"""The exact test of two failure counts: against every way the failing draws could have fallen."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.decide import exact_test

case = st.integers(1, 3).flatmap(lambda draws: st.tuples(st.integers(0, 1), st.integers(0, draws), st.just(draws)))


def enumerated(cases: list[tuple[int, int, int]]) -> float:
    """The mid-p from all combinations of which cases' first draws fail."""
    telling = [(x, (x + y) / (k + 1)) for x, y, k in cases if 0 < x + y < k + 1]
    if not telling:
        return 1.0
    seen = sum(x for x, _ in telling)
    total = 0.0
    for combination in itertools.product((0, 1), repeat=len(telling)):
        chance = math.prod(rate if fails else 1 - rate for fails, (_, rate) in zip(combination, telling, strict=True))
        total += chance * (sum(combination) > seen) + chance * 0.5 * (sum(combination) == seen)
    return total


@given(st.lists(case, max_size=10))
def test_the_p_value_is_that_of_all_combinations(cases: list[tuple[int, int, int]]) -> None:
    found = exact_test.more_failures(cases)
    assert found.p_value == pytest.approx(enumerated(cases), abs=1e-12)
    assert found.least <= found.p_value + 1e-12


@given(st.lists(st.integers(1, 9).flatmap(lambda draws: st.tuples(st.just(1), st.just(0), st.just(draws))), min_size=1))
def test_a_value_at_a_level_is_not_beyond_it(cases: list[tuple[int, int, int]]) -> None:
    """All first draws fail and nothing else: the least p-value there is, half the product of 1 / (draws + 1)."""
    found = exact_test.more_failures(cases[:8])
    level = float(Fraction(1, 2 * math.prod(draws + 1 for *_, draws in cases[:8])))
    assert found.p_value == found.least == round(level, 12)


def test_cases_that_always_or_never_fail_say_nothing() -> None:
    assert exact_test.more_failures([(0, 0, 3), (1, 3, 3), (0, 0, 1)]) == exact_test.NOTHING


def test_two_new_failures_of_forty_are_told_from_chance() -> None:
    found = exact_test.more_failures([(1, 0, 3), (1, 0, 3), *[(0, 0, 3)] * 38])
    assert found.p_value == pytest.approx(0.5 / 16)


def test_many_cases_are_summed_without_loss() -> None:
    found = exact_test.more_failures([(0, 1, 3)] * 20_000 + [(1, 0, 3)] * 6_667)
    assert found.p_value == pytest.approx(0.5, abs=0.02)
