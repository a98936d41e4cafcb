"""Files of rows: which formats are read, and the places of their fields."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalgate.errors import Fault, InputError
from evalgate.inputs.formats.rows import number_rows, read_rows
from evalgate.inputs.tree import WorkTree

TEXTS = {
    "r.jsonl": '{"id": "a", "n": 1}\n\n {"id": "b", "n": 2}\n',
    "r.ndjson": '{"id": "a", "n": 1}\n{"id": "b", "n": 2}\n',
    "r.json": '[{"id": "a", "n": 1},\n {"id": "b", "n": 2}]',
    "r.yaml": "- {id: a, n: 1}\n- {id: b, n: 2}\n",
}


def write(folder: Path, path: str, text: str) -> WorkTree:
    (folder / path).write_text(text)
    return WorkTree(folder)


@pytest.mark.parametrize("path", TEXTS)
def test_every_format_gives_the_same_rows(tmp_path: Path, path: str) -> None:
    found = read_rows(write(tmp_path, path, TEXTS[path]), path)
    assert [dict(row.fields) for row in found.rows] == [{"id": "a", "n": 1}, {"id": "b", "n": 2}]
    assert found.faults == []


@pytest.mark.parametrize("path", TEXTS)
def test_a_field_has_its_place_and_a_missing_one_that_of_its_row(tmp_path: Path, path: str) -> None:
    text = TEXTS[path]
    _, second = read_rows(write(tmp_path, path, text), path).rows
    place = second.locate("n")
    assert text.split("\n")[place.line - 1][place.column - 1] == "2"
    assert second.locate("other").line == second.line == place.line


def test_cells_of_a_csv_are_text_and_a_number_is_read_where_one_is_wanted(tmp_path: Path) -> None:
    (row,) = read_rows(write(tmp_path, "r.csv", "id,n,t\na, 1.5 ,yes\n"), "r.csv").rows
    assert (row.text_only, row.fields["n"], row.number("n"), row.number("t")) == (True, " 1.5 ", 1.5, "yes")


def test_a_row_that_is_no_mapping_and_a_broken_line_are_faults_and_the_others_are_read(tmp_path: Path) -> None:
    found = read_rows(write(tmp_path, "r.jsonl", '{"id": 1}\n[1]\n{"a" 3}\n{"id": 2}\n'), "r.jsonl")
    assert [row.fields["id"] for row in found.rows] == [1, 2]
    assert [fault.place.line for fault in found.faults if fault.place] == [2, 3]


@pytest.mark.parametrize(("path", "csv"), [("r.txt", True), ("r.csv", False), ("r.parquet", True)])
def test_another_type_is_refused_with_those_that_are_read(tmp_path: Path, path: str, csv: bool) -> None:
    with pytest.raises(InputError) as caught:
        read_rows(write(tmp_path, path, "x"), path, csv=csv)
    assert ".jsonl" in str(caught.value)


def test_a_key_that_nearly_is_a_known_one_is_a_fault_unless_the_known_one_is_there() -> None:
    near, both = number_rows({1: {"critereon": "x"}, 2: {"critereon": "x", "criterion": "y"}}, "f").rows
    faults: list[Fault] = []
    assert near.near_misses(["criterion", "case"], faults)
    assert str(faults[0]) == 'f:1: unknown key "critereon"; did you mean "criterion"?'
    assert not both.near_misses(["criterion", "case"], faults)


@pytest.mark.parametrize(
    "written", ["\ufeffcluster", "clus\u200bter", "ｃｌｕｓｔｅｒ", "CLUSTER", "\u0441luster", "clu ster"]
)
def test_a_key_that_is_shown_as_a_known_one_is_a_fault(written: str) -> None:
    (row,) = number_rows({1: {written: "x"}}, "f").rows
    faults: list[Fault] = []
    assert row.near_misses(["cluster"], faults)
    assert 'did you mean "cluster"?' in str(faults[0])
