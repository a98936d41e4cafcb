"""Our schemas, and that our reader of them and jsonschema agree on what is valid."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from evalgate.inputs.formats import json as json_text
from evalgate.inputs.schema_check import ANNOTATIONS, KEYWORDS, SchemaCheck, describe_unknown, find_closest, load
from evalgate.score.checks import NEGATABLE, TYPES

SCHEMAS = ("evalgate.schema.json", "prompt.schema.json", "rubric.schema.json", "pins.schema.json")

CONFIG: dict[str, Any] = {
    "format": 1,
    "targets": {
        "api": {
            "type": "openai",
            "base_url": "https://e.org/v1",
            "api_key_env": "K",
            "model": "m",
            "prices": {"input": 0.1, "output": 1},
        },
        "app": {"type": "recorded", "path": "o.jsonl"},
        "rag": {"type": "python", "function": "a.b:c", "version": "2"},
        "here": {"type": "local", "model": "q", "recordings": "r.jsonl"},
    },
    "gates": [
        {
            "name": "support",
            "prompt": "p.prompt.yml",
            "baseline": "b.prompt.yml",
            "dataset": "cases.jsonl",
            "target": {"candidate": "app", "baseline": "api"},
            "samples": {"baseline": 3, "candidate": 1},
            "checks": [
                {"type": "json_schema", "schema": "s.json", "formats": True, "at": "/a~1b"},
                {"type": "not_is_json", "blocking": False},
                {"type": "required_fields", "fields": ["a", "b.c"]},
                {"type": "length", "max_words": 90, "name": "short"},
                {"type": "equals", "value": {"any": [1, None]}},
                {"type": "contains_all", "from": "expected", "ignore_case": True},
                {"type": "not_contains_any", "values": ["x"]},
                {"type": "regex", "pattern": "^a"},
                {"type": "contains", "value": "x", "words": True, "transform": "last_code_block"},
                {
                    "type": "one_of",
                    "values": ["a", "b"],
                    "transform": ["last_code_block", {"regex": "(a)", "group": 1}],
                },
                {"type": "levenshtein", "value": "a", "max_distance": {"from": "f"}, "transform": {"pointer": "/a"}},
                {"type": "number", "min": -1.5, "max": {"from": "f"}},
                {"type": "contains_json", "schema": "s.json"},
                {"type": "is_sql", "statements": ["select"], "dialect": "mysql"},
                {
                    "type": "any_of",
                    "checks": [{"type": "is_xml"}, {"type": "all_of", "checks": [{"type": "not_is_json"}]}],
                },
                {"type": "latency", "p95_seconds": 3.5},
                {"type": "cost", "max_usd": 0.01},
                {"type": "tokens", "max_total": 10},
            ],
            "judges": [{"rubric": "faithfulness", "score": "expected", "parameters": {"seed": 1}}],
            "thresholds": {"faithfulness": {"min": 0.6, "max_drop": 0.05}},
        }
    ],
    "policy": {"alpha": 0.1, "minor": {"inconclusive": "block", "canary_hours": 0}, "immutability": "published"},
    "run": {"concurrency": 2, "timeout": 1.5},
}
PROMPT: dict[str, Any] = {
    "name": "p",
    "modelParameters": {"temperature": 0, "topP": 0.5, "other": None},
    "messages": [{"role": "user", "content": "x"}],
    "responseFormat": "json_schema",
    "jsonSchema": {"type": "object"},
    "tools": [{}],
    "version": "1.0.0",
}
RUBRIC: dict[str, Any] = {
    "name": "r",
    "version": "1.0.0",
    "scale": {"min": 1, "max": 5},
    "inputs": ["output", "context?"],
}
PINS: dict[str, Any] = {
    "format": 1,
    "pins": {
        "support": {
            "version": "1.0.0",
            "digest": "0a" * 32,
            "ref": "1b" * 20,
            "signed_off_by": "Ada",
            "at": "2026-01-31T12:00:00+00:00",
        }
    },
}
SOUND = dict(zip(SCHEMAS, (CONFIG, PROMPT, RUBRIC, PINS), strict=True))
JUNK = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        -1,
        1,
        7,
        0.5,
        -0.25,
        1.5,
        "",
        " ",
        "x",
        "not_length",
        "length",
        "a b",
        "é~",
        [],
        ["x"],
        ["x", "x"],
        [1],
        {},
        {"x": 1},
        {"type": "regex"},
        {"min": 2},
    ]
).map(copy.deepcopy)
VALIDATORS = {name: Draft202012Validator(load(name)) for name in SCHEMAS}


def faults(name: str, data: Any) -> list[str]:
    shape = SchemaCheck(load(name), "f")
    shape.check(json_text.parse(json.dumps(data), "f"))
    return [str(fault) for fault in shape.faults]


def everywhere(data: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of a value with every key or index of it."""
    pairs = list(data.items()) if isinstance(data, dict) else list(enumerate(data)) if isinstance(data, list) else []
    for key, child in pairs:
        yield data, key
        yield from everywhere(child)


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_json_schemas_of_words_we_read(name: str) -> None:
    schema = load(name)
    Draft202012Validator.check_schema(schema)

    def words(part: Any) -> Iterator[str]:
        if isinstance(part, bool):
            return
        yield from part
        for key in ("additionalProperties", "items", "not"):
            if isinstance(part.get(key), dict):
                yield from words(part[key])
        for key in ("properties", "$defs"):
            for inner in part.get(key, {}).values():
                yield from words(inner)
        for key in ("oneOf", "anyOf"):
            for inner in part.get(key, ()):
                yield from words(inner)

    assert set(words(schema)) <= ANNOTATIONS | KEYWORDS


