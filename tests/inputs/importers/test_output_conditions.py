"""Tests of conditions as checks: opposites, lengths, and what becomes one check."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.inputs.importers.output_conditions import (
    All,
    Always,
    Condition,
    Fits,
    Has,
    IsLong,
    NoCheckError,
    Not,
    Some,
    list_patterns,
    make_check,
    make_parts_pattern,
    make_trimmed_pattern,
)

A, B = (Has({"type": "contains", "value": each}) for each in ("a", "b"))


def test_searches_for_texts_become_one_check() -> None:
    assert make_check(All((A, B))) == {"type": "contains_all", "values": ["a", "b"]}
    assert make_check(Some((A, B, A))) == {"type": "contains_any", "values": ["a", "b"]}
    assert make_check(Not(Some((A, B)))) == {"type": "not_contains_any", "values": ["a", "b"]}
    assert make_check(Not(All((A, B)))) == {"type": "any_of", "checks": [
        {"type": "not_contains", "value": "a"}, {"type": "not_contains", "value": "b"}]}  # fmt: skip


def test_schemas_of_one_value_become_one_schema() -> None:
    schemas = [Fits(0, {"type": each}) for each in ("object", "array")]
    assert make_check(Some(tuple(schemas))) == {
        "type": "json_schema",
        "schema": {"anyOf": [{"type": "object"}, {"type": "array"}]},
    }
    assert make_check(Not(schemas[0])) == {"type": "json_schema", "schema": {"not": {"type": "object"}}}
    with pytest.raises(NoCheckError, match="an item"):
        make_check(All((Fits(1, {"type": "null"}), A)))


def test_constants_decide_where_they_can() -> None:
    assert make_check(All((A, Always(True)))) == A.check
    assert make_check(All((A, Always(False)))) is False
    assert make_check(Some((A, Not(Always(False))))) is True


@given(st.integers(0, 300), st.integers(0, 300))
def test_a_condition_on_the_length_is_its_interval(low: int, high: int) -> None:
    made = make_check(IsLong(lambda length: low <= length <= high))
    wanted = {"type": "length", **({"min_chars": low} if low else {}), "max_chars": high}
    assert made == (wanted if low <= high else False)


def test_lengths_of_two_intervals_and_of_more() -> None:
    made = make_check(IsLong(lambda length: length < 3 or length > 9))
    assert made == {
        "type": "any_of",
        "checks": [{"type": "length", "max_chars": 2}, {"type": "length", "min_chars": 10}],
    }
    with pytest.raises(NoCheckError):
        make_check(IsLong(lambda length: length % 5 == 0))
    with pytest.raises(NoCheckError):
        make_check(IsLong(lambda length: length == 10**7))


def test_the_opposite_of_a_beginning_is_a_pattern() -> None:
    assert make_check(Not(Has({"type": "starts_with", "value": "a.b"}))) == {"type": "not_regex", "pattern": "^a\\.b"}
    with pytest.raises(NoCheckError, match="the opposite of levenshtein"):
        make_check(Not(Has({"type": "levenshtein", "value": "a"})))


def test_a_condition_with_too_many_parts_is_refused() -> None:
    parts: list[Condition] = [Has({"type": "regex", "pattern": str(number)}) for number in range(80)]
    with pytest.raises(NoCheckError, match="too many parts"):
        make_check(All(tuple(parts)))
    made = make_check(Some(tuple(parts[:3])))
    assert isinstance(made, dict) and list(list_patterns(made)) == ["0", "1", "2"]


@given(st.text("ab \n,", max_size=12), st.integers(1, 4), st.sampled_from(["\n", ","]))
def test_parts_that_are_not_blank_are_counted(text: str, count: int, separator: str) -> None:
    filled = [part for part in text.split(separator) if part.strip()]
    assert bool(re.search(make_parts_pattern(separator, count), text)) is (len(filled) >= count)


@given(st.text("ab \n", max_size=10), st.integers(0, 4), st.integers(0, 5))
def test_characters_without_white_space_at_the_ends_are_counted(text: str, low: int, more: int) -> None:
    found = re.search(make_trimmed_pattern(low, low + more).replace("$", r"\Z"), text)
    assert bool(found) is (low <= len(text.strip()) <= low + more)
    if low:
        assert bool(re.search(make_trimmed_pattern(low, None), text)) is (len(text.strip()) >= low)


def test_more_repeats_than_re2_counts_are_refused() -> None:
    with pytest.raises(NoCheckError):
        make_trimmed_pattern(1, 2_000)
    with pytest.raises(NoCheckError):
        make_parts_pattern("; ", 2)
