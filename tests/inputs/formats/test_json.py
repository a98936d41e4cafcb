"""JSON text to data that remembers its lines, and what is refused."""

from __future__ import annotations

import pytest
from inputs.formats.readers import fault

from evalgate.inputs.formats import json as json_text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": NaN}', "f:1:7: NaN is not a number in JSON"),
        ('{"a": [1,\n -Infinity]}', "f:2:2: -Infinity is not a number in JSON"),
        ('{"a": 1,\n "a": 2}', 'f:2:2: the key "a" is given twice; first in line 1'),
        ('{"a": 1e400}', "f:1:7: the number is too large"),
        ('{"a": 1' + "0" * 5000 + "}", "f:1:7: the number is too large"),
        ('{"a": "\\ud800"}', "f:1:7: half a surrogate pair is not text"),
        ("{'a': 1}", "f:1:2: not valid JSON: a key in double quotes was expected"),
        ('{"a": 1,}', "f:1:9: not valid JSON: a key in double quotes was expected"),
        ("[1, 2,]", "f:1:7: not valid JSON: a value was expected"),
        ("[1 2]", 'f:1:4: not valid JSON: "," was expected'),
        ('{"a" 1}', 'f:1:6: not valid JSON: ":" was expected'),
        ('["a\nb"]', "f:1:4: not valid JSON: "),
        ('["a', "f:1:2: not valid JSON: "),
        ("[1] x", "f:1:5: more text after the end of the JSON value"),
        (" \n", "is empty: a JSON value was expected"),
        ("[01]", 'f:1:3: not valid JSON: "," was expected'),
        ("nul", "f:1:1: not valid JSON: a value was expected"),
    ],
)
def test_json_refuses_with_the_place(text: str, message: str) -> None:
    assert message in fault(text, json_text.parse)
    assert message in fault(text, json_text.loads)


def test_json_keeps_whole_surrogate_pairs() -> None:
    assert json_text.loads(r'"\ud83d\ude00"', "f") == "\U0001f600"


def test_elements_know_their_lines() -> None:
    text = '[ {"a": "]"},\n  {"b": [1,\n 2]}, 3,\n\n"x"]'
    assert [(value, line, column) for value, line, column in json_text.elements(text, "f")] == [
        ({"a": "]"}, 1, 3),
        ({"b": [1, 2]}, 2, 3),
        (3, 3, 7),
        ("x", 5, 1),
    ]
    assert list(json_text.elements(" [ ] ", "f")) == []
