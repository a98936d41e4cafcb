"""No output makes a schema run for ever: not by a pattern, wherever it stands, and not by its own size."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import _utils

from evalgate.domain import Case, Check, Output, Score, Scored, Unscored
from evalgate.score import checks, patterns
from evalgate.score.bounded_schema import is_unique
from evalgate.score.patterns import PATTERN_SECONDS

SLOW = "^(?=.)(a|aa)+$"
TEXT = "a" * 40 + "!"
WITHIN = {"2020-12": "https://json-schema.org/draft/2020-12/schema", "2019-09": "https://json-schema.org/draft/2019-09/schema", "7": "http://json-schema.org/draft-07/schema#"}  # fmt: skip


def score(schema: Any, value: Any, **documents: Any) -> Scored:
    check = Check(
        name="c",
        type="json_schema",
        options={"schema": schema, "schema_path": "file:///s.json"},
        documents={f"file:///{name}.json": document for name, document in documents.items()},
    )
    return checks.score(check, Case(id="a", fields={}), Output(text=json.dumps(value)))


@pytest.mark.parametrize("draft", WITHIN)
@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"pattern": "P"}, TEXT),
        ({"items": {"pattern": "P"}}, [f"{TEXT}{number}" for number in range(500)]),
        ({"patternProperties": {"P": True}}, {TEXT: 1}),
        ({"patternProperties": {"P": True}, "additionalProperties": False}, {TEXT: 1}),
        ({"patternProperties": {"P": True}, "unevaluatedProperties": False}, {TEXT: 1}),
        ({"propertyNames": {"pattern": "P"}}, {TEXT: 1}),
        ({"anyOf": [{"pattern": "P"}, {"type": "integer"}]}, TEXT),
    ],
    ids=["pattern", "items", "patternProperties", "additional", "unevaluated", "names", "anyOf"],
)
def test_a_pattern_has_its_time_and_no_more(
    monkeypatch: pytest.MonkeyPatch, schema: dict[str, Any], value: Any, draft: str
) -> None:
    monkeypatch.setattr(patterns, "PATTERN_SECONDS", 0.2)
    written = json.loads(json.dumps(schema).replace('"P"', json.dumps(SLOW)))
    started = time.process_time()
    found = score({"$schema": WITHIN[draft], **written}, value)
    assert time.process_time() - started < 0.2 + 2
    if isinstance(found, Unscored):
        assert "took more than 0.2 s on this output" in found.reason


def test_a_slow_pattern_leaves_the_output_undecided() -> None:
    found = score({"pattern": SLOW}, TEXT)
    assert found == Unscored(reason=f'the pattern "{SLOW}" took more than 1 s on this output')
    assert score({"pattern": SLOW}, "aaa") == Score(value=1.0, reason="must fit file:///s.json; found no fault")


@pytest.mark.parametrize("keyword", ["pattern", "patternProperties", "unevaluatedProperties"])
def test_a_document_of_another_draft_is_no_way_around(keyword: str) -> None:
    inner: dict[str, Any] = {"$schema": WITHIN["2019-09"], "$id": "file:///other.json"}
    slow = r"^(a+)+$"  # RE2 can, and Python's own `re` would never end
    inner |= {"pattern": slow} if keyword == "pattern" else {"patternProperties": {slow: True}, keyword: {slow: True} if keyword == "patternProperties" else False}  # fmt: skip
    value = TEXT if keyword == "pattern" else {TEXT: 1}
    started = time.process_time()
    score({"$ref": "file:///other.json"}, value, other=inner)
    assert time.process_time() - started < PATTERN_SECONDS + 2


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"uniqueItems": True}, [{"n": number} for number in range(20_000)]),
        ({"uniqueItems": True}, [[number, None, str(number)] for number in range(20_000)]),
        ({"unevaluatedProperties": False, "patternProperties": {"^k": True}}, {f"k{n}": 1 for n in range(20_000)}),
        ({"unevaluatedItems": False, "prefixItems": [True]}, [1]),
    ],
)
def test_a_large_output_is_no_quadratic_one(schema: dict[str, Any], value: Any) -> None:
    started = time.process_time()
    found = score(schema, value)
    assert time.process_time() - started < 5
    assert isinstance(found, Score) and found.value == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.0, 1.0, 2.5, -0.0]) | st.sampled_from(["", "1", "a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(st.lists(JSON, max_size=5))
def test_unique_is_what_json_schema_means(items: list[Any]) -> None:
    equal = [_utils.equal(one, other) for at, one in enumerate(items) for other in items[at + 1 :]]
    assert is_unique(items) == (not any(equal))


def _nested(levels: int, wrap: Any) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = wrap(value)
    return value


_SAME = {"properties": {"a": {"$ref": "#"}}}
_EXPONENTIAL = {
    "any of": (
        {
            "anyOf": [
                {"items": {"$ref": "#"}, "minItems": 2},
                {"items": {"$ref": "#"}, "type": "array"},
                {"type": "integer"},
            ]
        },
        lambda value: [value],
    ),
    "all of": ({"allOf": [_SAME], "unevaluatedProperties": False}, lambda value: {"a": value}),
    "if": ({"if": _SAME, "then": _SAME, "dependentSchemas": {"a": _SAME}}, lambda value: {"a": value}),
}


@pytest.mark.parametrize("draft", ["2020-12", "2019-09"])
@pytest.mark.parametrize(("schema", "wrap"), _EXPONENTIAL.values(), ids=_EXPONENTIAL.keys())
@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_schema_has_its_time_and_no_more(
    monkeypatch: pytest.MonkeyPatch, schema: Any, wrap: Any, draft: str, elsewhere: bool
) -> None:
    monkeypatch.setattr(patterns, "SCHEMA_SECONDS", 0.3)
    schema = {"$schema": WITHIN[draft], **schema}
    started = time.thread_time()
    if elsewhere:  # a document of a draft of its own is validated by the package's own class
        found = score({"$schema": WITHIN["7"], "$ref": "file:///o.json"}, _nested(40, wrap), o=schema)
    else:
        found = score(schema, _nested(40, wrap))
    assert time.thread_time() - started < 3.0
    assert found == Unscored(reason="the schema took more than 0.3 s on this output")


def test_a_schema_that_is_endless_for_any_value_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "SCHEMA_SECONDS", 0.3)
    steps: dict[str, Any] = {f"a{i}": {"allOf": [{"$ref": f"#/$defs/a{i + 1}"}] * 2} for i in range(40)}
    with pytest.raises(ValueError, match="for a value as simple as null"):
        score({"$defs": {**steps, "a40": {"type": "object"}}, "$ref": "#/$defs/a0"}, {})
