"""Tests that each assertion of promptfoo keeps its meaning: the check decides as promptfoo's own code does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from foreign_config import decide, import_at, import_valid
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from evalgate.domain import Case, Check


def parses(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def fits(text: str) -> bool:
    value = json.loads(text) if parses(text) else None
    return isinstance(value, dict) and isinstance(value.get("a"), int) and not isinstance(value.get("a"), bool)


def is_equal_json(text: str) -> bool:
    return parses(text) and json.loads(text) == {"a": 1, "b": ["x"]} and json.loads(text)["a"] is not True


def is_one_number(text: str) -> bool:
    value = json.loads(text) if parses(text) else None
    return isinstance(value, list) and (not value or (len(value) == 1 and type(value[0]) is int))


# the assertion, and what promptfoo's code says of an output; no white space stands at the ends of these outputs
MEANINGS: list[tuple[dict[str, Any], Callable[[str], bool]]] = [
    ({"type": "equals", "value": "yes"}, lambda o: o == "yes"),
    ({"type": "not-equals", "value": "yes"}, lambda o: o != "yes"),
    ({"type": "equals", "value": 10}, lambda o: o == "10"),
    ({"type": "equals", "value": {"a": 1, "b": ["x"]}}, is_equal_json),
    ({"type": "contains", "value": "Yes"}, lambda o: "Yes" in o),
    ({"type": "not-contains", "value": "yes"}, lambda o: "yes" not in o),
    ({"type": "icontains", "value": "YES"}, lambda o: "yes" in o.lower()),
    ({"type": "not-icontains", "value": "Yes"}, lambda o: "yes" not in o.lower()),
    ({"type": "contains-any", "value": ["yes", "10"]}, lambda o: "yes" in o or "10" in o),
    ({"type": "contains-any", "value": 'yes, "a, b"'}, lambda o: "yes" in o or "a, b" in o),
    ({"type": "not-contains-any", "value": ["yes", "10"]}, lambda o: "yes" not in o and "10" not in o),
    ({"type": "icontains-any", "value": ["YES", "x"]}, lambda o: "yes" in o.lower() or "x" in o.lower()),
    ({"type": "contains-all", "value": ["yes", "10"]}, lambda o: "yes" in o and "10" in o),
    ({"type": "not-contains-all", "value": ["yes", "10"]}, lambda o: not ("yes" in o and "10" in o)),
    ({"type": "icontains-all", "value": ["YES", "x"]}, lambda o: "yes" in o.lower() and "x" in o.lower()),
    ({"type": "starts-with", "value": "yes"}, lambda o: o.startswith("yes")),
    ({"type": "not-starts-with", "value": "yes"}, lambda o: not o.startswith("yes")),
    ({"type": "regex", "value": "y.s|\\d{2}$"}, lambda o: bool(re.search(r"y.s|[0-9]{2}\Z", o))),
    ({"type": "not-regex", "value": "^yes"}, lambda o: not re.search(r"\Ayes", o)),
    ({"type": "is-json"}, parses),
    ({"type": "not-is-json"}, lambda o: not parses(o)),
    (
        {"type": "is-json", "value": {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}},
        fits,
    ),
    (
        {"type": "not-is-json", "value": {"required": ["a"], "type": "object", "properties": {"a": {"type": "integer"}}}},
        lambda o: not fits(o),
    ),
    ({"type": "is-json", "value": {"type": "array", "items": [{"type": "integer"}], "additionalItems": False}}, is_one_number),
    ({"type": "not-is-json", "value": {"type": "array", "items": [{"type": "integer"}], "additionalItems": False}}, lambda o: not is_one_number(o)),
    (
        {"type": "is-json", "value": {"type": "array", "items": {"type": "string", "nullable": True}}},
        lambda o: o.strip().startswith("[") and parses(o) and all(isinstance(each, str | None) for each in json.loads(o)),
    ),
    ({"type": "levenshtein", "value": "yes yes"}, lambda o: Levenshtein.distance(o, "yes yes") <= 5),
    ({"type": "levenshtein", "value": "yes", "threshold": 2.5}, lambda o: Levenshtein.distance(o, "yes") <= 2),
    ({"type": "word-count", "value": {"min": 2, "max": 4}}, lambda o: 2 <= len(o.split()) <= 4),
    ({"type": "word-count", "value": 3}, lambda o: len(o.split()) == 3),
    ({"type": "not-word-count", "value": {"min": 2, "max": 4}}, lambda o: not 2 <= len(o.split()) <= 4),
    ({"type": "javascript", "value": "output.length > 5 && !output.includes('no')"}, lambda o: len(o) > 5 and "no" not in o),
    ({"type": "not-javascript", "value": "/yes/i.test(output)"}, lambda o: "yes" not in o.lower()),
    ({"type": "python", "value": "'yes' in output.lower() or len(output) < 4"}, lambda o: "yes" in o.lower() or len(o) < 4),
    (
        {"type": "assert-set", "threshold": 0.5, "assert": [{"type": "contains", "value": each} for each in ("yes", "no", "10")]},
        lambda o: sum(each in o for each in ("yes", "no", "10")) >= 2,
    ),
]  # fmt: skip
PIECES = [
    "yes",
    "Yes",
    "YES",
    "no",
    "10",
    "x",
    "a, b",
    " ",
    "\n",
    '{"a": 1}',
    '{"a": 1, "b": ["x"]}',
    '{"a": "x"}',
    "7",
    "[7]",
    "[null]",
]
OUTPUTS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join).map(str.strip).filter(bool)


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Check], Case]:
    def name(assertion: dict[str, Any], number: int) -> dict[str, Any]:
        if "assert" in assertion:
            return {**assertion, "assert": [{**each, "metric": f"m{number}"} for each in assertion["assert"]]}
        return {**assertion, "metric": f"m{number}"}

    asserts = [name(assertion, number) for number, (assertion, _) in enumerate(MEANINGS)]
    config = {
        "prompts": ["{{q}}"],
        "providers": ["openai:gpt-5-mini"],
        "tests": [{"vars": {"q": "a"}, "assert": asserts}],
    }
    found = import_valid(tmp_path_factory.mktemp("meanings"), config)
    assert found.left_out == []
    loaded, _ = found.loaded
    return list(loaded.gates[0].checks), Case(id="test-1", fields={"q": "a"}, line=1)


@given(OUTPUTS)
def test_the_checks_decide_as_promptfoo_does(converted: tuple[list[Check], Case], output: str) -> None:
    checks, case = converted
    by_name = {check.name: check for check in checks}
    unnamed = [check for check in checks if not re.fullmatch(r"m\d+", check.name)]
    for number, (assertion, meaning) in enumerate(MEANINGS):
        check = by_name.get(f"m{number}") or unnamed[0]
        assert decide(check, case, output) is meaning(output), (assertion, check)


MAIL = {"type": "object", "properties": {"to": {"type": "string", "format": "email"}}}


@pytest.mark.parametrize(
    ("assertion", "holds"),
    [
        ({"type": "is-json", "value": MAIL}, False),
        ({"type": "contains-json", "value": MAIL}, False),
        ({"type": "not-is-json", "value": MAIL}, True),
        ({"type": "is-json", "value": {**MAIL, "items": {"format": "int32"}}}, True),
        ({"type": "is-json", "value": {**MAIL, "items": [{"format": "uuid"}]}}, True),
    ],
)
def test_formats_are_asserted_where_a_check_knows_them_all(
    tmp_path: Path, assertion: dict[str, Any], holds: bool
) -> None:
    config = {
        "prompts": ["{{q}}"],
        "providers": ["openai:gpt-5-mini"],
        "tests": [{"vars": {"q": "a"}, "assert": [assertion]}],
    }
    found = import_valid(tmp_path, config)
    (check,) = found.loaded[0].gates[0].checks
    assert decide(check, Case(id="test-1", fields={"q": "a"}), '{"to": "no address"}') is holds
    assert any("formats are not asserted" in each for each in found.changed) is ("items" in assertion["value"])


@pytest.mark.parametrize("names", [["send"], ["send", "copy"]])
def test_formats_of_the_arguments_of_tools_are_asserted(tmp_path: Path, names: list[str]) -> None:
    tools = [{"type": "function", "function": {"name": name, "parameters": MAIL}} for name in names]
    config = {
        "prompts": ["{{q}}"],
        "providers": [{"id": "openai:gpt-5-mini", "config": {"tools": tools}}],
        "tests": [{"vars": {"q": "a"}, "assert": [{"type": "is-valid-openai-tools-call"}]}],
    }
    (check,) = import_valid(tmp_path, config).loaded[0].gates[0].checks
    assert check.options["formats"] is True


def read(folder: Path, *assertions: dict[str, Any], **test: Any) -> Any:
    tests = [{"vars": {"q": "a", "context": "c"}, "assert": list(assertions), **test}]
    return import_at(folder, {"prompts": ["{{q}}"], "providers": ["openai:gpt-5-mini"], "tests": tests})


@pytest.mark.parametrize(
    ("assertion", "check"),
    [
        ({"type": "latency", "threshold": 2500}, {"type": "latency", "max_seconds": 2.5}),
        ({"type": "cost", "threshold": 0.01}, {"type": "cost", "max_usd": 0.01}),
        ({"type": "is-xml", "value": "a.b,c"}, {"type": "is_xml", "elements": ["a/b", "c"]}),
        ({"type": "is-sql", "value": {"databaseType": "PostgreSQL"}}, {"type": "is_sql", "dialect": "postgres"}),
        ({"type": "contains-json"}, {"type": "contains_json"}),
        ({"type": "not-is-refusal"}, {"type": "no_refusal"}),
        ({"type": "contains", "value": "x", "weight": 0}, {"type": "contains", "value": "x", "blocking": False}),
        ({"type": "equals", "value": "x", "transform": "output.a"}, {"type": "equals", "value": "x", "transform": [{"pointer": "/a"}]}),
        ({"type": "contains", "value": "{{q}}!"}, {"type": "contains", "value": "a!"}),
        ({"type": "not-equals", "value": ""}, {"type": "length", "min_chars": 1}),
    ],
)  # fmt: skip
def test_an_assertion_becomes_a_check(tmp_path: Path, assertion: dict[str, Any], check: dict[str, Any]) -> None:
    found = read(tmp_path, assertion)
    assert (found.checks, found.left_out) == ([check], [])


@pytest.mark.parametrize(
    ("assertion", "why"),
    [
        ({"type": "javascript", "value": "file://x.js"}, "x.js is not at hand"),
        (
            {"type": "javascript", "value": "context.prompt.length > output.length"},
            "its code reads prompt of the context",
        ),
        ({"type": "python", "value": "context.get('logProbs')"}, "its code reads logProbs of the context"),
        ({"type": "contains", "value": " "}, "its text is empty"),
        ({"type": "is-refusal"}, "cannot be required"),
        ({"type": "rouge-n", "value": "x"}, "word sequences"),
        ({"type": "moderation"}, "a service of its own"),
        ({"type": "select-best", "value": "x"}, "compares two versions"),
        ({"type": "trace-span-count", "value": {}}, "traces are not read"),
        ({"type": "nonsense"}, "promptfoo has no such type"),
        ({"type": "word-count", "value": {}}, "no number of words"),
        ({"type": "word-count", "value": {"min": 5, "max": 2}}, "no number of words"),
        ({"type": "levenshtein", "value": "x", "transform": "output.split('x')[0]"}, "the code of its transform"),
        ({"type": "llm-rubric", "value": "x", "transform": "output.a"}, "reads the whole output"),
        ({"type": "is-valid-openai-tools-call"}, "no tools at hand"),
        ({"type": "finish-reason", "value": "length"}, "only `stop`"),
    ],
)
def test_what_has_no_counterpart_is_named_with_its_place(tmp_path: Path, assertion: dict[str, Any], why: str) -> None:
    found = read(tmp_path, assertion)
    assert len(found.left_out) == 1
    assert re.match(r"promptfooconfig.yaml:1:\d+: the assertion ", found.left_out[0])
    assert why in found.left_out[0]
    assert found.checks == [{"type": "length", "min_chars": 1}]
    assert "no criterion was carried over: add checks or judges to the gates" in found.open


def test_what_always_passes_and_what_every_gate_has_needs_no_check(tmp_path: Path) -> None:
    found = read(tmp_path, {"type": "javascript", "value": "true"}, {"type": "finish-reason", "value": "stop"},
                 {"type": "guardrails"}, {"type": "is-json"})  # fmt: skip
    assert (found.checks, found.left_out, len(found.changed)) == ([{"type": "is_json"}], [], 3)


def test_a_schema_that_asks_less_than_it_says_is_named(tmp_path: Path) -> None:
    config = {
        "prompts": ["{{q}}"],
        "providers": ["openai:m"],
        "tests": [
            {
                "vars": {"q": name},
                "assert": [
                    {"type": "is-json", "value": {"required": [name]}},
                    {"type": "contains-json", "value": {"requird": [name]}},
                    {"type": "not-regex", "value": "free\n"},
                ],
            }
            for name in ("a", "b")
        ],
    }
    found = import_valid(tmp_path, config)
    assert [case["expected_is_json"] for case in found.cases] == [
        {"type": "object", "required": ["a"]},
        {"type": "object", "required": ["b"]},
    ]
    assert any("the JSON has to be an object" in each for each in found.changed)
    assert any('unknown keyword "requird"; did you mean "required"?' in each for each in found.left_out)
    assert {check["type"] for check in found.checks} == {"json_schema", "python"}
