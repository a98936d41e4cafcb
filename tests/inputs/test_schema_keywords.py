"""Keywords of JSON Schema that ask nothing in their draft, or where they stand, are told."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from jsonschema import validators

from evalgate.change.workspace import open_workspace
from evalgate.commands.validate import validate
from evalgate.errors import EvalgateError
from evalgate.inputs.schema_keywords import _ASKING, _DRAFTS, find_written_fault
from evalgate.score.criterion import validate_criterion

from .conftest import CONFIG, Project

URI = {draft: f"http://json-schema.org/{draft}/schema#" for draft in _DRAFTS[:4]}
URI |= {draft: f"https://json-schema.org/draft/{draft}/schema" for draft in _DRAFTS[4:]}
# what is read by another keyword's function, or says nothing of a value at all
BY_OTHERS = {"then", "else", "minContains", "maxContains", "$defs", "definitions", "additionalItems"}
BY_OTHERS |= {"contentSchema", "contentEncoding", "contentMediaType", "format", "$ref", "$dynamicRef", "$recursiveRef"}
BY_OTHERS |= {"exclusiveMaximum", "exclusiveMinimum", "required"}


def told(project: Project, schema: Any) -> list[str]:
    project.write("schema.json", json.dumps(schema))
    project.write("evalgate.yml", CONFIG.replace("{type: is_json}", "{type: json_schema, schema: schema.json}"))
    try:
        validate(open_workspace(project.root / "evalgate.yml", verify=validate_criterion))
    except Exception as error:
        return str(error).splitlines()
    return []


def idle(draft: str) -> Iterator[str]:
    known = validators.validator_for({"$schema": URI[draft]}).VALIDATORS
    yield from sorted(_ASKING - BY_OTHERS - known.keys())


@pytest.mark.parametrize(("draft", "keyword"), [(draft, keyword) for draft in _DRAFTS for keyword in idle(draft)])
def test_what_the_validator_of_a_draft_does_not_know_is_refused(project: Project, draft: str, keyword: str) -> None:
    faults = told(project, {"$schema": URI[draft], "properties": {"a": {keyword: {}}}})
    assert any(f'"{keyword}" has no effect in {draft}' in fault for fault in faults)


@pytest.mark.parametrize("draft", _DRAFTS)
def test_what_the_validator_of_a_draft_knows_is_not_called_idle(project: Project, draft: str) -> None:
    known = validators.validator_for({"$schema": URI[draft]}).VALIDATORS
    for keyword in sorted(_ASKING & known.keys() - {"$ref", "$dynamicRef", "$recursiveRef"}):
        beside = {"then": {}} if keyword == "if" else {}
        faults = told(project, {"$schema": URI[draft], keyword: {}, **beside})
        assert not any("has no effect" in one for one in faults), keyword


@pytest.mark.parametrize("draft", _DRAFTS[:4])
@pytest.mark.parametrize("end", ["", "#"])
def test_a_draft_named_by_https_is_read_as_that_draft(project: Project, draft: str, end: str) -> None:
    named = {"$schema": f"https://json-schema.org/{draft}/schema{end}"}
    assert told(project, {**named, "type": "object"}) == []
    keyword = next(idle(draft))
    faults = told(project, {**named, "properties": {"a": {keyword: {}}}})
    assert any(f'"{keyword}" has no effect in {draft}' in fault for fault in faults)


@pytest.mark.parametrize("draft", _DRAFTS)
def test_beside_a_reference(project: Project, draft: str) -> None:
    schema = {"$schema": URI[draft], "definitions": {"a": {"type": "object"}}, "properties": {"x": {"minLength": 1}}}
    schema["properties"]["x"] |= {"$ref": "#/definitions/a", "description": "said", "default": 1}  # type: ignore[index]
    faults = told(project, schema)
    assert bool(faults) is (draft.startswith("draft"))
    assert all('"minLength" has no effect beside "$ref"' in fault or "hint" in fault for fault in faults)
    del schema["properties"]["x"]["minLength"]  # type: ignore[attr-defined]
    assert not told(project, schema)


@pytest.mark.parametrize(("key", "needed"), [("then", "if"), ("else", "if"), ("minContains", "contains")])
def test_without_what_it_belongs_to(project: Project, key: str, needed: str) -> None:
    value: Any = 1 if key == "minContains" else {"required": ["a"]}
    assert f'"{key}" has no effect without "{needed}"' in told(project, {key: value})[0]
    assert not told(project, {key: value, needed: {"type": "object"}})


def test_a_condition_without_a_consequence(project: Project) -> None:
    asked = {"if": {"type": "object"}, "required": ["a"]}
    assert '"if" has no effect without "then" or "else"' in told(project, asked)[0]
    assert not told(project, {**asked, "else": {"type": "array"}})


OPEN = st.recursive(
    st.sampled_from([{}, True, {"title": "x"}, {"minLength": 0}, {"required": []}, {"uniqueItems": False}]),
    lambda inner: st.one_of(
        st.fixed_dictionaries({"properties": st.dictionaries(st.sampled_from("ab"), inner, min_size=1)}),
        st.fixed_dictionaries({"allOf": st.lists(inner, min_size=1, max_size=2)}),
        st.fixed_dictionaries({"anyOf": st.lists(inner | st.just({"type": "string"}), min_size=1, max_size=2)}).filter(
            lambda schema: any(each != {"type": "string"} for each in schema["anyOf"])
        ),
        st.fixed_dictionaries({"additionalProperties": inner}),
        st.fixed_dictionaries({"items": inner}),
        st.fixed_dictionaries({"propertyNames": inner}),
    ),
    max_leaves=5,
)


@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(schema=OPEN)
@example(schema={"type": ["string", "number", "object", "array", "boolean", "null"]})
@example(schema={"contentMediaType": "application/json"})
def test_a_schema_that_takes_every_value_says_so_openly_or_is_a_fault(project: Project, schema: Any) -> None:
    faults = told(project, schema)
    assert not faults if schema in ({}, True) else "asks nothing of an output" in faults[0]
    if isinstance(schema, dict):
        assert not told(project, {**schema, "maxProperties": 9})


@settings(max_examples=40, suppress_health_check=list(HealthCheck), deadline=None)
@given(key=st.sampled_from(["min", "max", "regex", "regexp", "tpye", "tyep", "eunm", "nto", "fi", "hten"]))
def test_other_words_and_letters_in_another_order(project: Project, key: str) -> None:
    assert f'unknown keyword "{key}"; did you mean "' in told(project, {"properties": {"a": {key: 1}}})[0]
    assert not told(project, {"properties": {key: {"type": "string"}}, f"x-{key}": 1})


@pytest.mark.parametrize(
    "schema",
    [
        {"name": "answer", "strict": True, "schema": {"type": "object", "required": ["a"]}},
        {"$schema": URI["2020-12"], "title": "Answer"},
        {"$defs": {"answer": {"type": "object"}}},
        {"mandatory": ["a"], "x-type": "object"},
    ],
)
def test_a_schema_without_any_keyword_is_refused(project: Project, schema: Any) -> None:
    faults = told(project, schema)
    assert "asks nothing of an output" in faults[0]
    assert ('is below "schema"' in faults[-1]) is ("schema" in schema)
    assert not told(project, {**schema, "type": "object"})
    assert not told(project, {})


def test_a_type_of_another_kind_is_an_annotation(project: Project) -> None:
    assert not told(project, {"properties": {"a": {"type": "string", "tsType": "Date"}}})


@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(
    where=st.sampled_from(["$ref", "$id", "$dynamicRef"]),
    reference=st.one_of(
        st.sampled_from(["http://[::1", "//[", "#/allOf/" + "9" * 5000, "#/allOf/\u0663", "#/allOf/-1", "#/allOf/00"]),
        st.text(alphabet="[]:/#%~0aZ.?\u00b2\x00", max_size=20),
    ),
)
def test_no_reference_is_an_error_of_the_program(project: Project, where: str, reference: str) -> None:
    project.write("schema.json", json.dumps({"allOf": [{"type": "object"}], "properties": {"a": {where: reference}}}))
    project.write("evalgate.yml", CONFIG.replace("{type: is_json}", "{type: json_schema, schema: schema.json}"))
    with contextlib.suppress(EvalgateError):
        validate(open_workspace(project.root / "evalgate.yml", verify=validate_criterion))


ASKED = st.dictionaries(
    st.sampled_from(["minLength", "maxItems", "minProperties", "minimum"]), st.integers(1, 9), max_size=3
)


@settings(max_examples=15, suppress_health_check=list(HealthCheck), deadline=None)
@given(schema=ASKED, typed=st.sampled_from([None, {"type": "object"}, {"allOf": [{"type": "object"}]}]))
@example(schema={"properties": {"a": {"type": "string"}}, "additionalProperties": False}, typed=None)
def test_required_fields_ask_for_an_object(
    project: Project, schema: dict[str, Any], typed: dict[str, Any] | None
) -> None:
    whole = {**schema, "required": ["a"], **(typed or {})}
    faults = told(project, whole)
    takes_null = validators.validator_for(whole)(whole).is_valid(None)
    assert takes_null is (typed is None)
    assert bool(faults) is takes_null
    assert not faults or ('add "type": "object"' in faults[1] and '"required" asks nothing' in faults[0])


WRONG = [
    ({"typ": "object"}, 'unknown keyword "typ"; did you mean "type"?'),
    ({"type": "object", "properties": {"a": {"tpye": "string"}}}, 'unknown keyword "tpye"'),
    ({"required": ["a"]}, '"required" asks nothing of a list, a text or a number'),
    ({"schema": {"type": "object"}}, "the schema asks nothing of an output"),
    ({"type": "object", "if": {"required": ["a"]}}, '"if" has no effect without'),
    ({"$ref": "#/parts/a", "parts": {"a": {"typ": "string"}}}, 'unknown keyword "typ"'),
]


CHECKS = [
    "{type: json_schema, from: s}",
    "{type: contains_json, schema: {from: s}}",
    "{type: all_of, checks: [{type: json_schema, from: s}]}",
    "{type: tool_call, tool: t, arguments: {from: s}}",
]


@pytest.mark.parametrize(("schema", "said"), WRONG)
@pytest.mark.parametrize("check", CHECKS)
def test_a_schema_of_a_case_is_held_to_the_same(project: Project, check: str, schema: Any, said: str) -> None:
    project.write("evalgate.yml", CONFIG.replace("{type: is_json}", check))
    for written in (schema, json.dumps(schema)):
        rows = [{"id": "a", "query": "q", "s": {"type": "object"}}, {"id": "b", "query": "r", "s": written}]
        project.write("cases.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        with pytest.raises(EvalgateError) as refused:
            validate(open_workspace(project.root / "evalgate.yml", verify=validate_criterion))
        assert 'cannot be used for case b: the field "s"' in str(refused.value) and said in str(refused.value)


def test_an_empty_schema_of_a_case_says_openly_what_it_takes() -> None:
    assert find_written_fault("{}") is find_written_fault('{"type": "object"}') is None
