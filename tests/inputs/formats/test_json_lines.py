"""JSONL whose values are written over several lines, or that is one JSON list."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalgate.inputs.datasets import load_dataset

from ..conftest import Project

ROWS = [{"id": "a", "query": 'x\n"y" {', "tags": ["t"]}, {"id": "b", "more": {"deep": [1, {}]}}, {"id": "c"}]


def read(project: Project, text: str) -> list[tuple[str, int, dict[str, Any]]]:
    project.write("c.jsonl", text)
    return [(case.id, case.line, dict(case.fields)) for case in load_dataset(project.tree, "c.jsonl").cases]


@given(
    indents=st.lists(st.sampled_from([None, 0, 2, "\t"]), min_size=3, max_size=3),
    gap=st.sampled_from(["\n", "\n\n", " \n"]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_objects_of_one_and_of_several_lines(project: Project, indents: list[Any], gap: str) -> None:
    written = [json.dumps(row, indent=indent) for row, indent in zip(ROWS, indents, strict=True)]
    text = gap.join(written)
    lines = [text[: text.index(part)].count("\n") + 1 for part in written]
    found = read(project, text)
    assert [(name, line) for name, line, _ in found] == list(zip("abc", lines, strict=True))
    assert found[1][2] == {"more": {"deep": [1, {}]}}
    assert [name for name, _, _ in read(project, text.replace("\n", "\r"))] == list("abc")


@pytest.mark.parametrize("indent", [None, 1])
def test_a_list_is_read_as_the_rows_in_it(project: Project, indent: int | None) -> None:
    assert [name for name, _, _ in read(project, json.dumps(ROWS, indent=indent))] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{\n "id": "a"\n}\n{\n "id": "b",\n}\n{\n "id": "c"\n}\n', ["c.jsonl:6:1: not valid JSON"]),
        ('[\n {"id": "a"},\n {"id": }\n]\n', ["c.jsonl:3:9: not valid JSON"]),
        ('{"id": "a", "q": [\n1, 2\n], "id": "b"}\n', ['c.jsonl:3:4: the key "id" is given twice']),
        ('{"id": "a"\n{"id": "b"}\nx\n', ["c.jsonl:1:11: not valid JSON", "c.jsonl:3:1: not valid JSON"]),
        ('{"id": "a"} {"id": "b"}\n', ["c.jsonl:1:13: more text after the end of the JSON value"]),
        ('["a"]\n["b"]\n', ["c.jsonl:1:1: a row must be a mapping", "c.jsonl:2:1: a row must be a mapping"]),
    ],
)
def test_what_is_no_value_is_named_with_its_place(project: Project, text: str, wanted: list[str]) -> None:
    project.write("c.jsonl", text)
    told = project.faults(lambda: load_dataset(project.tree, "c.jsonl"))
    assert len(told) == len(wanted), told
    for one, start in zip(told, wanted, strict=True):
        assert one.startswith(start)


def test_lines_in_a_file_of_one_value_are_named(project: Project) -> None:
    project.write("c.json", '{"id": "a"}\n{"id": "b"}\n')
    (told,) = project.faults(lambda: load_dataset(project.tree, "c.json"))
    assert told.startswith("c.json:2:1: more text after the end of the JSON value")
    assert "name it .jsonl" in told


@pytest.mark.parametrize("text", ["id,query\n1,x\n", '{"id": "a"}\n'])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_named(project: Project, text: str, encoding: str) -> None:
    project.write("c.csv", text.encode(encoding))
    (told,) = project.faults(lambda: load_dataset(project.tree, "c.csv"))
    assert told.startswith("c.csv:1:1: is UTF-16, not UTF-8\n  hint: save it as UTF-8")
