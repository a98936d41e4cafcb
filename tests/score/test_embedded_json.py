"""JSON inside a text."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from score.scored_outputs import fails_on_all_hostile, score, value

from evalgate.domain import Unscored
from evalgate.score.embedded_json import find_values

SCHEMA = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
GOOD = ["{}", "Here: [1, 2].", '```json\n{"a": null}\n```', "a { b } [] c", 'x{"a": [1, {"b": "}"}]}y']
BAD = ["", "42", '"text"', "{'a': 1}", '{"a": 1, "a": 2}']
FITTING = ['{"n": 1}', 'No {"n": "x"} but {"n": 2}', '[[{"n": 1}], {"n": 1}] {"n": 3}', '{"n": 1.0}', '```\n{"n": 4}']
MISFITS = ["", "{}", '{"n": null}', '[{"n": 1}]', '{"n": 1']


def test_five_outputs_pass_and_five_fail() -> None:
    assert [value("contains_json", text) for text in GOOD] == [1.0] * 5
    assert [value("contains_json", text) for text in BAD] == [0.0] * 5
    assert [value("contains_json", text, schema=SCHEMA) for text in FITTING] == [1.0] * 5
    assert [value("contains_json", text, schema=SCHEMA) for text in MISFITS] == [0.0] * 5


def test_hostile_outputs_take_little_time() -> None:
    began = time.perf_counter()
    assert fails_on_all_hostile("contains_json", schema=SCHEMA)
    assert value("contains_json", "[" * 900 + "1," * 200_000) == 0.0
    assert value("contains_json", "[{" * 100_000) == 0.0
    assert time.perf_counter() - began < 10


def test_the_first_values_alone_are_compared() -> None:
    assert value("contains_json", "[] " * 19 + '{"n": 1}', schema=SCHEMA) == 1.0
    assert value("contains_json", "[] " * 20 + '{"n": 1}', schema=SCHEMA) == 0.0


@given(st.lists(st.dictionaries(st.text(), st.integers() | st.text() | st.lists(st.booleans())), max_size=4))
def test_each_value_is_found_once_and_in_order(values: list[object]) -> None:
    assert list(find_values(" and ".join(map(json.dumps, values)))) == values


@given(st.dictionaries(st.text(), st.text() | st.lists(st.integers() | st.just([])), min_size=1), st.data())
def test_nothing_inside_of_broken_json_counts(value: dict[str, object], data: st.DataObject) -> None:
    whole = json.dumps(value)
    end = data.draw(st.integers(min_value=1, max_value=len(whole) - 1))
    assert list(find_values(whole[:end])) == []
    assert list(find_values(f"{whole[:-1]},}}")) == []
    assert list(find_values(f'{{"a": {whole}, "a": NaN}} and {whole}')) == [value]
    assert list(find_values(f"{whole[:-1]}, and {whole}")) == [value]
    assert list(find_values(f'{{"a": "one\ntwo", "b": {whole}}}')) == []


def test_a_schema_that_cannot_be_used_is_refused_or_unscored() -> None:
    with pytest.raises(ValueError, match="urn:x"):
        score("contains_json", "{}", schema={"$schema": "urn:x"})
    slow = {"type": "object", "properties": {"n": {"$ref": "#/$defs/missing"}}}
    try:
        found = score("contains_json", '{"n": 1}', schema=slow)
    except ValueError:
        return
    assert isinstance(found, Unscored)
