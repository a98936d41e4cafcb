"""The check of a number."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from score.scored_outputs import fails_on_all_hostile, score, value

from evalgate.domain import Case, Check, Unscored
from evalgate.score import case_options
from evalgate.score.number_checks import find_numbers

ROWS: list[tuple[dict[str, Any], list[str], list[str]]] = [
    (
        {"min": 10, "max": 20},
        ["10", "It is 20 euros.", "about 12.5%", "$15", "15, or rather 15.0"],
        ["", "9.999", "20.001", "from 12 to 18", "twelve"],
    ),
    (
        {"value": 0.3, "tolerance": 0.1},
        ["0.2", "0.4", "0.30", "+0.3", "3e-1"],
        ["0.1999999", "0.41", "-0.3", "0,3", "0.3.1"],
    ),
    (
        {"min": 1000},
        ["1,234", "1,234,567.5", "1000", "1e3", "= 2000."],
        ["1.234,5", "1234,567", "v1200", "2026-11-30", "12,34"],
    ),
    (
        {"max": -1, "at": "/n"},
        ['{"n": -1}', '{"n": "-2"}', '{"n": "\u22123 degrees"}', '{"n": -1.5}', '{"n": -1e3}'],
        ['{"n": null}', '{"n": true}', '{"n": []}', '{"n": "A-5"}', "-2"],
    ),
]


@pytest.mark.parametrize(("options", "good", "bad"), ROWS)
def test_five_outputs_pass_and_five_fail(options: dict[str, Any], good: list[str], bad: list[str]) -> None:
    assert [value("number", text, **options) for text in good] == [1.0] * 5
    assert [value("number", text, **options) for text in bad] == [0.0] * 5


def test_hostile_outputs_pass_no_limit() -> None:
    assert fails_on_all_hostile("number", min=2, max=1e300)


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_compared_as_it_is_written(number: float, limit: float) -> None:
    assert value("number", f"It is {number!r}.", min=limit) == float(number >= limit)
    assert value("number", f'{{"a": {number!r}}}', at="/a", max=limit) == float(number <= limit)


@pytest.mark.parametrize(
    "text", ["A-17", "x1", "1x", "10:30", "1/2", "1.2.3", "2026-11-30", "#a1b2", "1_000", "\u0661\u0662", "--1e99999"]
)
def test_digits_in_something_else_are_no_number(text: str) -> None:
    assert value("number", text, min=-1e300) == 0.0


def test_several_different_numbers_are_named() -> None:
    assert find_numbers("3 of 4, not 3.0") == [3, 4]
    assert "found 3, 4: choose one" in score("number", "3 of 4", min=0).reason


def test_the_case_gives_limits_and_the_expected_number() -> None:
    check = Check(name="n", type="number", from_case={"value": "f", "tolerance": "t"})
    for given_ in (-2, "-2", -2.0, " -2.0"):
        bound = case_options.bind(check, _case({"f": given_, "t": "0.5"}))
        assert bound.options == {"value": -2, "tolerance": 0.5}
    for wrong in (None, "", "two", True, [], float("nan"), "--2", "1,5"):
        with pytest.raises(case_options.CaseOptionError, match="cannot be"):
            case_options.bind(check, _case({"f": wrong, "t": 0}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "needs one of"),
        ({"tolerance": 1, "min": 0}, '"tolerance" needs'),
        ({"value": 1, "min": 0}, '"value" excludes'),
        ({"min": 2, "max": 1}, '"min" is more than "max"'),
    ],
)
def test_options_that_cannot_be_used_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        score("number", "1", **options)


def test_an_output_without_a_number_is_scored() -> None:
    assert not isinstance(score("number", "none", min=0), Unscored)


def _case(fields: dict[str, Any]) -> Any:
    from evalgate.domain import Case

    return Case(id="c", fields=fields)


@given(
    st.integers(min_value=1, max_value=999),
    st.lists(st.integers(min_value=0, max_value=999), min_size=1, max_size=3),
    st.sampled_from([" ", "'", "\u2019", "\u00a0", "\u202f", "\u2009"]),
    st.sampled_from(["", "It is ", "-", "$"]),
)
def test_digits_in_groups_are_no_smaller_number(first: int, groups: list[int], separator: str, before: str) -> None:
    written = separator.join([str(first), *(f"{group:03}" for group in groups)])
    assert value("number", f"{before}{written} euros", min=-1e300) == 0.0


@given(st.integers(min_value=1, max_value=10**9), st.sampled_from("-\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d"))
def test_a_dash_before_a_number_is_a_minus(number: int, dash: str) -> None:
    for text in (
        f"{dash}{number}",
        f"It is {dash}{number}.",
        f"{dash}${number}",
        f"\u200b{dash}\u20ac{number:,} \u00b0C",
    ):
        assert find_numbers(text) == [-number]
        assert value("number", text, value=-number) == 1.0


@given(st.integers(min_value=1, max_value=10**9), st.sampled_from(["", "$", "\u20ac "]))
def test_a_minus_in_words_is_one(number: int, currency: str) -> None:
    for text in (
        f"minus {currency}{number}",
        f"It is Negative {currency}{number}.",
        f"(minus\u00a0{currency}{number})",
    ):
        assert find_numbers(text) == [-number]
    assert find_numbers(f"-{currency}{number}") == [-number]
    assert find_numbers(f"non-negative {number}, aminus {number}") == [number]


CURRENCIES = [char for char in map(chr, range(0x20000)) if unicodedata.category(char) == "Sc"]
CODES = ["EUR ", "USD", "CHF\u00a0"]


MINUS = st.sampled_from(["-", "\u2212", "minus ", "minus  ", "Negative\n", "&minus;", "&#8722;"])
CURRENCY = st.sampled_from(["", *CODES]) | st.builds(
    str.__add__, st.sampled_from(["", "US", "R"]), st.sampled_from(CURRENCIES)
)
MARKS = st.sampled_from(["", "\\", "**", "`", "{", "("])


@given(st.integers(min_value=1, max_value=10**9), st.tuples(MINUS, MARKS, CURRENCY, MARKS).map("".join))
def test_a_minus_is_not_lost(number: int, minus: str) -> None:
    assert find_numbers(f"{minus}{number}") == [-number]
    for before in ("It is ", "x,", "so.", "then: "):
        assert find_numbers(f"{before}{minus}{number}") == [-number]


@given(st.integers(min_value=-(10**14), max_value=10**14), st.booleans())
def test_a_number_of_the_case_is_exact(number: int, as_text: bool) -> None:
    check = Check(name="n", type="number", from_case={"value": "f"})
    bound = case_options.bind(check, Case(id="c", fields={"f": str(number) if as_text else number}))
    assert bound.options["value"] == number and isinstance(bound.options["value"], int)
    huge = Case(id="c", fields={"f": number * 10**9 + 1})
    assert case_options.bind(check, huge).options["value"] == number * 10**9 + 1


@pytest.mark.parametrize("text", ["- $5", "- **5**", "grep -C 5", "tail -n 5", "EUR 5", "US$5", "A-list: 5", "x - 5"])
def test_a_dash_that_is_no_sign_is_no_minus(text: str) -> None:
    assert find_numbers(text) == [5]


@given(st.integers(min_value=1, max_value=10**6), st.integers(min_value=1, max_value=10**6))
def test_invisible_characters_divide_no_number(left: int, right: int) -> None:
    assert find_numbers(f"{left}\u200b{right} or {left}\u00ad{right}") == [int(f"{left}{right}")]


@pytest.mark.parametrize(
    "text",
    [
        "5 \u00bd",
        "5\u00b75",
        "5\u066b5",
        "3\u20135",
        "5\u20135",
        "5 \u00d7 10\u00b3",
        "5x10\u2074",
        "5\u207b\u00b9",
        "\u207b5",
    ],
)
def test_a_number_in_another_notation_is_none(text: str) -> None:
    assert value("number", text, min=-1e300) == 0.0


def test_two_numbers_beside_each_other_are_two() -> None:
    assert find_numbers("He read 5 100-page books and 5 1000 others") == [5, 1000]
