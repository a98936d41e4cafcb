"""Tests of what an import writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tool_files import read

from evalgate.domain import Arm
from evalgate.errors import InputError
from evalgate.inputs.importers.case_rows import CaseRows
from evalgate.inputs.importers.imported_files import NewFiles, make_files
from evalgate.inputs.importers.tool_scores import ScoreChoice
from evalgate.inputs.score_rows import load_scores
from evalgate.inputs.tree import WorkTree


def test_written_scores_are_read_back(tmp_path: Path) -> None:
    choice = ScoreChoice(criteria=("includes", "stars"), scales={"stars": (1, 5)})
    wanted = NewFiles(cases=None, scores=Path("s.jsonl"), arm=Arm.BASELINE, choice=choice)
    made = make_files(WorkTree(tmp_path), wanted, None, read("inspect-bad.eval"))
    (tmp_path / "s.jsonl").write_bytes(made.contents["s.jsonl"])
    rows = load_scores(WorkTree(tmp_path), "s.jsonl", absent=True)
    assert (len(rows), {row.arm for row in rows}) == (12, {Arm.BASELINE})
    assert made.written == ("s.jsonl: 12 scores of the baseline, 3 of them without a value",)
    assert [row.unscored for row in rows if row.case == "thing-2"] == ["RuntimeError('connection reset')"] * 2


def test_repeats_are_written(tmp_path: Path) -> None:
    wanted = NewFiles(cases=None, scores=Path("s.jsonl"))
    made = make_files(WorkTree(tmp_path), wanted, None, read("inspect-epochs.json"))
    lines = [json.loads(line) for line in made.contents["s.jsonl"].splitlines()]
    assert [line.get("repeat", 0) for line in lines] == [0, 1, 0, 1]


@pytest.mark.parametrize("wanted", [
    NewFiles(cases=Path("c.csv")), NewFiles(cases=None, scores=Path("s.json")),
    NewFiles(cases=Path("a.jsonl"), scores=Path("a.jsonl")),
])  # fmt: skip
def test_unfit_names_are_refused(tmp_path: Path, wanted: NewFiles) -> None:
    with pytest.raises(InputError):
        make_files(WorkTree(tmp_path), wanted, CaseRows(path="x"), read("inspect-epochs.json"))
