"""Scores in Parquet, Excel and DataFrames: the same rows and the same faults as in CSV, each with its row."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evalgate.domain import Arm, ScoreRow
from evalgate.errors import InputError
from evalgate.inputs.formats.dataframe import list_rows
from evalgate.inputs.formats.rows import number_rows
from evalgate.inputs.score_rows import load_scores, read_scores
from evalgate.inputs.tree import WorkTree

ROWS: dict[str, list[Any]] = {
    "case": ["a", "a", "7", "b"],
    "arm": ["baseline", "Candidate", "candidate", "candidate"],
    "criterion": ["tone"] * 4,
    "value": [0.5, 1, 0, 0.25],
    "repeat": [None, 1, 0, None],
    "tag": [None, "refund", None, "NA"],
    "cluster": [None, 3, None, None],
    "notes": ["x", None, None, None],
}


def write_parquet(frame: pd.DataFrame, path: Path) -> None:
    frame.to_parquet(path, index=False)


def write_excel(frame: pd.DataFrame, path: Path) -> None:
    frame.to_excel(path, index=False)


FORMATS = pytest.mark.parametrize(
    ("name", "write", "first"), [("s.parquet", write_parquet, 1), ("s.xlsx", write_excel, 2)]
)


def find_faults(act: Callable[[], object]) -> list[str]:
    with pytest.raises(InputError) as caught:
        act()
    return [str(fault) for fault in caught.value.faults]


def expected(first: int) -> tuple[ScoreRow, ...]:
    return (
        ScoreRow(case="a", arm=Arm.BASELINE, criterion="tone", value=0.5, line=first),
        ScoreRow(
            case="a",
            arm=Arm.CANDIDATE,
            criterion="tone",
            value=1.0,
            repeat=1,
            tag="refund",
            cluster="3",
            line=first + 1,
        ),
        ScoreRow(case="7", arm=Arm.CANDIDATE, criterion="tone", value=0.0, line=first + 2),
        ScoreRow(case="b", arm=Arm.CANDIDATE, criterion="tone", value=0.25, tag="NA", line=first + 3),
    )


@FORMATS
def test_scores_are_read_with_their_rows(tmp_path: Path, name: str, write: Any, first: int) -> None:
    write(pd.DataFrame(ROWS), tmp_path / name)
    assert load_scores(WorkTree(tmp_path), name) == expected(first)


@FORMATS
def test_faults_are_all_told_with_their_rows(tmp_path: Path, name: str, write: Any, first: int) -> None:
    frame = pd.DataFrame({**ROWS, "value": [0.5, 1.5, np.nan, 0.25], "case": ["a", "a", "c", None]})
    write(frame, tmp_path / name)
    found = find_faults(lambda: load_scores(WorkTree(tmp_path), name))
    assert [fault.partition("\n")[0] for fault in found] == [
        f'{name}:{first + 1}: "value" must be in [0, 1], not 1.5',
        f'{name}:{first + 2}: "value" must be a number in [0, 1], or true or false',
        f'{name}:{first + 3}: "case" must be text or a whole number',
    ]


@FORMATS
def test_a_misspelt_column_is_found(tmp_path: Path, name: str, write: Any, first: int) -> None:
    write(pd.DataFrame(ROWS).rename(columns={"cluster": "clusters"}), tmp_path / name)
    found = find_faults(lambda: load_scores(WorkTree(tmp_path), name))
    assert found == [f'{name}:{first}: unknown key "clusters"; did you mean "cluster"?']


@pytest.mark.parametrize("name", ["s.parquet", "s.xlsx"])
@pytest.mark.parametrize("data", [b"", b"case,arm\n", b"PK\x03\x04", b"PAR1"])
def test_what_is_no_table_is_refused(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    [fault] = find_faults(lambda: load_scores(WorkTree(tmp_path), name))
    assert fault.startswith(f'{name}: cannot be read as "{Path(name).suffix}": ')


def write_sheet(path: Path, *rows: tuple[Any, ...]) -> None:
    openpyxl = importlib.import_module("openpyxl")
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)


HEADER = ("case", "arm", "criterion", "value")


def test_rows_of_a_sheet_have_the_numbers_that_are_shown(tmp_path: Path) -> None:
    write_sheet(tmp_path / "s.xlsx", (), HEADER, ("a", "baseline", "t", True), (), ("a", "candidate", "t", 2))
    [fault] = find_faults(lambda: load_scores(WorkTree(tmp_path), "s.xlsx"))
    assert fault.startswith('s.xlsx:5: "value" must be in [0, 1], not 2')


@pytest.mark.parametrize("value", ["=1/0", "0.5", "#N/A", "NaN", "", None])
def test_a_formula_an_error_and_a_text_are_no_scores(tmp_path: Path, value: Any) -> None:
    write_sheet(tmp_path / "s.xlsx", HEADER, ("a", "baseline", "t", value))
    [fault] = find_faults(lambda: load_scores(WorkTree(tmp_path), "s.xlsx"))
    assert fault.startswith('s.xlsx:2: "value" must be a number in [0, 1], or true or false')


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ([], "s.xlsx: is empty: a row with the names of the columns was expected"),
        ([(*HEADER, "value"), ("a", "baseline", "t", 1, 0)], 's.xlsx:1: the column "value" appears twice'),
        ([(*HEADER, None), ("a", "baseline", "t", 1, 0)], "s.xlsx:1: a column without a name"),
        ([HEADER], "s.xlsx: the file has no scores"),
    ],
)
def test_a_sheet_needs_a_name_for_each_column(tmp_path: Path, rows: list[Any], wanted: str) -> None:
    write_sheet(tmp_path / "s.xlsx", *rows)
    assert find_faults(lambda: load_scores(WorkTree(tmp_path), "s.xlsx")) == [wanted]


@pytest.mark.parametrize(("name", "package"), [("s.parquet", "pyarrow"), ("s.xlsx", "openpyxl")])
def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, package: str) -> None:
    def refuse(*args: Any, **options: Any) -> None:
        raise ImportError(f"Missing optional dependency '{package}'.")

    monkeypatch.setattr(pd, "read_parquet", refuse)
    monkeypatch.setattr(pd, "read_excel", refuse)
    (tmp_path / name).write_bytes(b"x")
    assert find_faults(lambda: load_scores(WorkTree(tmp_path), name)) == [
        f'{name}: {package} is needed to read "{Path(name).suffix}"\n'
        '  hint: install it with: pip install "prompt-evalgate[tables]"'
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame,
        lambda frame: frame.set_index("case"),
        lambda frame: frame.set_index(["case", "arm"]),
        lambda frame: frame.astype({"arm": "category", "value": "Float64", "repeat": "Int64"}),
        lambda frame: frame.convert_dtypes(),
    ],
)
def test_a_frame_gives_the_same_rows(change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    frame = change(pd.DataFrame(ROWS))
    assert read_scores(number_rows(list_rows(frame, "frame"), "frame"), "frame") == expected(1)


def test_a_column_that_stands_twice_is_refused() -> None:
    frame = pd.DataFrame([["a", "b"]], columns=["case", "case"])
    assert find_faults(lambda: list_rows(frame, "frame")) == ['frame: the column "case" appears twice']
    frame = pd.DataFrame({"case": ["a"]}, index=pd.Index(["b"], name="case"))
    assert find_faults(lambda: list_rows(frame, "frame")) == ['frame: the column "case" appears twice']


def test_numbers_of_numpy_are_numbers_in_rows_as_well() -> None:
    row = {"case": np.int64(7), "arm": "baseline", "criterion": "t", "value": np.float32(0.5), "repeat": np.int8(2)}
    assert read_scores(number_rows({1: row}, "rows"), "rows") == (
        ScoreRow(case="7", arm=Arm.BASELINE, criterion="t", value=0.5, repeat=2, line=1),
    )


@pytest.mark.parametrize("missing", [None, pd.NA, pd.NaT, np.nan, np.float32("nan")])
def test_what_pandas_takes_for_missing_is_missing(missing: Any) -> None:
    row = {
        "case": "a",
        "arm": "baseline",
        "criterion": "t",
        "value": 1,
        **dict.fromkeys(("repeat", "tag", "cluster"), missing),
    }
    wanted = (ScoreRow(case="a", arm=Arm.BASELINE, criterion="t", value=1.0, line=1),)
    for rows in ({1: row}, list_rows(pd.DataFrame([row]), "rows")):
        assert read_scores(number_rows(rows, "rows"), "rows") == wanted


def test_columns_that_are_not_read_may_hold_anything(tmp_path: Path) -> None:
    frame = pd.DataFrame({**ROWS, "notes": [["x", "y"], [], None, ["z"]], 5: pd.Timestamp("2026-01-31")})
    assert read_scores(number_rows(list_rows(frame, "frame"), "frame"), "frame") == expected(1)
    frame.drop(columns=5).to_parquet(tmp_path / "s.parquet")
    assert load_scores(WorkTree(tmp_path), "s.parquet") == expected(1)
    row = {"case": "a", "arm": "baseline", "criterion": "t", "value": 1, 5: np.array([1, 2]), None: {}}
    assert len(read_scores(number_rows({1: row}, "rows"), "rows")) == 1


@pytest.mark.parametrize("value", [pd.NA, np.array([1, 0]), np.nan, np.inf, pd.Timestamp("2026-01-31"), "1", {}, None])
def test_what_is_no_number_is_no_score(value: Any) -> None:
    row = {"case": "a", "arm": "baseline", "criterion": "t", "value": value}
    for rows in ({1: row}, list_rows(pd.DataFrame([row]), "rows")):
        [fault] = find_faults(lambda rows=rows: read_scores(number_rows(rows, "rows"), "rows"))
        assert fault.startswith('rows:1: "value" must be ')


@pytest.mark.parametrize("name", ["case", "arm", "criterion", "repeat", "tag", "cluster"])
@pytest.mark.parametrize("value", [pd.Timestamp("2026-01-31"), np.array([1, 2]), 1.5, {}, b"x"])
def test_what_is_no_text_or_number_is_a_fault(name: str, value: Any) -> None:
    row = {"case": "a", "arm": "baseline", "criterion": "t", "value": 1, name: value}
    for rows in ({1: row}, list_rows(pd.DataFrame([row]), "rows")):
        [fault] = find_faults(lambda rows=rows: read_scores(number_rows(rows, "rows"), "rows"))
        assert fault.startswith(f'rows:1: "{name}" must be ')


def test_a_row_that_is_no_mapping_is_a_fault() -> None:
    assert find_faults(lambda: read_scores(number_rows({1: 5, 2: "x"}, "rows"), "rows")) == [
        "rows:1: a row must be a mapping of fields",
        "rows:2: a row must be a mapping of fields",
    ]
