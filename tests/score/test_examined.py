"""What a check examines."""

from __future__ import annotations

import pytest

from evalgate.domain import Case, Check, Output
from evalgate.score.examined import as_list, find_text, fold, read_expected, read_texts, read_value, show_number
from evalgate.score.observation import NotScoredError, NoValueError

CASE = Case(id="c", fields={"a": {"b": "x"}, "n": None})


def make(**options: object) -> Check:
    return Check(name="it", type="contains", options=options)  # type: ignore[arg-type]


def test_the_expected_value_is_the_checks_own_or_the_cases() -> None:
    assert read_expected(make(value=1), CASE) == 1
    assert read_expected(make(**{"from": "a.b"}), CASE) == "x"
    assert read_texts(make(values=[1, "y"]), CASE) == ["1", "y"]
    for missing in ("z", "a.z"):
        with pytest.raises(NotScoredError, match="has no field"):
            read_expected(make(**{"from": missing}), CASE)
    with pytest.raises(NotScoredError, match="no text to search for"):
        read_texts(make(**{"from": "n"}), CASE)
    with pytest.raises(ValueError, match='needs "value"'):
        read_expected(make(), CASE)


def test_the_place_is_a_value_or_a_text() -> None:
    output = Output(text='{"a": [1], "n": null}')
    assert read_value(make(at="/a"), output) == [1]
    assert find_text(make(at="/a"), output) == "[1]"
    assert find_text(make(), output) == output.text
    for place in ("/z", "/n"):
        with pytest.raises(NoValueError, match="must have"):
            find_text(make(at=place), output)


def test_fold_as_list_and_show_number() -> None:
    assert fold(make(ignore_case=True), "Stra\u00dfe") == "strasse"
    assert fold(make(ignore_case=True), "\u0130STANBUL") == fold(make(ignore_case=True), "istanbul")
    assert as_list("x") == ["x"] and as_list(("x",)) == ["x"]
    assert show_number(0.8996, 0.9) == "0.8996"
