"""Tests of a row of a table of tests: the columns with a meaning, and the assertions in cells."""

from __future__ import annotations

from typing import Any

import pytest

from evalgate.inputs.importers.promptfoo_csv import read_assertion, read_row, split_list


@pytest.mark.parametrize(
    ("cell", "assertion"),
    [
        ("a text", {"type": "equals", "value": "a text"}),
        ("note: a text", {"type": "equals", "value": "note: a text"}),
        ("icontains: Hello", {"type": "icontains", "value": "Hello"}),
        ("not-contains: x", {"type": "not-contains", "value": "x"}),
        ("contains-any: a, b", {"type": "contains-any", "value": ["a", "b"]}),
        ("similar(0.9): x", {"type": "similar", "value": "x", "threshold": 0.9}),
        ("similar: x", {"type": "similar", "value": "x", "threshold": 0.8}),
        ("latency(500)", {"type": "latency", "threshold": 500.0}),
        ("is-json", {"type": "is-json"}),
        ("javascript: output.length > 1", {"type": "javascript", "value": "output.length > 1"}),
        ("fn:true", {"type": "javascript", "value": "true"}),
        ("file://x.js", {"type": "javascript", "value": "file://x.js"}),
        ("python: len(output) > 1", {"type": "python", "value": "len(output) > 1"}),
        ("grade: is kind", {"type": "llm-rubric", "value": " is kind"}),
    ],
)
def test_a_cell_is_an_assertion(cell: str, assertion: dict[str, Any]) -> None:
    assert read_assertion(cell) == assertion


def test_columns_with_two_underscores_have_a_meaning() -> None:
    row = {"q": "a", "__expected": "is-json", "__expected2": "cost", "__description": "d", "__threshold": "0.5", "__metric": "m",
           "__metadata:k": "v", "__metadata:l[]": "a, b\\,c", "__prefix": "p", "__suffix": "", "__config:__expected2:threshold": "0.1", "__other": "x"}  # fmt: skip
    found = read_row(row)
    assert found.variables == {"q": "a"}
    assert found.assertions == [{"type": "is-json", "metric": "m"}, {"type": "cost", "threshold": 0.1, "metric": "m"}]
    assert (found.description, found.threshold, found.options) == ("d", 0.5, {"prefix": "p"})
    assert (found.metadata, found.dropped) == ({"k": "v", "l": ["a", "b,c"]}, ["__other"])


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a, b", ["a", "b"]),
        ('"a, b", c', ["a, b", "c"]),
        ('"say ""x""",y', ['say "x"', "y"]),
        ('"\\"q\\""', ['"q"']),
        (", ,a", ["a"]),
    ],
)
def test_a_list_is_split_at_commas_outside_of_quotes(text: str, parts: list[str]) -> None:
    assert split_list(text) == parts
