"""Fields whose columns have other names in the file, or are JSON in a cell."""

from __future__ import annotations

import json
from typing import Any

import pytest

from evalgate.domain import Column
from evalgate.inputs.config import load_config
from evalgate.inputs.datasets import load_dataset

from .conftest import Project

COLUMNS = {
    "query": Column(name="User question"),
    "id": Column(name="No."),
    "expected": Column(name="answer"),
    "tags": Column(name="labels"),
}


def columns(**given: str | tuple[str, bool]) -> dict[str, Column]:
    return {
        name: Column(name=column) if isinstance(column, str) else Column(name=column[0], json=column[1])
        for name, column in given.items()
    }


def test_columns_get_the_names_of_fields(project: Project) -> None:
    project.write("c.csv", "No.,User question,answer,labels,note\n7,Why?,So.,a;b,n\n")
    row = {"No.": 7, "User question": "Why?", "answer": "So.", "labels": ["a", "b"], "note": "n"}
    project.write("c.jsonl", json.dumps(row))
    for path in ("c.csv", "c.jsonl"):
        (case,) = load_dataset(project.tree, path, COLUMNS).cases
        assert (case.id, case.tags) == ("7", ("a", "b"))
        assert case.fields == {"query": "Why?", "expected": "So.", "note": "n"}


def test_two_columns_may_change_places(project: Project) -> None:
    project.write("c.csv", "a,b\n1,2\n")
    (case,) = load_dataset(project.tree, "c.csv", columns(a="b", b="a")).cases
    assert case.fields == {"a": "2", "b": "1"}


def test_a_row_that_lacks_a_column_lacks_the_field(project: Project) -> None:
    project.write("c.jsonl", '{"q": "x", "answer": "y"}\n{"q": "z"}\n')
    first, second = load_dataset(project.tree, "c.jsonl", columns(expected="answer")).cases
    assert first.fields == {"q": "x", "expected": "y"}
    assert second.fields == {"q": "z"}


@pytest.mark.parametrize(
    ("text", "given", "wanted"),
    [
        ("q,User question\n1,2\n", {"query": "User queston"}, 'no row has the column "User queston", which the gate names for the field "query"\n  hint: did you mean "User question"?'),
        ("q,User question\n1,2\n", {"query": "zzz"}, 'names for the field "query"\n  hint: the columns are: User question, q'),
        ("query,text\n1,2\n", {"query": "text"}, 'c.csv:2: the field "query" is the column "text", but there is a column "query" as well'),
        ("q,e\n1,[1\n", {"e": ("e", True)}, 'c.csv:2: "e" is declared as JSON, and is none: '),
        ("q,e\n1,NaN\n", {"e": ("e", True)}, 'c.csv:2: "e" is declared as JSON, and is none: NaN is not a number in JSON'),
    ],
)  # fmt: skip
def test_columns_that_do_not_fit_are_named(project: Project, text: str, given: Any, wanted: str) -> None:
    project.write("c.csv", text)
    (told,) = project.faults(lambda: load_dataset(project.tree, "c.csv", columns(**given)))
    assert wanted in told


def test_a_cell_is_json_where_that_is_declared(project: Project) -> None:
    project.write("c.csv", 'q,expected\n1,"[""a"", ""b""]"\n2,{}\n3,\n4,"""x"""\n')
    read = load_dataset(project.tree, "c.csv", columns(expected=("expected", True))).cases
    assert [case.fields.get("expected", "absent") for case in read] == [["a", "b"], {}, "absent", "x"]
    plain = load_dataset(project.tree, "c.csv").cases
    assert [case.fields["expected"] for case in plain] == ['["a", "b"]', "{}", "", '"x"']


def test_the_gate_names_columns(project: Project) -> None:
    project.write("p.prompt.yml", 'messages: [{role: user, content: "{{query}}"}]')
    project.write("c.csv", "No.,question\n1,x\n")
    project.write(
        "evalgate.yml",
        "targets: {a: {type: openai, model: m}}\ngates:\n  - prompt: p.prompt.yml\n    dataset: c.csv\n"
        '    checks: [{type: is_json}]\n    fields: {id: "No.", query: {column: question, json: false}, n: {json: true}}\n',
    )
    (gate,) = load_config(project.tree, "evalgate.yml").gates
    assert gate.columns == {
        "id": Column(name="No."),
        "query": Column(name="question", json=False),
        "n": Column(name="n", json=True),
    }


def test_a_faulty_mapping_is_refused_with_its_place(project: Project) -> None:
    project.write("p.prompt.yml", 'messages: [{role: user, content: "{{query}}"}]')
    project.write("c.csv", "No.,question\n1,x\n")
    project.write(
        "evalgate.yml",
        "targets: {a: {type: openai, model: m}}\ngates:\n  - prompt: p.prompt.yml\n    dataset: c.csv\n"
        "    checks: [{type: is_json}]\n    fields: {id: 7, query: [x], n: {colum: a, json: true}}\n",
    )
    assert len(project.faults(lambda: load_config(project.tree, "evalgate.yml"))) == 3
