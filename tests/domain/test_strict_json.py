from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain.strict_json import DECODER, MAX_DEPTH, JsonError, is_too_deep, load

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_every_json_value_reads_back(value: Any) -> None:
    text = json.dumps(value)
    assert load(text) == load(text.encode()) == DECODER.decode(text) == value


@given(st.text() | st.binary())
def test_any_text_is_a_value_or_a_json_error(text: str | bytes) -> None:
    try:
        load(text)
    except JsonError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "b": {"a": 1, "a": 2}}', 'the key "a" is given twice'),
        ('{"a": NaN}', "NaN is not a number in JSON"),
        ("[1, -Infinity]", "-Infinity is not a number in JSON"),
        ("[-1e400]", "the number is too large"),
        ("[" + "1" * 5000 + "]", "the number is too large"),
        ("[" * 200_000, "nested too deeply"),
        (b'"\xff"', "not UTF-8"),
    ],
)
def test_what_is_refused_beside_bad_syntax_has_no_place(text: str | bytes, message: str) -> None:
    with pytest.raises(JsonError) as refused:
        load(text)
    assert (str(refused.value), refused.value.problem) == (message, message)
    assert (refused.value.line, refused.value.column) == (0, 0)


def test_bad_syntax_has_a_place() -> None:
    with pytest.raises(JsonError, match=r"^Expecting value at line 2, column 3$") as refused:
        load('{"a":\n  oops}')
    assert (refused.value.problem, refused.value.line, refused.value.column) == ("Expecting value", 2, 3)


def test_integers_may_be_bounded_further() -> None:
    text = "[" + "1" * 309 + "]"
    assert load(text, bounded=True) == load(text) == DECODER.decode(text)
    with pytest.raises(JsonError, match="too large"):
        load("[-" + "1" * 310 + "]", bounded=True)
    assert load("[" + "1" * 310 + "]") == [int("1" * 310)]


def test_a_reader_may_give_constants_a_meaning() -> None:
    assert load('{"a": [NaN]}', on_constant=lambda name: ("here", name)) == {"a": [("here", "NaN")]}


def test_depth_is_measured_without_recursion() -> None:
    data: object = "leaf"
    for _ in range(50_000):
        data = [data]
    assert is_too_deep(data)
    assert not is_too_deep({"a": [[1]]})
    edge = json.loads("[" * MAX_DEPTH + "1" + "]" * MAX_DEPTH)
    assert not is_too_deep(edge)
    assert is_too_deep([edge])
