"""The rule on plain arrays: broken and fixed cases with their fresh draws, and checks over several looks."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from evalgate.decide import simulated_gates

DRAWS = st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=8)


@given(DRAWS, st.booleans())
def test_a_case_is_broken_or_fixed_only_if_every_draw_is_the_opposite_of_the_baseline(
    draws: list[list[bool]], passed: bool
) -> None:
    passes = np.array(draws)
    before = np.full(len(draws), passed)
    turned, fresh = simulated_gates.flips(before, ~before, passes)
    for case, row in enumerate(draws):
        opposite = all(draw is not passed for draw in row)
        assert turned[case] == ((1 if passed else -1) if opposite else 0)
        if row[0] is passed:
            assert fresh[case] == 0
        else:
            assert fresh[case] == next((n for n, draw in enumerate(row[1:], start=1) if draw is passed), 3)


def test_a_case_that_always_fails_is_seen_only_by_a_look_that_reaches_it() -> None:
    nothing = np.zeros(10, dtype=bool)
    for_good = nothing.copy()
    for_good[7] = True
    fails = (nothing, np.zeros(10, dtype=int), np.full(10, 3), for_good)
    assert not simulated_gates.fails_check(*fails, [(5, 0.05)])
    assert simulated_gates.fails_check(*fails, [(5, 0.05), (10, 0.05)])


def test_many_more_failures_than_the_baseline_has_fail_and_as_many_do_not() -> None:
    first = np.array([True] * 8 + [False] * 12)
    none, draws = np.zeros(20, dtype=bool), np.full(20, 3)
    assert simulated_gates.fails_check(first, np.zeros(20, dtype=int), draws, none, [(20, 0.05)])
    assert not simulated_gates.fails_check(first, np.where(first, 3, 0), draws, none, [(20, 0.05)])
