"""A number shown never contradicts the decision made with it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain.numbers import shown


@pytest.mark.parametrize(
    ("value", "limit", "text"),
    [
        (0.8996, 0.9, "0.8996"),
        (0.9, 0.9, "0.900"),
        (0.89996, 0.9, "0.89996"),
        (0.75, 0.5, "0.750"),
        (-0.04999, -0.05, "-0.04999"),
        (-0.0001, None, "0.000"),
        (math.inf, 0.5, "inf"),
        (0.8999999999999999, 0.9, "0.8999999999999999"),
    ],
)
def test_as_many_digits_as_it_takes(value: float, limit: float | None, text: str) -> None:
    assert shown(value, limit) == text


def test_no_negative_zero() -> None:
    assert shown(-0.0, 0.0, signed=True) == "+0.000"
    assert shown(-0.0001) == "0.000"


@given(st.integers(-1000, 1000), st.integers(-(10**9), 10**9))
def test_the_side_of_the_limit_is_always_visible(limit_thousandths: int, billionths: int) -> None:
    limit, value = limit_thousandths / 1000, billionths / 10**9
    text = shown(value, limit)
    assert (float(text) > limit) == (value > limit)
    assert (float(text) < limit) == (value < limit)
