"""A number shown never contradicts the decision made with it."""

import math
import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import evalgate
from evalgate.domain.numbers import show, show_count, show_exactly, show_probability


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
        (0.8999999999999999, 0.9, "0.900"),
        (-9.99e-15, 0.0, "0.000"),
        (0.04999999999999999, 0.05, "0.050"),
        (1e-12, 0.0, "0.000000000001"),
    ],
)
def test_as_many_digits_as_it_takes(value: float, limit: float | None, text: str) -> None:
    assert show(value, limit) == text


def test_no_negative_zero() -> None:
    assert show(-0.0, 0.0, signed=True) == "+0.000"
    assert show(-0.0001) == "0.000"


@given(st.integers(-1000, 1000), st.integers(-(10**9), 10**9))
def test_the_side_of_the_limit_is_always_visible(limit_thousandths: int, billionths: int) -> None:
    limit, value = limit_thousandths / 1000, billionths / 10**9
    text = show(value, limit)
    assert (float(text) > limit) == (value > limit)
    assert (float(text) < limit) == (value < limit)


@given(
    st.floats(-1, 1) | st.floats(-1e-9, 1e-9),
    st.lists(st.floats(-1, 1) | st.floats(-1e-9, 1e-9), max_size=3),
    st.booleans(),
)
def test_no_figure_has_an_exponent_or_more_than_12_decimals(value: float, limits: list[float], signed: bool) -> None:
    for text in (show(value, *limits, signed=signed), show_exactly(value)):
        assert re.fullmatch(r"[+-]?\d+(\.\d{1,12})?", text)
        assert not re.fullmatch(r"-0(\.0*)?", text)
        assert abs(float(text) - value) <= 0.0005 + 1e-12


@given(st.floats(0, 1))
def test_a_p_value_has_no_exponent(value: float) -> None:
    assert re.fullmatch(r"p = [01]\.\d{4}|p < 0\.0001", show_probability(value))


@given(st.decimals("-1", "1", places=12))
def test_a_limit_is_shown_as_it_was_written(limit: Decimal) -> None:
    assert Decimal(show_exactly(float(limit))) == limit


@given(st.integers(min_value=0, max_value=10**9))
def test_a_noun_stands_in_the_singular_only_after_one(number: int) -> None:
    assert show_count(number, "case").replace(",", "") == (f"{number} case" if number == 1 else f"{number} cases")
    assert show_count(number, "entry", "entries").endswith(" entry" if number == 1 else " entries")
    assert show_count(1_200, "case is", "cases are") == "1,200 cases are"


NOUNS = "cases|scores|calls|samples|draws|rows|entries|findings|labels|revisions|items|answers|runs|units"
NO_COUNTS = ("least", "which", "told", "judge", "name")
COUNTED = re.compile(
    rf"(?<!all )\{{(?!show_count)(?![^{{}}]*\b[A-Z_]{{4,}}\b)([^{{}}]+)\}} (?:(?:more|independent) )?(?:{NOUNS})\b"
)


def test_no_sentence_has_a_plural_behind_a_number_that_may_be_one() -> None:
    found = [
        f"{path.name}:{number}: {line.strip()}"
        for path in Path(evalgate.__file__).parent.rglob("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if (known := COUNTED.search(line)) and known[1] not in NO_COUNTS and "raise ValueError" not in line
    ]
    assert found == []
