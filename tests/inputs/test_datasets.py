"""Golden datasets: what rows become, and what is refused with its place."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalgate.domain import normalize
from evalgate.errors import InputError
from evalgate.inputs.datasets import load_dataset

from .conftest import Project

ROWS = [
    {"id": "a", "query": 'x, "y"\nz', "tags": ["t1", "t2"]},
    {"id": "b", "query": "ü", "tags": []},
]
FORMATS = {
    "c.jsonl": "\n".join(json.dumps(row) for row in ROWS) + "\n\n",
    "c.ndjson": "\n".join(json.dumps(row) for row in ROWS),
    "c.json": json.dumps(ROWS, indent=1),
    "c.csv": 'id,query,tags\na,"x, ""y""\nz",t1; t2;t1\nb,ü,\n',
    "c.yml": '# cases\n- id: a\n  query: "x, \\"y\\"\\nz"\n  tags: [t1, t2]\n- id: b\n  query: ü\n',
}


@pytest.mark.parametrize(
    ("path", "lines"),
    [("c.jsonl", (1, 2)), ("c.ndjson", (1, 2)), ("c.json", (2, 10)), ("c.csv", (2, 4)), ("c.yml", (2, 5))],
)
@pytest.mark.parametrize("windows", [False, True])
def test_every_format_gives_the_same_cases(project: Project, path: str, lines: tuple[int, int], windows: bool) -> None:
    data = FORMATS[path].encode()
    project.write(path, b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n") if windows else data)
    dataset = load_dataset(project.tree, path)
    assert [(case.id, case.fields, case.tags) for case in dataset.cases] == [
        ("a", {"query": 'x, "y"\nz'}, ("t1", "t2")),
        ("b", {"query": "ü"}, ()),
    ]
    assert tuple(case.line for case in dataset.cases) == lines
    assert dataset.path == path


@given(
    st.lists(
        st.dictionaries(
            st.text(min_size=1).filter(lambda key: key not in ("id", "tags") and key.isprintable()),
            st.none() | st.integers() | st.text(st.characters(exclude_categories=("Cs",))),
        ),
        min_size=1,
        max_size=5,
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_jsonl_and_json_round_trip(project: Project, rows: list[dict[str, Any]]) -> None:
    named = [{**row, "id": str(index)} for index, row in enumerate(rows)]
    project.write("r.jsonl", "\n".join(json.dumps(row, ensure_ascii=False) for row in named))
    project.write("r.json", json.dumps(named))
    one, other = load_dataset(project.tree, "r.jsonl"), load_dataset(project.tree, "r.json")
    assert [dict(case.fields) for case in one.cases] == rows
    assert one.digest == other.digest


def test_whole_numbers_are_ids_too(project: Project) -> None:
    project.write("c.jsonl", '{"id": 7}\n{"id": "007"}\n')
    assert [case.id for case in load_dataset(project.tree, "c.jsonl").cases] == ["7", "007"]


@given(st.lists(st.text("aé\u0301e \u200b\u00a0\u00ad", min_size=1, max_size=4), min_size=1, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_two_ids_are_shown_alike(project: Project, ids: list[str]) -> None:
    project.write("i.jsonl", "\n".join(json.dumps({"id": name, "q": 1}) for name in ids))
    shown = [normalize(name) for name in ids]
    if all(shown) and len(set(shown)) == len(shown):
        assert len(load_dataset(project.tree, "i.jsonl").cases) == len(ids)
    else:
        with pytest.raises(InputError, match=r"looks like the id|is given twice|is empty"):
            load_dataset(project.tree, "i.jsonl")


def faults(project: Project, load: Callable[..., object], path: str, text: str | bytes) -> list[str]:
    project.write(path, text)
    return project.faults(lambda: load(project.tree, path))


@pytest.mark.parametrize(
    ("path", "text", "wanted"),
    [
        ("c.jsonl", '{"id": "a"}\n\n{"id": "a"}\n', ['c.jsonl:3:8: the id "a" is given twice; first in line 1']),
        ("c.jsonl", '{"id": 1}\n{"id": "1"}\n', ['c.jsonl:2:8: the id "1" is given twice; first in line 1']),
        ("c.jsonl", '{"id": "a"}\n{"id": "a\\u200b"}\n', [
            'c.jsonl:2:8: the id "a\u200b" looks like the id "a" of line 1\n'
            "  hint: they differ only in what is not shown: give one another id"
        ]),
        ("c.csv", "\ufeff\ufeffid,q\na,1\n", ['c.csv:2: unknown key "\ufeffid"; did you mean "id"?']),
        ("c.csv", "id,q\na,1\n a ,2\n", ['c.csv:3: the id "a" is given twice; first in line 2']),
        ("c.yml", "- {id: a}\n- {id: a}\n", ['c.yml:2:8: the id "a" is given twice; first in line 1']),
        ("c.json", '[{"id": "a"},\n {"q": 1, "id": "a"}]', ['c.json:2:17: the id "a" is given twice; first in line 1']),
        ("c.jsonl", '{"q": 1}\n  {"id": ""}\n{"id": 1.5}\n{"id": null}\n{"id": true}\n[1]\n', [
            'c.jsonl:2:10: "id" is empty',
            'c.jsonl:3:8: "id" must be text or a whole number\n  hint: put it in quotes',
            'c.jsonl:4:1: "id" is missing, and the row has no field to derive it from',
            'c.jsonl:5:8: "id" must be text or a whole number\n  hint: put it in quotes',
            "c.jsonl:6:1: a row must be a mapping of fields",
        ]),
        ("c.jsonl", '{"id": "a", "q": NaN}\nnot json\n{"id": "b", "b": [}\n', [
            "c.jsonl:1:18: NaN is not a number in JSON",
            "c.jsonl:2:1: not valid JSON: a value was expected",
            "c.jsonl:3:19: not valid JSON: a value was expected",
        ]),
        ("c.json", '[{"id": "a", "q": Infinity}]', ["c.json:1:19: Infinity is not a number in JSON"]),
        ("c.json", '{"id": "a"}', ["c.json:1:1: the file must contain a JSON list"]),
        ("c.yml", "id: a", ["c.yml:1:1: the file must contain a list"]),
        ("c.csv", "id,q\na,NaN\nb,nan\nc,-Infinity\n", ['c.csv:2: "q" is NaN', 'c.csv:3: "q" is nan', 'c.csv:4: "q" is -Infinity']),
        ("c.csv", "id,q\na\nb,1,2\n", ["c.csv:2:1: 1 cells under a header of 2", "c.csv:3:1: 3 cells under a header of 2"]),
        ("c.jsonl", '{"id": "a", "tags": "x"}', ['c.jsonl:1:21: "tags" must be a list of texts']),
        ("c.jsonl", '{"id": "a", "tags": [1]}', ['c.jsonl:1:21: "tags" must be a list of texts']),
        ("c.jsonl", "", ["c.jsonl: the dataset is empty: a gate needs at least one case"]),
        ("c.jsonl", "\n \n", ["c.jsonl: the dataset is empty: a gate needs at least one case"]),
        ("c.json", "[]", ["c.json: the dataset is empty: a gate needs at least one case"]),
        ("c.csv", "id,q\n", ["c.csv: the dataset is empty: a gate needs at least one case"]),
        ("c.yml", "", ["c.yml: the dataset is empty: a gate needs at least one case"]),
        ("c.csv", "", ["c.csv:1:1: is empty: a header line was expected"]),
        ("c.jsonl", b'{"id": "a"}\n{"id": "caf\xe9"}', ["c.jsonl:2:12: byte 0xe9 is not UTF-8"]),
        ("c.txt", "x", ['c.txt: files of the type ".txt" are not supported']),
    ],
)  # fmt: skip
def test_a_faulty_dataset_is_refused_with_every_place(
    project: Project, path: str, text: str | bytes, wanted: list[str]
) -> None:
    found = faults(project, load_dataset, path, text)
    assert len(found) == len(wanted), found
    for one, start in zip(found, wanted, strict=True):
        assert one.startswith(start)


def test_a_50_mb_line_in_a_dataset(project: Project) -> None:
    found = faults(project, load_dataset, "c.jsonl", b'{"id": "a"}\n{"id": "' + b"x" * 50_000_000 + b'"}')
    assert found[0].startswith("c.jsonl:2: the line has 5")


def test_a_large_dataset_is_quick(project: Project) -> None:
    project.write("c.jsonl", "".join(f'{{"id": "{index}", "query": "{"q" * 200}"}}\n' for index in range(20_000)))
    started = time.process_time()
    assert len(load_dataset(project.tree, "c.jsonl").cases) == 20_000
    assert time.process_time() - started < 3


def test_a_file_of_nothing_but_faults_is_cut_short(project: Project) -> None:
    found = faults(project, load_dataset, "c.jsonl", "x\n" * 5000)
    assert len(found) == 101
