"""Tests of scores that are given in one file or two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tool_files import DATA

from evalgate.domain import Arm
from evalgate.errors import InputError
from evalgate.inputs.importers.given_scores import GivenScores, ScoreFiles, load_given_scores
from evalgate.inputs.importers.tool_scores import ScoreChoice
from evalgate.inputs.tree import WorkTree


def load(folder: Path, scores: str, baseline: str | None = None, **more: Any) -> GivenScores:
    second = None if baseline is None else folder / baseline
    return load_given_scores(WorkTree(folder), ScoreFiles(scores=folder / scores, baseline=second, **more))


def test_rows_may_have_a_file_for_each_arm(tmp_path: Path) -> None:
    for name, value in (("new.csv", 0.5), ("old.csv", 1)):
        (tmp_path / name).write_text(f"case,criterion,value\na,x,{value}\n")
    given = load(tmp_path, "new.csv", "old.csv")
    assert [(row.arm, row.value) for row in given.rows] == [(Arm.CANDIDATE, 0.5), (Arm.BASELINE, 1.0)]
    assert given.sources == {Arm.CANDIDATE: str(tmp_path / "new.csv"), Arm.BASELINE: str(tmp_path / "old.csv")}


def test_a_row_of_the_other_arm_is_refused(tmp_path: Path) -> None:
    (tmp_path / "both.csv").write_text("case,arm,criterion,value\na,candidate,x,1\na,baseline,x,1\n")
    (tmp_path / "other.csv").write_text("case,criterion,value\na,x,1\n")
    with pytest.raises(InputError, match=r"both\.csv:3: the row is the baseline's, in the file of the candidate"):
        load(tmp_path, "both.csv", "other.csv")


@pytest.mark.parametrize("more", [
    {"select": "a"}, {"baseline_select": "a"}, {"choice": ScoreChoice(criteria=("x",))},
    {"choice": ScoreChoice(scales={"x": (1, 5)})},
])  # fmt: skip
def test_rows_have_nothing_to_choose(tmp_path: Path, more: dict[str, Any]) -> None:
    (tmp_path / "s.csv").write_text("case,arm,criterion,value\na,candidate,x,1\n")
    with pytest.raises(InputError, match="has rows of scores"):
        load(tmp_path, "s.csv", **more)


@pytest.mark.parametrize("order", [1, -1])
def test_rows_and_the_file_of_a_tool_do_not_mix(tmp_path: Path, order: int) -> None:
    (tmp_path / "s.csv").write_text("case,criterion,value\na,x,1\n")
    (tmp_path / "run.json").write_bytes((DATA / "deepeval-4-baseline.json").read_bytes())
    with pytest.raises(InputError, match=r"s\.csv: is not a result file"):
        load(tmp_path, *["s.csv", "run.json"][::order])


def test_two_tools_do_not_mix() -> None:
    with pytest.raises(InputError, match=r"is of inspect_ai 0\.3\.285, and .* of deepeval"):
        load(DATA, "deepeval-4-baseline.json", "inspect-good.eval")


def test_both_prompts_of_one_file_are_its_two_arms() -> None:
    given = load(DATA, "promptfoo-two-prompts.json", select="long", baseline_select="brief")
    assert {row.arm for row in given.rows} == {Arm.CANDIDATE, Arm.BASELINE}
    assert set(given.sources.values()) == {str(DATA / "promptfoo-two-prompts.json")}
