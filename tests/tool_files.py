"""Files that other tools really wrote, and how tests read them. tests/inputs/importers/data/README.md names the tools."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evalgate.domain import Arm, ScoreRow
from evalgate.inputs.importers.result_files import read_results
from evalgate.inputs.importers.tool_results import ToolResults
from evalgate.inputs.importers.tool_scores import ScoreChoice, ToolScores, pair_results

DATA = Path(__file__).parent / "inputs" / "importers" / "data"


def read(name: str, select: str | None = None) -> ToolResults:
    """Read a file of the test data."""
    found = read_results((DATA / name).read_bytes(), name, select)
    assert found is not None, name
    return found


def change(name: str, edit: Callable[[Any], None], select: str | None = None) -> ToolResults:
    """Read a JSON file of the test data after an edit of its data."""
    data = json.loads((DATA / name).read_text(encoding="utf-8"))
    edit(data)
    found = read_results(json.dumps(data).encode(), f"changed-{name}", select)
    assert found is not None, name
    return found


def pair(candidate: ToolResults, baseline: ToolResults | None = None, **choice: Any) -> ToolScores:
    arms = {Arm.CANDIDATE: candidate} | ({} if baseline is None else {Arm.BASELINE: baseline})
    return pair_results(arms, ScoreChoice(**choice))


def show(rows: tuple[ScoreRow, ...], arm: Arm = Arm.CANDIDATE) -> dict[tuple[str, str, int], float | str]:
    """Return the values of an arm by case, criterion and repeat; the reason where there is none."""
    return {
        (row.case, row.criterion, row.repeat): row.value if row.unscored is None else row.unscored
        for row in rows
        if row.arm == arm
    }
