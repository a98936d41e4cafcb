"""JSON Schemas that are named by a URN, and schemas of one draft inside those of another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalgate.domain import Check
from evalgate.inputs.schema_refs import load_schema
from evalgate.inputs.tree import WorkTree
from evalgate.score import value_schema

DRAFT_4 = "http://json-schema.org/draft-04/schema#"
DRAFT_7 = "http://json-schema.org/draft-07/schema#"
TEXT = {"type": "string"}
ABOVE_ONE = {"type": "number", "minimum": 1, "exclusiveMinimum": True}


def fault(folder: Path, written: Any, value: Any) -> Any:
    (folder / "s.json").write_text(json.dumps(written))
    loaded = load_schema(WorkTree(folder), "s.json", "")
    assert not loaded.faults, [str(each) for each in loaded.faults]
    options = {"schema": loaded.documents[loaded.uri], "schema_path": loaded.uri}
    return value_schema.find_fault(
        Check(name="c", type="json_schema", options=options, documents=loaded.documents), value
    )


@pytest.mark.parametrize(
    "name", ["urn:example:a", "urn:uuid:ee564b8a-7a87-4125-8c96-e9f123d6766f", "tag:example.org,2024:a"]
)
@pytest.mark.parametrize(
    "body",
    [
        {"$ref": "#/$defs/x", "$defs": {"x": TEXT}},
        {"$ref": "#x", "$defs": {"x": {"$anchor": "x", **TEXT}}},
        {"$ref": "urn:example:b", "$defs": {"b": {"$id": "urn:example:b", "$ref": "#/$defs/x", "$defs": {"x": TEXT}}}},
    ],
)
def test_a_reference_inside_of_a_schema_that_a_urn_names(tmp_path: Path, name: str, body: Any) -> None:
    assert fault(tmp_path, {"$id": name, **body}, "a") is None
    assert fault(tmp_path, {"$id": name, **body}, 1)


@pytest.mark.parametrize("named", [{}, {"id": "urn:example:a"}, {"id": "http://example.org/a#"}])
def test_draft_4_with_references_to_its_own_definitions(tmp_path: Path, named: Any) -> None:
    written = {"$schema": DRAFT_4, **named, "allOf": [{"$ref": "#/definitions/x"}], "definitions": {"x": ABOVE_ONE}}
    assert fault(tmp_path, written, 2) is None
    assert fault(tmp_path, written, 1)


@pytest.mark.parametrize("around", [{}, {"$schema": DRAFT_7}])
def test_a_subschema_is_read_by_the_draft_that_it_names(tmp_path: Path, around: Any) -> None:
    old = {"$schema": DRAFT_4, "id": "http://example.org/old", **ABOVE_ONE}
    written = {**around, "allOf": [{"$ref": "#/definitions/old"}], "definitions": {"old": old}}
    assert fault(tmp_path, written, 2) is None
    assert fault(tmp_path, written, 1)
    pair = {"$schema": DRAFT_7, "$id": "http://example.org/pair", "items": [TEXT], "additionalItems": False}
    written = {"properties": {"pair": pair}, "type": "object"}
    assert fault(tmp_path, written, {"pair": ["a"]}) is None
    assert fault(tmp_path, written, {"pair": ["a", "b"]})


@pytest.mark.parametrize(
    "inner",
    [{"$schema": DRAFT_7, **ABOVE_ONE}, {"$schema": DRAFT_4, "type": 7}, {"$schema": "http://example.org/draft"}],
)
def test_a_subschema_that_its_own_draft_does_not_allow_is_refused(tmp_path: Path, inner: Any) -> None:
    with pytest.raises(ValueError, match=r"not a JSON Schema|not a known draft"):
        fault(tmp_path, {"properties": {"a": inner}, "type": "object"}, {})


def test_a_keyword_of_another_draft_is_named_inside_of_a_subschema(tmp_path: Path) -> None:
    inner = {"$schema": DRAFT_4, "const": 1, "type": "number"}
    (tmp_path / "s.json").write_text(json.dumps({"properties": {"a": inner}, "type": "object"}))
    (told,) = load_schema(WorkTree(tmp_path), "s.json", "").faults
    assert '"const" has no effect in draft-04' in told.message
