"""Tests of conditions on places of an output: their schemas."""

from __future__ import annotations

from typing import Any

import pytest

from evalgate.inputs.importers import json_conditions
from evalgate.inputs.importers.json_conditions import OUTPUT, call, compare_json, decode, take
from evalgate.inputs.importers.output_conditions import Fits, NoCheckError


def find_schema(condition: Any) -> Any:
    assert isinstance(condition, Fits)
    return condition.schema


def test_a_place_is_required_with_all_above_it() -> None:
    place = take(take(OUTPUT, "a"), 1)
    assert find_schema(compare_json("===", place, 3, is_undefined=False)) == {
        "type": "object",
        "required": ["a"],
        "properties": {"a": {"type": "array", "minItems": 2, "prefixItems": [True, {"const": 3}]}},
    }


def test_texts_are_compared_without_case() -> None:
    lower = call(take(OUTPUT, "a"), "toLowerCase", [])
    inner = find_schema(call(lower, "includes", ["x.y"]))["properties"]["a"]
    assert inner == {"type": "string", "pattern": "(?i)x\\.y"}


def test_the_arguments_of_a_call_are_decoded_already() -> None:
    arguments = take(take(take(OUTPUT, 0), "function"), "arguments")
    assert decode(arguments).path == ("tool_calls", 0, "arguments")
    assert decode(take(OUTPUT, "arguments")).path == ("tool_calls", 0, "arguments")
    with pytest.raises(NoCheckError, match="inside of the output"):
        decode(take(OUTPUT, "a"))


@pytest.mark.parametrize(
    "act",
    [
        lambda: call(OUTPUT, "replace", ["a", "b"]),
        lambda: compare_json("<", take(OUTPUT, "a"), "x", is_undefined=False),
        lambda: compare_json("===", take(OUTPUT, "a"), take(OUTPUT, "b"), is_undefined=False),
        lambda: take(take(OUTPUT, "length"), "a"),
        lambda: json_conditions.has_type(OUTPUT, "function"),
    ],
)
def test_other_conditions_are_refused(act: Any) -> None:
    with pytest.raises(NoCheckError):
        act()
