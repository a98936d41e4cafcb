"""The types of the domain as plain data; whole reports are tested in test_report_json.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from evalgate.domain import (
    Arm,
    Attempts,
    Criterion,
    DatasetRef,
    Failure,
    Level,
    Outcome,
    Output,
    Result,
    Score,
    Unscored,
    Usage,
)
from evalgate.store import codec

RESULT = Result(
    case="a",
    arm=Arm.BASELINE,
    repeat=1,
    tags=("x", "y"),
    outcome=Failure(kind="unusable", message="refused", usage=Usage(), cost_usd=0.5),
    scores={"b": Unscored(reason="why"), "a": Score(value=0.5)},
    replies={"b": (Output(text="4"),)},
)


def test_a_value_is_encoded_by_its_fields_with_mappings_in_order() -> None:
    found = codec.encode(RESULT)
    assert [found[name] for name in ("case", "arm", "repeat", "tags")] == ["a", "baseline", 1, ["x", "y"]]
    assert list(found["scores"]) == ["a", "b"]
    assert found["scores"]["b"] == {"unscored": "why"}
    assert codec.encode(MappingProxyType({Level.MAJOR: Level.MINOR})) == {"MAJOR": "MINOR"}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Result, RESULT),
        (Outcome, Output(text="x", usage=Usage(input_tokens=1, output_tokens=2))),
        (Score | Unscored, Unscored(reason="why")),
        (Usage | None, None),
        (tuple[Level, ...], (Level.PATCH, Level.MAJOR)),
        (Mapping[Level, int], {Level.PATCH: 1}),
        (Mapping[int, float], {3: 0.5}),
    ],
)
def test_a_value_comes_back(kind: Any, value: object) -> None:
    assert codec.decode(kind, codec.encode(value), "here") == value


@pytest.mark.parametrize(
    ("kind", "data", "message"),
    [
        (int, True, "here: expected a whole number, found true or false"),
        (float, "1", "here: expected a number, found a string"),
        (Usage, [], "here: expected an object, found a list"),
        (Usage, {"input_tokens": 1}, 'here: missing "output_tokens"'),
        (Usage, {"input_tokens": 1, "output_tokens": 1, "x": 1}, 'here: unknown "x"'),
        (
            Usage,
            {"input_tokens": 1.5, "output_tokens": 1},
            "here.input_tokens: expected a whole number, found a number",
        ),
        (tuple[Level, ...], ["PATCH", "HUGE"], 'here[1]: "HUGE" is not one of "PATCH", "MINOR", "MAJOR"'),
        (Mapping[int, float], {"x": 0.5}, 'here: the key "x" is not a whole number'),
        (Outcome, {"text": 5}, "here: not an outcome"),
        (Score | Unscored, {"unscored": "x", "value": 1}, 'here: unknown "value"'),
    ],
)
def test_what_is_not_what_was_encoded_is_refused_with_its_place(kind: Any, data: object, message: str) -> None:
    with pytest.raises(codec.DecodeError) as caught:
        codec.decode(kind, data, "here")
    assert str(caught.value).startswith(message)


def test_a_field_that_was_renamed_keeps_its_key_in_stored_data() -> None:
    attempts = Attempts(number=2, blocked_before=False, chance_of_pass=0.1)
    data = {"number": 2, "blocked_before": False, "luck": 0.1}
    assert codec.encode(attempts) == data and codec.decode(Attempts, data, "") == attempts
    with pytest.raises(codec.DecodeError, match='unknown "chance_of_pass"'):
        codec.decode(Attempts, {"number": 2, "blocked_before": False, "chance_of_pass": 0.1}, "")


def test_an_optional_field_is_stored_only_where_it_differs_from_its_default() -> None:
    plain = Criterion(name="a", kind="check", blocking=True, digest="d")
    stored = codec.encode(plain)
    assert "excluded" not in stored
    assert codec.decode(Criterion, stored, "") == plain
    some = replace(plain, excluded=("c1", "c2"))
    assert codec.encode(some)["excluded"] == ["c1", "c2"]
    assert codec.decode(Criterion, codec.encode(some), "") == some
    where = DatasetRef(path="p", digest="d", cases=1, narrowed={"a": ("c1",)})
    assert codec.decode(DatasetRef, codec.encode(where), "") == where
    assert "narrowed" not in codec.encode(replace(where, narrowed={}))
