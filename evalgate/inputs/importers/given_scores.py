"""Scores that are given in files: rows of case, arm, criterion and value, or result files of other tools."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from evalgate.domain import Arm, ScoreRow
from evalgate.errors import InputError, Place
from evalgate.inputs import score_rows
from evalgate.inputs.importers.result_files import read_results
from evalgate.inputs.importers.tool_results import ToolResults
from evalgate.inputs.importers.tool_scores import ScoreChoice, pair_results
from evalgate.inputs.tree import Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenScores:
    """Scores and where they are from. `sources` has the file of each arm that has one of its own.

    `excluded` are the cases to which a criterion does not apply. `notes` say how other tools' files were read.
    """

    rows: tuple[ScoreRow, ...]
    path: str
    sources: Mapping[Arm, str] = field(default_factory=dict)
    excluded: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreFiles:
    """The files of scores: `scores` has both arms, or the candidate's where `baseline` has the baseline's.

    `select` and `baseline_select` choose the prompt and provider of a file that has several; the latter without
    `baseline` means that the baseline is in the same file. `choice` says which scores of other tools count.
    """

    scores: Path
    baseline: Path | None = None
    select: str | None = None
    baseline_select: str | None = None
    choice: ScoreChoice = field(default_factory=ScoreChoice)


def load_given_scores(tree: Tree, files: ScoreFiles) -> GivenScores:
    """Load scores from files of any of these tools, recognised by their content, or from rows.

    Raises InputError with all faults: see `pair_results` and `load_scores`. It is also raised if one file is of a tool
    and the other has rows, and for a choice of criteria or scales in files of rows.
    """
    second = files.baseline or (files.scores if files.baseline_select is not None else None)
    if second is not None and (second.absolute(), files.baseline_select) == (files.scores.absolute(), files.select):
        message = "is given for both arms, so that there is nothing to compare"
        raise InputError(message, place=Place(path=str(second)), hint="name the file of the baseline's scores")
    found = _read(tree, files.scores, files.select)
    other = None if second is None else _read(tree, second, files.baseline_select)
    if found is None and other is None:
        return _load_rows(tree, files)
    if found is None or (other is None and second is not None):
        odd = files.scores if found is None else second
        tool = (found or other).tool  # type: ignore[union-attr]  # one of them is none
        message = (
            f"is not a result file of promptfoo, deepeval, inspect_ai or openai/evals, but the other file is of {tool}"
        )
        raise InputError(message, place=Place(path=str(odd)), hint="give two files of one tool, or two files of rows")
    if other is None:
        paired = pair_results({Arm.CANDIDATE: found}, files.choice)
        return GivenScores(rows=paired.rows, path=str(files.scores), excluded=paired.excluded, notes=paired.notes)
    if found.tool.split()[0] != other.tool.split()[0]:
        message = f"is of {other.tool}, and {files.scores} of {found.tool}"
        raise InputError(message, place=Place(path=str(second)), hint="evaluate both versions with one tool")
    paired = pair_results({Arm.CANDIDATE: found, Arm.BASELINE: other}, files.choice)
    return GivenScores(
        rows=paired.rows,
        path=str(files.scores),
        sources={Arm.CANDIDATE: str(files.scores), Arm.BASELINE: str(second)},
        excluded=paired.excluded,
        notes=paired.notes,
    )


def _read(tree: Tree, path: Path, select: str | None) -> ToolResults | None:
    return read_results(tree.read(path.absolute().as_posix()), str(path), select)


def _load_rows(tree: Tree, files: ScoreFiles) -> GivenScores:
    if files.select or files.baseline_select or files.choice != ScoreChoice():
        message = "has rows of scores: only result files of other tools have something to select, filter or scale"
        raise InputError(message, place=Place(path=str(files.scores)))
    if files.baseline is None:
        rows = score_rows.load_scores(tree, files.scores.absolute().as_posix(), absent=True)
        return GivenScores(rows=rows, path=str(files.scores))
    own = {Arm.CANDIDATE: files.scores, Arm.BASELINE: files.baseline}
    loaded = {
        arm: score_rows.load_scores(tree, path.absolute().as_posix(), arm=arm, absent=True) for arm, path in own.items()
    }
    for arm, found in loaded.items():
        wrong = next((row for row in found if row.arm != arm), None)
        if wrong is not None:
            message = f"the row is the {wrong.arm}'s, in the file of the {arm}"
            raise InputError(
                message, place=Place(path=str(own[arm]), line=wrong.line), hint="give both arms in one file, or none"
            )
    return GivenScores(
        rows=tuple(row for found in loaded.values() for row in found),
        path=str(files.scores),
        sources={arm: str(path) for arm, path in own.items()},
    )
