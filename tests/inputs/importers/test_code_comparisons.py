"""Tests of comparisons in code: constants, lengths, numbers of parts, and what has no check."""

from __future__ import annotations

from typing import Any

import pytest

from evalgate.inputs.importers.code_comparisons import compare
from evalgate.inputs.importers.code_values import UNDEFINED, Chosen, Count, PartCount, Text
from evalgate.inputs.importers.output_conditions import Always, Has, NoCheckError, make_check

LENGTH = Count(float, plain=True)


@pytest.mark.parametrize(
    ("sign", "left", "right", "holds"),
    [("===", 1, 1.0, True), ("===", 1, True, False), ("!==", "a", "b", True), ("<", 1, 2, True), ("===", UNDEFINED, UNDEFINED, True)],
)  # fmt: skip
def test_constants_are_compared(sign: str, left: Any, right: Any, holds: bool) -> None:
    assert compare(sign, left, right) == Always(holds)


def test_lengths_are_compared_from_both_sides() -> None:
    for condition in (compare(">", LENGTH, 3), compare("<", 3, LENGTH), compare(">", compare("-", LENGTH, 3), 0)):
        assert make_check(condition) == {"type": "length", "min_chars": 4}


def test_numbers_of_parts_and_of_conditions_are_compared() -> None:
    assert make_check(compare("<", PartCount(r"\s+", filled=True), 3)) == {"type": "length", "max_words": 2}
    chosen = Chosen(tuple(Has({"type": "contains", "value": each}) for each in "abc"))
    assert make_check(compare("===", chosen, 0)) == {"type": "not_contains_any", "values": ["a", "b", "c"]}
    with pytest.raises(NoCheckError, match="some of many"):
        compare(">=", Chosen(chosen.conditions * 6), 9)


@pytest.mark.parametrize(
    ("sign", "left", "right"),
    [("<", Text(), "a"), ("===", Text(), 3), ("+", Text(), 1), ("<", "a", "b"), ("===", LENGTH, "a")],
)
def test_other_comparisons_are_refused(sign: str, left: Any, right: Any) -> None:
    with pytest.raises(NoCheckError):
        compare(sign, left, right)
