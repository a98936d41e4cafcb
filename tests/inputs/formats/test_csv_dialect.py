"""CSV as spreadsheets and exports write it: separators, line ends, spaces around quotes, empty columns."""

from __future__ import annotations

import csv
import io
import time
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.errors import InputError
from evalgate.inputs.datasets import load_dataset
from evalgate.inputs.formats import csv as csv_text

from ..conftest import Project

SIGNS = ",;\t|"


def cells(text: str, separator: str | None = None) -> list[list[str]]:
    rows, faults = csv_text.parse(text, "f", separator)
    assert not faults
    return [list(row.cells.values()) for row in rows]


@given(
    sign=st.sampled_from(SIGNS),
    end=st.sampled_from(["\n", "\r"]),
    rows=st.lists(st.lists(st.text("a,;|\t \"\n'é[]", max_size=6), min_size=3, max_size=3), min_size=1, max_size=4),
    named=st.booleans(),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_every_dialect_gives_the_same_cells(
    sign: str, end: str, rows: list[list[str]], named: bool, quoting: int
) -> None:
    if end == "\r":
        quoting = csv.QUOTE_ALL  # the standard library quotes a cell for the line end that it writes alone
    written = io.StringIO()
    csv.writer(written, delimiter=sign, lineterminator=end, quoting=quoting).writerows([["x", "y", "z"], *rows])  # type: ignore[arg-type]
    text = (f"sep={sign}{end}" if named else "") + written.getvalue()
    assert cells(text) == rows
    assert cells(written.getvalue(), sign) == rows


def test_spaces_around_a_quoted_cell_are_not_part_of_it() -> None:
    text = 'a, "b" ,c\n1, "x, ""y""" , z\n "2" ,"  kept  ",3\n'
    assert cells(text) == [["1", 'x, "y"', " z"], ["2", "  kept  ", "3"]]


def test_a_line_break_in_a_quoted_cell_ends_no_line() -> None:
    assert cells('a,b\r1,"x\ny"\r2,z\r') == [["1", "x\ny"], ["2", "z"]]
    assert cells('a,b\n1,"x\ry"\n') == [["1", "x\ry"]]


def test_columns_and_rows_that_a_spreadsheet_left_empty() -> None:
    assert cells("a,b,,\n1,2,,\n3,4\n") == [["1", "2"], ["3", "4"]]


def test_rows_know_their_lines_below_a_line_that_names_the_separator() -> None:
    rows, _ = csv_text.parse("sep=;\na;b\n1;2\n", "f")
    assert [(row.line, row.cells) for row in rows] == [(3, {"a": "1", "b": "2"})]


def test_one_column_keeps_its_text() -> None:
    assert cells("q\na; b\n") == [["a; b"]]
    assert cells('"q, r"\nx\n') == [["x"]]


@pytest.mark.parametrize(("one", "other"), list(product(",;\t|", repeat=2)))
def test_two_separators_that_both_fit_are_named(one: str, other: str) -> None:
    text = f"a{one}b{other}c\n1{one}2{other}3\n"
    if one == other:
        assert cells(text) == [["1", "2", "3"]]
        return
    with pytest.raises(InputError, match="the columns can be read as separated by"):
        csv_text.parse(text, "f")
    assert cells(f"sep={one}\n{text}") == [["1", f"2{other}3"]]


def test_the_separator_that_fits_is_taken_where_another_does_not() -> None:
    assert cells("a;b, or c\n1;2\n3;4\n") == [["1", "2"], ["3", "4"]]
    assert cells('a,"b;c",d;e\n1,2,3\n') == [["1", "2", "3"]]
    assert cells("a|b, or c\n1|2\n3|4\n") == [["1", "2"], ["3", "4"]]


def test_a_table_of_tabs_has_its_own_name(project: Project) -> None:
    project.write("c.tsv", "id\tquery\n1\ta, b; c\n\t\n")
    (case,) = load_dataset(project.tree, "c.tsv").cases
    assert (case.id, case.fields) == ("1", {"query": "a, b; c"})
    project.write("c.tsv", "id,query\n1,a\n")
    (told,) = project.faults(lambda: load_dataset(project.tree, "c.tsv"))
    assert told.startswith("c.tsv:1:1: the columns are not separated by tabs: id,query")


def test_a_long_run_of_spaces_is_read_in_one_pass() -> None:
    start = time.process_time()
    rows, faults = csv_text.parse(f"id,query\n1,a{' ' * 60_000}b\n", "cases.csv")
    assert not faults and len(rows) == 1 and time.process_time() - start < 2
