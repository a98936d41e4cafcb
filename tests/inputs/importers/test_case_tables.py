"""Tests of tables as cases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalgate.errors import InputError
from evalgate.inputs.importers.case_rows import CaseRows
from evalgate.inputs.importers.case_tables import CaseColumns, read_table
from evalgate.inputs.tree import WorkTree

TABLE = 'No;Question;Answer;Labels;more\n1;Why?;Because;"a, b";"[1, 2]"\n\n2;How?;;;\n'


def load(folder: Path, text: str = TABLE, **columns: Any) -> CaseRows:
    (folder / "t.csv").write_text(text)
    return read_table(WorkTree(folder), "t.csv", "t.csv", CaseColumns(**columns))


def test_columns_become_what_they_are_named_as(tmp_path: Path) -> None:
    found = load(tmp_path, id="No", expected="Answer", tags="Labels", separator=",", json=("more",))
    assert found.rows == [
        {"id": "1", "Question": "Why?", "expected": "Because", "tags": ["a", "b"], "more": [1, 2]},
        {"id": "2", "Question": "How?"},
    ]
    assert list(found.left_out) == ["3 empty cells: a case without a text has no such field"]


def test_dropped_columns_are_told(tmp_path: Path) -> None:
    found = load(tmp_path, dropped=("more", "Labels", "Answer"))
    assert found.rows[0] == {"No": "1", "Question": "Why?"}
    assert 'the column "more"' in found.left_out


@pytest.mark.parametrize(("columns", "message"), [
    ({"id": "Nr"}, '--id: no column is named "Nr"'),
    ({"id": "No", "expected": "No"}, 'the column "No" is given two meanings'),
    ({"json": ("Question",)}, 't.csv:2: "Question" is not JSON'),
    ({"json": ("x",)}, '--json: no column is named "x"'),
    ({"dropped": ("x",)}, '--drop: no column is named "x"'),
])  # fmt: skip
def test_a_column_that_is_not_what_it_is_said_to_be_is_refused(
    tmp_path: Path, columns: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError) as refused:
        load(tmp_path, **columns)
    assert message in str(refused.value)


def test_two_columns_of_one_meaning_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match='becomes "id", but there is a column "id" as well'):
        load(tmp_path, "id,No\n1,2\n", id="No")
    assert load(tmp_path, "id,No\n1,2\n", id="No", dropped=("id",)).rows == [{"id": "2"}]


def test_a_table_without_a_row_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no cases"):
        load(tmp_path, "a,b\n,\n")
