"""CSV text to rows that remember their lines, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inputs.formats.readers import fault

from evalgate.inputs.formats import csv as csv_text


@given(
    st.lists(
        st.lists(
            st.text(st.characters(exclude_categories=("Cs",)), max_size=9),
            min_size=2,
            max_size=2,
        ),
        max_size=5,
    )
)
def test_csv_reads_back_what_the_standard_library_writes(rows: list[list[str]]) -> None:
    import csv
    import io

    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([["a", "b"], *rows])
    records, faults = csv_text.parse(written.getvalue(), "f")
    assert [list(row.cells.values()) for row in records] == rows
    assert not faults


def test_csv_rows_know_their_lines() -> None:
    rows, faults = csv_text.parse('id,text\n1,"a\n""b"""\n\n2,\n', "f")
    assert not faults
    assert [(row.line, row.cells) for row in rows] == [
        (2, {"id": "1", "text": 'a\n"b"'}),
        (5, {"id": "2", "text": ""}),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f:1:1: is empty: a header line was expected"),
        ("a,,c\n", "f:1: a column without a name: column 2"),
        ("a,b,a\n", 'f:1: the column "a" appears twice'),
        ("sep=;\na,b\n1,2\n", "f:2:1: the columns are not separated by semicolons: a,b"),
        ("sep=\na,b\n1,2\n", 'f:1:1: the line "sep=" does not name a separator'),
        ("a;b,c\n1;2,3\n", "f:1:1: the columns can be read as separated by commas and as semicolons"),
        ("a,b,\n1,2,3\n", "f:1: a column without a name: column 3"),
        ('a,b\n1,"x\n2,y\n', "f:2: a double quote that opens here is not closed"),
        ('a,b\n1,"x"y\n', "f:2: a double quote that opens here is not closed"),
        ('a,b\n"1\n2","x\n', "f:2: a double quote that opens here is not closed"),
        ('a,b\n1,x"y\n', "f:2: a double quote inside a cell that is not quoted"),
        ('a,b\n1,"x" "y"\n', "f:2: a double quote that opens here is not closed"),
        ('a,b\n1,{"x": 1}\n', "f:2: a double quote inside a cell that is not quoted"),
        ('a,b\n"""1""",x "y"\n', "f:2: a double quote inside a cell that is not quoted"),
        ("a,b\r1,2\n", "f:1: a carriage return inside a line"),
        (f"a\n{',' * 1000}\n", "f:2: more than 1000 cells in a row"),
    ],
)
def test_csv_refuses_with_the_place(text: str, message: str) -> None:
    assert message in fault(text, csv_text.parse)


def test_csv_takes_a_cell_of_any_length() -> None:
    rows, _ = csv_text.parse(f'a,b\n1,"{"x" * 200_000}\n"\n', "f")
    assert len(rows[0].cells["b"]) == 200_001


def test_csv_reports_every_row_of_another_length() -> None:
    rows, faults = csv_text.parse("a,b\n1\n1,2\n1,2,3\n", "f")
    assert len(rows) == 1
    assert [str(each).splitlines()[0] for each in faults] == [
        "f:2:1: 1 cells under a header of 2",
        "f:4:1: 3 cells under a header of 2",
    ]
