"""Reader of other tools' scores from rows of JSONL, JSON, CSV, YAML, Parquet or Excel."""

from __future__ import annotations

import json
import math

from evalgate.domain import Arm, ScoreRow
from evalgate.domain.names import suggest
from evalgate.domain.similarity import REPORTED_SIMILARITY
from evalgate.errors import Fault
from evalgate.inputs.formats.nodes import raise_faults, refuse
from evalgate.inputs.formats.rows import DataRow, Rows, read_rows
from evalgate.inputs.row_values import read_cluster, read_count, read_name
from evalgate.inputs.tree import Tree

_KEYS = ("case", "arm", "criterion", "value", "repeat", "tag", "cluster")


def load_scores(tree: Tree, path: str, *, arm: Arm | None = None, absent: bool = False) -> tuple[ScoreRow, ...]:
    """Load the scores of another tool, in file order: rows of case, arm, criterion, value[, repeat, tag, cluster].

    The column `arm` is candidate or baseline. It is optional if the argument `arm` is given. `value` is a number in
    [0, 1] or true/false. Other columns are ignored, but a misspelling of one of these columns is a fault. With
    `absent`, an empty `value` whose column `reason` says why is a named absence, as in evalgate's own CSV.

    Raises InputError with all faults, each with its place: NaN, a value outside of [0, 1], a duplicate score, a case in
    two clusters, no rows.
    """
    return read_scores(read_rows(tree, path, tables=True), path, arm=arm, absent=absent)


def read_scores(rows: Rows, path: str, *, arm: Arm | None = None, absent: bool = False) -> tuple[ScoreRow, ...]:
    """Read scores from rows, as `load_scores` does. `path` names their source in messages."""
    faults = rows.faults
    scores: list[ScoreRow] = []
    lines: dict[tuple[str, str, str, int], int] = {}
    clusters: dict[str, tuple[str, int]] = {}
    seen: set[frozenset[str]] = set()
    for row in rows.rows:
        if row.fields.get("criterion") == REPORTED_SIMILARITY:
            continue  # a report's own table has these rows for the reader: they never decide
        keys = frozenset(row.fields)
        if keys not in seen:
            seen.add(keys)
            row.near_misses(_KEYS, faults)
            if "tags" in keys and "tag" in keys:
                faults.append(row.fault(f'unknown key "tags" beside "tag"; {suggest("tag")}', "tags", "one tag a row"))
        before = len(faults)
        case, criterion = read_name(row, "case", faults), read_name(row, "criterion", faults)
        own_arm = arm if arm is not None and "arm" not in row.fields else _read_arm(row, faults)
        repeat = read_count(row, "repeat", faults)
        unscored = _read_absence(row) if absent else None
        value = math.nan if unscored is not None else _read_score(row, faults)
        cluster = read_cluster(row, faults)
        tag = row.fields.get("tag")
        if tag is not None and not isinstance(tag, str):
            faults.append(row.fault('"tag" must be text', "tag"))
        if len(faults) > before:
            continue
        key = (case, own_arm, criterion, repeat)
        _require_one_cluster(row, case, cluster, clusters, faults)
        if key in lines:
            message = f'a second score of case "{case}", {own_arm}, "{criterion}", repeat {repeat}; first in line '
            faults.append(row.fault(f"{message}{lines[key]}", hint="number repeated scores: `repeat`, from 0"))
            continue
        lines[key] = row.line
        scores.append(
            ScoreRow(
                case=case,
                arm=Arm(own_arm),
                criterion=criterion,
                value=value,
                repeat=repeat,
                tag=str(tag).strip() or None if tag is not None else None,
                cluster=cluster,
                line=row.line,
                unscored=unscored,
            )
        )
    raise_faults(faults, path)
    if not scores:
        raise refuse("the file has no scores", path)
    return tuple(scores)


def _show(value: float) -> str:
    """Return a number outside of [0, 1] with as many digits as show that it is."""
    short = f"{value:.6g}"
    return repr(value) if 0 <= float(short) <= 1 else short


def _show_text(value: str, row: DataRow) -> str:
    """Return a text that is no score; in quotes where they are what keeps it from being a number."""
    shown = value.strip()[:40]
    return (shown or "empty") if row.text_only else json.dumps(shown, ensure_ascii=False)


def _require_one_cluster(
    row: DataRow, case: str, cluster: str | None, clusters: dict[str, tuple[str, int]], faults: list[Fault]
) -> None:
    """Add a fault if an earlier row has the case in another cluster. `clusters` maps cases to cluster and line."""
    if cluster is None:
        return
    other, line = clusters.setdefault(case, (cluster, row.line))
    if other != cluster:
        message = f'case "{case}" is in the cluster "{cluster}" here, and in "{other}" in line {line}'
        faults.append(row.fault(message, "cluster", "a case belongs to one cluster"))


def _read_arm(row: DataRow, faults: list[Fault]) -> str:
    value = row.fields.get("arm")
    name = value.strip().lower() if isinstance(value, str) else ""
    if name not in list(Arm):
        problem = '"arm" must be candidate or baseline' if "arm" in row.fields else '"arm" is missing'
        faults.append(row.fault(problem, "arm"))
    return name


def _read_absence(row: DataRow) -> str | None:
    """Return the reason of a row for its empty value; None if it has a value, or no reason."""
    value, reason = row.fields.get("value", 0), row.fields.get("reason")
    is_empty = value is None or (isinstance(value, str) and not value.strip())
    return reason.strip() or None if is_empty and isinstance(reason, str) else None


def _read_score(row: DataRow, faults: list[Fault]) -> float:
    if "value" not in row.fields:
        faults.append(row.fault('"value" is missing'))
        return 0.0
    value = row.fields["value"]
    if row.text_only and isinstance(value, str):
        value = {"true": True, "false": False}.get(value.strip().lower(), row.number("value"))
    if not isinstance(value, int | float):
        shown = f", not {_show_text(value, row)}" if isinstance(value, str) else ""
        faults.append(row.fault(f'"value" must be a number in [0, 1], or true or false{shown}', "value"))
        return 0.0
    if not 0 <= value <= 1:
        hint = "map a rating r of 1 to 5 by (r - 1) / 4"
        faults.append(row.fault(f'"value" must be in [0, 1], not {_show(value)}', "value", hint))
    return float(value)
