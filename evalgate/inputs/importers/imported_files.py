"""What an import makes of a foreign file: the contents of new files, and sentences on what they do not have."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalgate.domain import Arm, ScoreRow
from evalgate.domain.numbers import show_count
from evalgate.errors import InputError, Place
from evalgate.inputs.importers.case_rows import CaseRows, encode_cases
from evalgate.inputs.importers.tool_results import ToolResults
from evalgate.inputs.importers.tool_scores import ScoreChoice, pair_results
from evalgate.inputs.tree import Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFiles:
    """Where an import writes cases and scores; None for what is not wanted. `arm` and `choice` are for the scores."""

    cases: Path | None
    scores: Path | None = None
    arm: Arm = Arm.CANDIDATE
    choice: ScoreChoice = field(default_factory=ScoreChoice)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedFiles:
    """The contents of new files by path, what each holds, how it was read, and what was not carried over."""

    contents: Mapping[str, bytes]
    written: tuple[str, ...]
    notes: tuple[str, ...]
    left_out: tuple[str, ...]


def make_files(tree: Tree, wanted: NewFiles, cases: CaseRows | None, results: ToolResults | None) -> ImportedFiles:
    """Return the wanted files. Raises InputError for a name that is not .jsonl, and for what cannot be made."""
    contents: dict[str, bytes] = {}
    written: list[str] = []
    notes: tuple[str, ...] = ()
    left_out: list[str] = []
    for path in (wanted.cases, wanted.scores):
        if path is not None and path.suffix.lower() != ".jsonl":
            raise InputError(
                "cases and scores are written as JSONL: use the suffix .jsonl", place=Place(path=str(path))
            )
    if wanted.cases is not None and wanted.cases == wanted.scores:
        raise InputError("cases and scores need two files", place=Place(path=str(wanted.cases)))
    if wanted.cases is not None and cases is not None:
        name = wanted.cases.as_posix()
        contents[name] = encode_cases(cases.rows, name, tree)
        written.append(f"{name}: {show_count(len(cases.rows), 'case')}")
        left_out += cases.left_out
    if wanted.scores is not None and results is not None:
        name = wanted.scores.as_posix()
        scores = pair_results({wanted.arm: results}, wanted.choice)
        contents[name] = encode_scores(scores.rows)
        absent = sum(row.unscored is not None for row in scores.rows)
        written.append(
            f"{name}: {show_count(len(scores.rows), 'score')} of the {wanted.arm}, {absent} of them without a value"
        )
        notes = scores.notes
        left_out += [
            f'"{criterion}" of {show_count(len(found), "case")} to which it does not apply: choose criteria that '
            "all cases have"
            for criterion, found in scores.excluded.items()
        ]
    return ImportedFiles(contents=contents, written=tuple(written), notes=notes, left_out=tuple(left_out))


def encode_scores(rows: Sequence[ScoreRow]) -> bytes:
    """Return rows as JSONL. A score that is absent has the value null, and its reason."""
    return "".join(f"{json.dumps(_make_line(row), ensure_ascii=False, allow_nan=False)}\n" for row in rows).encode()


def _make_line(row: ScoreRow) -> Mapping[str, Any]:
    line: dict[str, Any] = {"case": row.case, "arm": row.arm.value, "criterion": row.criterion}
    line["value"] = row.value if row.unscored is None else None
    if row.repeat:
        line["repeat"] = row.repeat
    if row.unscored is not None:
        line["reason"] = row.unscored
    return line
