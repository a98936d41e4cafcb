"""Numbers and their units."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.report.glue import join_units


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("over 34 cases (stopped early, of 68)", "over 34_cases (stopped early, of 68)"),
        ("-0.235 [-0.432, -0.062] over", "-0.235 [-0.432,_-0.062] over"),
        ("at most 5 % of 98.8 %", "at most 5_% of 98.8_%"),
        ("7 of 7 draws", "7_of_7_draws"),
        ("p < 0.0001 and p = 0.02", "p_<_0.0001 and p_=_0.02"),
        ("version 1.1.0 is 2 fast", "version 1.1.0 is 2 fast"),
        ("48 h, 0.04 s", "48_h, 0.04_s"),
    ],
)
def test_a_number_stays_with_its_unit(text: str, joined: str) -> None:
    assert join_units(text, "_") == joined


@given(st.text("0123456789 .,[]+-%ofcases"))
def test_only_spaces_change(text: str) -> None:
    assert join_units(text).replace("\u00a0", " ") == text.replace("\u00a0", " ")


@pytest.mark.parametrize("text", ["1," * 100_000, "1." * 100_000, "[1," * 100_000, "1,1 o" * 100_000])
def test_a_long_row_of_numbers_takes_no_longer_than_it_has_characters(text: str) -> None:
    assert join_units(text) == text