def test_every_option_is_described_for_editors() -> None:
    schema = load("evalgate.schema.json")
    for name, definition in schema["$defs"].items():
        for key, option in definition.get("properties", {}).items():
            target = schema["$defs"][option["$ref"].removeprefix("#/$defs/")] if "$ref" in option else {}
            assert key == "type" or "description" in option or "description" in target, f"{name}.{key}"


def test_the_checks_declared_are_those_that_are_scored() -> None:
    declared = {
        kind
        for name, definition in load("evalgate.schema.json")["$defs"].items()
        if name.startswith("check_")
        for kind in (definition["properties"]["type"].get("enum") or [definition["properties"]["type"]["const"]])
    }
    assert declared == set(TYPES) | {f"not_{name}" for name in NEGATABLE}


@pytest.mark.parametrize("name", SCHEMAS)
def test_what_is_sound_is_sound_to_both(name: str) -> None:
    assert faults(name, SOUND[name]) == []
    VALIDATORS[name].validate(SOUND[name])


@pytest.mark.parametrize("name", SCHEMAS)
@given(data=st.data())
def test_both_agree_on_what_is_not(name: str, data: st.DataObject) -> None:
    spoilt = copy.deepcopy(SOUND[name])
    for _ in range(data.draw(st.integers(1, 3))):
        places = list(everywhere(spoilt))
        assume(places)
        container, key = data.draw(st.sampled_from(places))
        how = data.draw(st.sampled_from(["replace", "remove", "add"]))
        if how == "remove":
            del container[key]
        elif how == "add" and isinstance(container, dict):
            container[data.draw(st.sampled_from(["typ", "value", "from", "name", "max_words", "min"]))] = data.draw(
                JUNK
            )
        else:
            container[key] = data.draw(JUNK)
    ours, theirs = faults(name, spoilt), list(VALIDATORS[name].iter_errors(spoilt))
    assert bool(ours) == bool(theirs), (ours, [error.message for error in theirs])


def test_closest_match() -> None:
    assert find_closest("treshold", ["threshold", "target"]) == "threshold"
    assert find_closest("Faithfullness", ["faithfulness"]) == "faithfulness"
    assert find_closest("zzz", ["threshold"]) is None
    assert describe_unknown("key", "zzz", ["a", "b"]) == ('unknown key "zzz"', "known names: a, b")
    assert len(describe_unknown("key", "z" * 5000, ["a"])[0]) < 100
