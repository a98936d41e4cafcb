"""Tests of methods in code: those of the output, of constants, and of patterns."""

from __future__ import annotations

from typing import Any

import pytest

from evalgate.inputs.importers.code_methods import call_method, take_member
from evalgate.inputs.importers.code_values import UNDEFINED, Pattern, Text
from evalgate.inputs.importers.output_conditions import Always, NoCheckError, make_check

OUTPUT = Text()


@pytest.mark.parametrize(
    ("owner", "name", "values", "check"),
    [
        (OUTPUT, "includes", ["a"], {"type": "contains", "value": "a"}),
        (Text(lower=True), "endsWith", ["a"], {"type": "ends_with", "value": "a", "ignore_case": True}),
        (OUTPUT, "includes", ["\n"], {"type": "regex", "pattern": "\\n"}),
        (OUTPUT, "match", [Pattern("a", True)], {"type": "regex", "pattern": "a", "ignore_case": True}),
        (Pattern("^a$", False), "test", [Text(trimmed=True)], {"type": "regex", "pattern": "^\\s*a\\s*$"}),
        (["a", "b"], "includes", [OUTPUT], {"type": "any_of", "checks": [{"type": "equals", "value": "a"}, {"type": "equals", "value": "b"}]}),
    ],
)  # fmt: skip
def test_a_method_is_a_check(owner: Any, name: str, values: list[Any], check: dict[str, Any]) -> None:
    assert make_check(call_method(owner, name, values)) == check


def test_capital_letters_are_not_in_a_text_in_lower_case() -> None:
    assert call_method(Text(lower=True), "includes", ["A"]) == Always(False)
    with pytest.raises(NoCheckError, match="capital letters"):
        call_method(Pattern("A", False), "test", [Text(lower=True)])


def test_members_of_constants() -> None:
    assert take_member({"a": 1}, "a") == 1 and take_member({"a": 1}, "b") is UNDEFINED
    assert take_member(["a", "b"], 1) == "b" and take_member(["a", "b"], "length") == 2
    assert call_method(" A ", "trim", []) == "A" and call_method("A", "toLowerCase", []) == "a"
    with pytest.raises(NoCheckError):
        take_member(Text(lower=True), "a")
