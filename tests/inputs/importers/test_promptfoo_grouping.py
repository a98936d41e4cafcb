"""Tests of criteria of single tests put together: constants, fields, conditions, names and files."""

from __future__ import annotations

from typing import Any

from evalgate.domain import Json
from evalgate.inputs.importers.promptfoo_criteria import Wanted, as_wanted
from evalgate.inputs.importers.promptfoo_grouping import Grouped, group_criteria, number_names


def group(*wanted: list[Wanted], taken: str = "") -> tuple[Grouped, list[dict[str, Json]]]:
    cases: list[dict[str, Json]] = [{"id": f"c{number}"} for number in range(len(wanted))]
    return group_criteria(wanted, cases, lambda path: path == taken), cases


def contains(text: str, **more: Any) -> Wanted:
    return as_wanted({"type": "contains", "value": text}, label="contains", **more)


def test_what_all_cases_ask_for_has_no_condition() -> None:
    found, _ = group([contains("a"), contains("b")], [contains("a")])
    assert found.checks == [
        {"type": "contains", "value": "a"},
        {"type": "contains", "name": "contains_2", "value": "b", "when": {"ids": ["c0"]}},
    ]


def test_values_that_differ_become_fields_and_lists_are_joined() -> None:
    found, cases = group([contains("a"), contains("b")], [contains("[c]")], [])
    assert found.checks == [
        {"type": "contains_all", "from": "expected_contains", "when": {"has": ["expected_contains"]}}
    ]
    assert cases == [
        {"id": "c0", "expected_contains": ["a", "b"]},
        {"id": "c1", "expected_contains": ["[c]"]},
        {"id": "c2"},
    ]


def test_a_constant_of_many_cases_is_a_field_of_them() -> None:
    found, cases = group(*([[contains("a")]] * 12), [])
    assert found.checks == [{"type": "contains", "from": "expected_contains", "when": {"has": ["expected_contains"]}}]
    assert "expected_contains" not in cases[12]


def test_a_limit_of_many_cases_names_them() -> None:
    limit = as_wanted({"type": "length", "min_words": 200}, label="javascript")
    found, _ = group(*[[limit]] * 12, [])
    assert found.checks == [
        {"type": "length", "min_words": 200, "when": {"ids": [f"c{number}" for number in range(12)]}}
    ]


def test_limits_that_differ_become_fields() -> None:
    limits = [as_wanted({"type": "length", "max_words": count}, label="word-count") for count in (3, 5)]
    found, cases = group([limits[0]], [limits[1]])
    assert found.checks == [{"type": "length", "max_words": {"from": "max_words"}}]
    assert cases[1]["max_words"] == 5


def test_names_are_apart_and_schemas_are_files() -> None:
    schema = as_wanted({"type": "json_schema", "schema": {"type": "object"}})
    found, _ = group([schema, contains("x", name="tone"), contains("y", name="tone"), contains("z", name="answered")])
    assert [each.get("name") for each in found.checks] == [None, "tone", "tone_2", "answered_2"]
    assert found.checks[0]["schema"] == "golden/schemas/json_schema.schema.json"
    other, _ = group([schema], taken="golden/schemas/json_schema.schema.json")
    assert other.checks[0]["schema"] == "golden/schemas/json_schema-2.schema.json"


def test_names_are_numbered_from_two() -> None:
    names = number_names("a", "-")
    assert [next(names) for _ in range(3)] == ["a", "a-2", "a-3"]
