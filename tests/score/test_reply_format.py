"""Tests for evalgate.score.reply_format: a schema in words, with an example that the schema accepts."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Case, Judge, Output, Rubric, Target
from evalgate.score import judges
from evalgate.score.reply_format import describe_reply_format


def make_schema(low: int, high: int, *, style: str = "enum", **others: Any) -> dict[str, Any]:
    score: dict[str, Any] = {"type": "integer"}
    score |= {"enum": list(range(low, high + 1))} if style == "enum" else {"minimum": low, "maximum": high}
    properties = {"score": score, "reason": {"type": "string"}, **others}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def read_example(text: str) -> Any:
    return json.loads(text.splitlines()[-1])


@given(low=st.integers(-20, 20), size=st.integers(1, 200), style=st.sampled_from(["enum", "bounds"]))
def test_the_example_is_valid_and_names_the_lowest_score(low: int, size: int, style: str) -> None:
    schema = make_schema(low, low + size, style=style, verdict={"enum": ["yes", "no"]}, sure={"type": "boolean"})
    text = describe_reply_format(schema)
    example = read_example(text)
    jsonschema.validate(example, schema)
    assert example["score"] == low
    assert list(example) == list(schema["properties"])


def test_a_scale_is_told_by_its_ends() -> None:
    for style in ("enum", "bounds"):
        assert '- "score": an integer from 0 to 100\n' in describe_reply_format(make_schema(0, 100, style=style))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"const": "k7"}, '"k7"'),
        ({"enum": ["good", "bad"]}, 'one of "good", "bad"'),
        ({"enum": [0, 1]}, "one of 0, 1"),
        ({"type": ["number", "null"]}, "a number or null"),
        ({"type": "number", "maximum": 1}, "a number of at most 1"),
        ({"type": "string", "description": "the first word of the output"}, "a text; the first word of the output"),
        ({"type": "object", "properties": {"a": {"type": "integer"}}}, "an object"),
        ({}, "a text"),
    ],
)
def test_each_kind_of_property_is_described(rule: dict[str, Any], words: str) -> None:
    schema = {"type": "object", "properties": {"key": rule}}
    text = describe_reply_format(schema)
    assert f'- "key": {words}\n' in text
    jsonschema.validate(read_example(text), schema)


def test_the_words_for_a_judge_are_json_that_the_judge_reads() -> None:
    rubric = Rubric(
        name="tone", version="1.0.0", path="t.md", instruction="Judge.", inputs=("output",), minimum=1, maximum=5
    )
    judge = Judge(name="tone", rubric=rubric, target="j")
    request = judges.make_request(
        judge,
        Case(id="a", fields={}),
        Output(text="SECRET OUTPUT", finish_reason="stop"),
        Target(name="j", kind="openai", location="http://h", identity="http://h"),
    )
    assert request.response_format is not None
    described: Any = request.response_format["json_schema"]
    text = describe_reply_format(described["schema"])
    assert "JSON" in text and "score" in text and "reason" in text
    assert "SECRET OUTPUT" not in text
    read = judges.read_reply(judge, Output(text=text.splitlines()[-1], finish_reason="stop"))
    assert getattr(read, "value", None) == 0.0
