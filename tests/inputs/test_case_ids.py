"""Ids of cases: given ones, and ones that are derived from a row's content."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalgate.domain.case_ids import is_derived
from evalgate.inputs.datasets import load_dataset

from .conftest import Project


def ids(project: Project, *rows: dict[str, Any], path: str = "c.jsonl") -> list[str]:
    project.write(path, "".join(json.dumps(row) + "\n" for row in rows))
    return [case.id for case in load_dataset(project.tree, path).cases]


def test_a_row_without_an_id_is_known_by_its_content(project: Project) -> None:
    rows = [{"query": "a", "expected": 1}, {"query": "b", "expected": 1}]
    first, second = ids(project, *rows)
    assert first != second
    assert is_derived(first) and is_derived(second)
    assert ids(project, *reversed(rows)) == [second, first]
    assert ids(project, {"expected": 1, "query": "a"}) == [first]
    assert ids(project, {"query": "a.", "expected": 1}) != [first]


def test_tags_and_clusters_are_not_content(project: Project) -> None:
    (plain,) = ids(project, {"query": "a"})
    assert ids(project, {"query": "a", "tags": ["critical"], "cluster": "x"}) == [plain]
    assert ids(project, {"query": "a", "id": None}) == [plain]


def test_equal_rows_are_numbered(project: Project) -> None:
    found = ids(project, *[{"query": "a"}] * 3)
    assert found == [found[0], f"{found[0]}-2", f"{found[0]}-3"]
    assert all(map(is_derived, found))


def test_some_rows_may_have_ids(project: Project) -> None:
    found = ids(project, {"id": "own", "query": "a"}, {"query": "a"}, {"id": 7, "query": "b"})
    assert (found[0], found[2]) == ("own", "7")
    assert is_derived(found[1])
    project.write("c.csv", "id,query\nown,a\n,a\n  ,b\n")
    assert [is_derived(case.id) for case in load_dataset(project.tree, "c.csv").cases] == [False, True, True]


def test_a_given_id_is_never_taken_by_a_row_without_one(project: Project) -> None:
    first, second = ids(project, {"query": "a"}, {"query": "a"})
    for name in (first, second):
        rows = [{"query": "a"}, {"query": "a"}, {"id": name, "query": "z"}]
        for order in (rows, rows[::-1]):
            project.write("c.jsonl", "".join(json.dumps(row) + "\n" for row in order))
            (told,) = project.faults(lambda: load_dataset(project.tree, "c.jsonl"))
            assert f'the id "{name}" is also the derived one of line' in told
            assert "give this case another id" in told


def test_a_row_needs_an_id_or_content(project: Project) -> None:
    project.write("c.jsonl", '{"tags": ["x"]}\n{"query": "a"}\n')
    assert project.faults(lambda: load_dataset(project.tree, "c.jsonl")) == [
        'c.jsonl:1:1: "id" is missing, and the row has no field to derive it from'
    ]


@given(st.lists(st.dictionaries(st.sampled_from(["q", "c"]), st.sampled_from(["", "x", "y"]), min_size=1), min_size=1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_ids_do_not_depend_on_the_order_of_the_rows(project: Project, rows: list[dict[str, Any]]) -> None:
    found = ids(project, *rows)
    assert len(set(found)) == len(rows)
    assert sorted(ids(project, *reversed(rows))) == sorted(found)
