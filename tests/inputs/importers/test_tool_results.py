"""Tests of what all result files share."""

from __future__ import annotations

import pytest

from evalgate.inputs.importers.tool_results import ToolResults, ToolTest, fingerprint, read_number, shorten


@pytest.mark.parametrize(("value", "number"), [
    (True, 1.0), (0, 0.0), (0.5, 0.5), (float("nan"), None), (float("inf"), None), ("1", None), (None, None),
])  # fmt: skip
def test_only_finite_numbers_and_truth_values_are_numbers(value: object, number: float | None) -> None:
    assert read_number(value) == number


def test_a_reason_is_the_first_line() -> None:
    assert shorten("\n a\nb", "x") == "a" and shorten(None, "x") == "x" and shorten(" ", "x") == "x"
    assert len(shorten("y" * 1000, "x")) < 300


def test_equal_content_has_one_fingerprint() -> None:
    assert fingerprint({"a": (1, float("nan")), "b": {}}) == fingerprint({"b": {}, "a": [1, None]})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})


def test_each_test_has_an_id_or_none_counts() -> None:
    def has_ids(*tests: tuple[str | None, str]) -> bool:
        made = tuple(ToolTest(id=name, content={"input": asks}, scores={}) for name, asks in tests)
        return ToolResults(tool="t", path="p", subject="s", tests=made, same_criteria=True).has_ids

    assert has_ids(("a", "1"), ("b", "2"), ("a", "1"))
    assert not has_ids(("a", "1"), (None, "2"))
    assert not has_ids(("a", "1"), ("a", "2"))
