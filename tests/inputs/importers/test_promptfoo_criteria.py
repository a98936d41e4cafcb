"""Tests of what a test asks for: what is one criterion, and what differs between cases."""

from __future__ import annotations

from evalgate.inputs.importers.promptfoo_criteria import as_wanted


def test_the_value_is_what_may_differ() -> None:
    one, two = (as_wanted({"type": "contains", "value": each}) for each in ("a", "b"))
    assert one.key == two.key and one.content != two.content
    assert (one.slot, one.value, one.options) == ("texts", ["a"], {"type": "contains_all"})
    assert as_wanted({"type": "contains", "value": "a", "ignore_case": True}).key != one.key


def test_limits_patterns_and_schemas_may_differ() -> None:
    assert as_wanted({"type": "length", "max_words": 3}).limits == {"max_words": 3}
    assert as_wanted({"type": "regex", "pattern": "a"}).slot == "pattern"
    assert as_wanted({"type": "json_schema", "schema": {"type": "object"}}).value == {"type": "object"}
    assert as_wanted({"type": "any_of", "checks": []}).slot is None
