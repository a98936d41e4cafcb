"""Tests of tests as cases: ids, and names that evalgate reads in its own way."""

from __future__ import annotations

from typing import Any

from evalgate.errors import Place
from evalgate.inputs.importers.promptfoo_cases import keep_common, make_cases, rename_fields, rewrite_message
from evalgate.inputs.importers.promptfoo_tests import ForeignTest


def make(description: str | None = None, **variables: Any) -> ForeignTest:
    return ForeignTest(variables=variables, assertions=(), options={}, place=Place(path="a"), description=description)


def test_ids_are_descriptions_and_differ() -> None:
    cases = make_cases([make("A b!"), make("A b?"), make(), make("é" * 99)], (), {}, ())
    assert [case["id"] for case in cases] == ["A-b", "A-b-2", "test-3", "é" * 60]


def test_names_of_evalgate_are_renamed_with_the_prompts() -> None:
    tests = [make(id=1, Tags="x", q="y")]
    renamed = rename_fields(tests, ["cluster"])
    assert renamed == {"Tags": "Tags_value", "cluster": "cluster_value", "id": "id_value"}
    assert make_cases(tests, ("cluster",), renamed, ()) == [
        {"id": "test-1", "id_value": 1, "Tags_value": "x", "q": "y", "cluster_value": ""}
    ]
    message = {"role": "user", "content": [{"type": "text", "text": "{{id}} {{ Tags | dump }}"}]}
    assert rewrite_message(message, renamed)["content"][0]["text"] == "{{id_value}} {{ Tags_value | tojson }}"


def test_common_variables_are_kept() -> None:
    assert keep_common([make(a=1, b=2), make(a=1, b=3)]).variables == {"a": 1}
