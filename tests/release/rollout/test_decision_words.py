from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.release.rollout.decision_words import (
    Bounds,
    describe_unproven,
    describe_worse,
    estimate_keys,
    format_e,
    format_hours,
    format_number,
)
from evalgate.release.rollout.tally import Watched

BOUNDS = Bounds(worse=300, fine=20)


def watch(mean: tuple[float | None, float | None], name: str = "helpful", n: tuple[int, int] = (500, 500)) -> Watched:
    return Watched(
        name=name, allowed=0.1, n=n, mean=mean, log_e_worse=6.0, log_e_fine=0.0, blocks=9, deviation=(0.27, 0.27)
    )


@given(st.floats(-5, 40), st.sampled_from([20.0, 300.0, 333.3333333, 1000.0]))
def test_an_e_value_is_shown_on_its_side_of_the_bound(log_e: float, bound: float) -> None:
    text = format_e(log_e, bound).replace(",", "")
    if text.startswith("10^"):
        assert log_e >= math.log(bound)
    elif not text.startswith("just"):
        assert (float(text) >= bound) == (log_e >= math.log(bound))


@pytest.mark.parametrize(("e", "text"), [
    (5412.4, "5,412"), (299.96, "299.96"), (300, "300"), (3.14159, "3.14"), (0.01234, "0.0123"), (1e12, "10^12"),
])  # fmt: skip
def test_an_e_value_has_as_many_digits_as_it_needs(e: float, text: str) -> None:
    assert format_e(math.log(e), 300) == text


def test_bounds_and_hours_are_plain_numbers() -> None:
    assert (format_number(300), format_number(1200), format_number(33.3333)) == ("300", "1,200", "33.33")
    assert (format_hours(23.99), format_hours(23.99, below=23.95), format_hours(26)) == ("23.9", "23.9", "26")
    assert format_hours(24 - 1e-9, below=24) == "23.9"


def test_means_are_shown_with_the_decimals_that_show_the_difference() -> None:
    sentence = describe_worse(watch((0.8312, 0.8309)), BOUNDS, on_staging=False)
    assert sentence == "helpful: the canary's 0.8309 against 0.8312 over 500 and 500 keys, e = 403 against 300"
    sentence = describe_worse(watch((None, 0.09996)), BOUNDS, on_staging=True)
    assert sentence.startswith("helpful: 0.09996 on staging, where 0.10000 is the least allowed, over 500 keys")


def test_means_that_point_the_other_way_are_explained() -> None:
    sentence = describe_worse(watch((0.70, 0.75)), BOUNDS, on_staging=False)
    assert sentence.endswith("; it is worse within the same minutes, and the means of the whole stage do not show it")
    assert "do not show" not in describe_worse(watch((0.01, 0.05), "errors"), BOUNDS, on_staging=False)
    assert "do not show" in describe_worse(watch((0.05, 0.01), "errors"), BOUNDS, on_staging=False)


def test_an_arm_without_a_value_is_named() -> None:
    assert describe_unproven([watch((0.8, None), n=(9, 0))], BOUNDS).endswith(
        "helpful: canary has no value that counts"
    )
    assert describe_unproven([watch((None, 0.8), n=(0, 9))], BOUNDS).endswith("production has no value that counts")
    many = describe_unproven([watch((0.8, 0.8), name) for name in "abcde"], BOUNDS)
    assert many.endswith("; and 2 more")


def test_the_keys_that_settle_a_difference_grow_with_its_square() -> None:
    one, half = (estimate_keys(watch((0.8, mean), n=(50, 50)), 300) for mean in (0.7, 0.75))
    assert one is not None and half is not None
    assert half / one == pytest.approx(4, rel=0.2)
    assert estimate_keys(watch((0.8, 0.8)), 300) is None
    assert estimate_keys(watch((None, 0.8), n=(0, 9)), 300) is None
