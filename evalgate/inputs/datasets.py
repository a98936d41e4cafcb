"""Readers of golden datasets, recorded outputs and other tools' scores from rows of JSONL, JSON, CSV or YAML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from sys import intern
from typing import Any, TypeAlias

from evalgate.domain import (
    CUT,
    MOST_TOKENS,
    Arm,
    Case,
    Failure,
    GoldenDataset,
    Json,
    Outcome,
    Output,
    ScoreRow,
    Usage,
    classify_ending,
    find_error,
    find_refusal,
    list_inner,
    read_finish_reason,
)
from evalgate.domain.lists import name_some
from evalgate.domain.names import suggest
from evalgate.domain.tool_calls import add_tool_calls
from evalgate.errors import Fault, Place
from evalgate.inputs.formats.document import string_value
from evalgate.inputs.formats.nodes import raise_faults, refuse
from evalgate.inputs.formats.rows import DataRow, Rows, read_rows
from evalgate.inputs.tree import Tree

TAG_SEPARATOR = ";"
_NAMED = 3
_OF_AN_OUTPUT = (
    "case", "id", "text", "repeat", "latency", "usage", "cost_usd", "error", "finish_reason", "tool_calls",
    "function_call", "refusal",
)  # fmt: skip
_OF_A_SCORE = ("case", "arm", "criterion", "value", "repeat", "tag", "cluster")
_TEXTS = 1000
_Tags: TypeAlias = tuple[str, ...]
_NOT_NUMBERS = frozenset({"nan", "inf", "-inf", "+inf", "infinity", "-infinity", "+infinity"})


def load_dataset(tree: Tree, path: str) -> GoldenDataset:
    """Load a golden dataset: .jsonl (.ndjson), .json or .yml (a list of mappings), .csv (with a header).

    `id` is required and unique; a whole number is read as text. `tags` is a list of texts, in CSV one text separated by
    semicolons. Every other field is a variable. In CSV all values are text, and a cell `NaN` is refused, because tables
    write it for a missing value.

    Raises InputError with all faults, each with its place. An empty dataset is a fault.
    """
    rows = read_rows(tree, path)
    faults = rows.faults
    cases: list[Case] = []
    lines: dict[str, int] = {}
    texts: dict[str, str] = {}
    shared: dict[_Tags, _Tags] = {}
    for row in rows.rows:
        case = _read_case(row, faults, texts, shared)
        if case is None:
            continue
        if case.id in lines:
            faults.append(row.fault(f'the id "{case.id}" is given twice; first in line {lines[case.id]}', "id"))
        else:
            lines[case.id] = row.line
            cases.append(case)
    raise_faults(faults, path)
    if not cases:
        raise refuse("the dataset is empty: a gate needs at least one case", path)
    return GoldenDataset(path=path, cases=tuple(cases))


def load_outputs(tree: Tree, path: str) -> Mapping[tuple[str, int], Outcome]:
    """Load the recorded outputs of an application, by (case id, repeat), from the rows of a .jsonl, .json or .yml file.

    A row has `case` (or `id`) and `text`. It may have `repeat` (from 0), `latency` (seconds), `usage`
    ({input_tokens, output_tokens}), `cost_usd`, and `finish_reason` and `tool_calls` in the format of a chat
    completion. Other keys are ignored, but a misspelling of one of these keys is a fault. A row with an `error` is a
    failed call and needs no text. A row with an unknown finish reason is a failed call, too. An empty text is an
    unusable answer.

    Raises InputError with all faults, each with its place. A file without rows is a fault.
    """
    rows = read_rows(tree, path, csv=False)
    faults = rows.faults
    outcomes: dict[tuple[str, int], Outcome] = {}
    lines: dict[tuple[str, int], int] = {}
    for row in rows.rows:
        before = len(faults)
        row.near_misses(_OF_AN_OUTPUT, faults)
        case = _read_name(row, "case" if "case" in row.fields else "id", faults, missing='"case" is missing')
        repeat = _read_count(row, "repeat", faults)
        outcome = _read_outcome(row, faults)
        key = (case, repeat)
        if len(faults) > before:
            continue
        if key in lines:
            message = f'case "{case}", repeat {repeat}, is given twice; first in line {lines[key]}'
            faults.append(row.fault(message, hint="number the samples of a case: `repeat`, from 0"))
            continue
        lines[key] = row.line
        outcomes[key] = outcome
    raise_faults(faults, path)
    if not outcomes:
        raise refuse("the file has no recorded outputs", path)
    return outcomes


def require_outputs(tree: Tree, path: str, dataset: GoldenDataset | None, samples: int) -> None:
    """Validate a file of recorded outputs. With a dataset, also require outputs for each of its cases.

    A single output of a case is used for all samples. If a case has several outputs, each sample needs its own. Outputs
    of other cases are ignored. Raises InputError with all faults.
    """
    outputs = load_outputs(tree, path)
    if dataset is None:
        return
    times = Counter(case for case, _ in outputs)
    lacking = [case.id for case in dataset.cases if case.id not in times]
    short = [
        case.id
        for case in dataset.cases
        if times[case.id] > 1 and any((case.id, repeat) not in outputs for repeat in range(samples))
    ]
    faults = []
    for cases, what in ((lacking, "no output"), (short, f"some outputs, but not one for each of {samples} samples")):
        if cases:
            named = name_some(cases, _NAMED)
            message = f"{len(cases)} of {len(dataset.cases)} cases of {dataset.path} have {what}: {named}"
            hint = "record one line for each" if cases is lacking else "number them with `repeat`, from 0"
            faults.append(Fault(message=message, place=Place(path=path), hint=hint))
    raise_faults(faults, path)


def load_scores(tree: Tree, path: str, *, arm: Arm | None = None) -> tuple[ScoreRow, ...]:
    """Load the scores of another tool, in file order: rows of case, arm, criterion, value[, repeat, tag, cluster].

    The column `arm` is candidate or baseline. It is optional if the argument `arm` is given. `value` is a number in
    [0, 1] or true/false. Other columns are ignored, but a misspelling of one of these columns is a fault.

    Raises InputError with all faults, each with its place: NaN, a value outside of [0, 1], a duplicate score, a case in
    two clusters, no rows.
    """
    return read_scores(read_rows(tree, path, tables=True), path, arm=arm)


def read_scores(rows: Rows, path: str, *, arm: Arm | None = None) -> tuple[ScoreRow, ...]:
    """Read scores from rows, as `load_scores` does. `path` names their source in messages."""
    faults = rows.faults
    scores: list[ScoreRow] = []
    lines: dict[tuple[str, str, str, int], int] = {}
    clusters: dict[str, tuple[str, int]] = {}
    seen: set[frozenset[str]] = set()
    for row in rows.rows:
        keys = frozenset(row.fields)
        if keys not in seen:
            seen.add(keys)
            row.near_misses(_OF_A_SCORE, faults)
            if "tags" in keys and "tag" in keys:
                faults.append(row.fault(f'unknown key "tags" beside "tag"; {suggest("tag")}', "tags", "one tag a row"))
        before = len(faults)
        case, criterion = _read_name(row, "case", faults), _read_name(row, "criterion", faults)
        own_arm = arm if arm is not None and "arm" not in row.fields else _read_arm(row, faults)
        repeat = _read_count(row, "repeat", faults)
        value, cluster = _read_score(row, faults), _read_cluster(row, faults)
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
            )
        )
    raise_faults(faults, path)
    if not scores:
        raise refuse("the file has no scores", path)
    return tuple(scores)


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


def _read_case(row: DataRow, faults: list[Fault], texts: dict[str, str], shared: dict[_Tags, _Tags]) -> Case | None:
    """Read a case; None if it has a fault.

    `texts` and `shared` hold the texts and tags of earlier cases, so that equal values are in memory only once.
    """
    before = len(faults)
    if "id" not in row.fields and row.near_misses(("id",), faults):
        return None
    name = _read_name(row, "id", faults)
    tags = _read_tags(row, faults)
    cluster = _read_cluster(row, faults)
    if row.text_only:
        for key, value in row.fields.items():
            if value.strip().lower() in _NOT_NUMBERS:
                hint = "fill the cell, or store the dataset as JSONL, which distinguishes text from numbers"
                faults.append(row.fault(f'"{key}" is {value.strip()}', key, hint))
    if len(faults) > before:
        return None
    if len(texts) > _TEXTS:
        texts.clear()
    fields: dict[str, Json] = {
        intern(key): texts.setdefault(value, value) if isinstance(value, str) else value
        for key, value in row.fields.items()
        if key not in ("id", "tags")
    }
    own = tuple(map(intern, tags))
    return Case(id=name, fields=fields, tags=shared.setdefault(own, own), cluster=cluster, line=row.line)


def _read_cluster(row: DataRow, faults: list[Fault]) -> str | None:
    """Return the case's cluster; None if the key is absent or empty."""
    value = row.fields.get("cluster")
    if value is None or value == "":
        return None
    text = string_value(value)
    if text is None or not text.strip():
        faults.append(row.fault('"cluster" must be text or a whole number', "cluster", "put it in quotes"))
        return None
    return text.strip()


def _read_tags(row: DataRow, faults: list[Fault]) -> tuple[str, ...]:
    value: Any = row.fields.get("tags")
    if value is None:
        return ()
    if row.text_only:
        value = [tag.strip() for tag in value.split(TAG_SEPARATOR) if tag.strip()]
    if not isinstance(value, list) or not all(isinstance(tag, str) and tag.strip() for tag in value):
        faults.append(row.fault('"tags" must be a list of texts', "tags", 'such as ["refund", "critical"]'))
        return ()
    return tuple(dict.fromkeys(tag.strip() for tag in value))


def _read_name(row: DataRow, key: str, faults: list[Fault], missing: str | None = None) -> str:
    """Return an id as text. If it is missing or invalid, add a fault and return ""."""
    if key not in row.fields:
        faults.append(row.fault(missing or f'"{key}" is missing'))
        return ""
    value = string_value(row.fields[key])
    if value is None:
        faults.append(row.fault(f'"{key}" must be text or a whole number', key, "put it in quotes"))
        return ""
    if not value.strip():
        faults.append(row.fault(f'"{key}" is empty', key))
    return value.strip()


def _read_count(row: DataRow, key: str, faults: list[Fault]) -> int:
    value = row.fields.get(key)
    if row.text_only and isinstance(value, str):
        value = row.number(key)
    if value is None or value == "":
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        faults.append(row.fault(f'"{key}" must be a whole number from 0', key))
        return 0
    return value


def _read_amount(row: DataRow, key: str, faults: list[Fault]) -> float | None:
    value = row.fields.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        faults.append(row.fault(f'"{key}" must be a number from 0', key))
        return None
    return float(value)


def _read_outcome(row: DataRow, faults: list[Fault]) -> Outcome:
    seconds, cost = _read_amount(row, "latency", faults), _read_amount(row, "cost_usd", faults)
    usage, text, error = _read_usage(row, faults), row.fields.get("text"), row.fields.get("error")
    if error is not None:
        if not isinstance(error, str) or not error.strip():
            faults.append(row.fault('"error" must be text that says what failed', "error"))
        elif text is not None:
            faults.append(row.fault('"text" and "error" exclude each other', "error"))
        return Failure(kind="infrastructure", message=str(error), seconds=seconds)
    if text is None and "text" in row.fields and any(map(row.fields.get, ("tool_calls", "function_call"))):
        text = ""  # a chat completion with tool calls has null as its content
    if not isinstance(text, str):
        problem = '"text" must be text' if "text" in row.fields else '"text" is missing'
        faults.append(row.fault(problem, "text", "a call that failed is recorded with an `error`"))
    inner = list_inner(row.fields)
    told = find_error(row.fields, *inner)
    reason = read_finish_reason(row.fields, "stop", *inner)
    ended = classify_ending(reason)
    if ended == "broken" or told is not None:
        why = f"finish reason: {reason}" if told is None else str(told)
        said = f"the recorded text is not an answer ({why[:60]})"
        return Failure(kind="infrastructure", message=said, seconds=seconds)
    text, calls = add_tool_calls(str(text), row.fields, *inner, reason=reason)
    is_refusal = ended == "refused" or find_refusal(row.fields, *inner) is not None
    if is_refusal or not text.strip():
        said = f"the recorded text is {'a refusal' if is_refusal else 'empty'}"
        return Failure(kind="unusable", message=said, seconds=seconds)
    reason = CUT if ended == "cut" else reason
    return Output(text=text, finish_reason=reason, usage=usage, seconds=seconds, cost_usd=cost, tool_calls=calls)


def _read_usage(row: DataRow, faults: list[Fault]) -> Usage | None:
    value = row.fields.get("usage")
    if value is None:
        return None
    names = ("input_tokens", "output_tokens")
    if not isinstance(value, dict) or not all(
        isinstance(value.get(name), int) and not isinstance(value[name], bool) and 0 <= value[name] < MOST_TOKENS
        for name in names
    ):
        faults.append(row.fault('"usage" must be {"input_tokens": N, "output_tokens": N}', "usage"))
        return None
    return Usage(input_tokens=value["input_tokens"], output_tokens=value["output_tokens"])


def _read_arm(row: DataRow, faults: list[Fault]) -> str:
    value = row.fields.get("arm")
    name = value.strip().lower() if isinstance(value, str) else ""
    if name not in list(Arm):
        problem = '"arm" must be candidate or baseline' if "arm" in row.fields else '"arm" is missing'
        faults.append(row.fault(problem, "arm"))
    return name


def _read_score(row: DataRow, faults: list[Fault]) -> float:
    if "value" not in row.fields:
        faults.append(row.fault('"value" is missing'))
        return 0.0
    value = row.fields["value"]
    if row.text_only and isinstance(value, str):
        value = {"true": True, "false": False}.get(value.strip().lower(), row.number("value"))
    if not isinstance(value, int | float):
        shown = f", not {value.strip()[:40] or 'empty'}" if isinstance(value, str) else ""
        faults.append(row.fault(f'"value" must be a number in [0, 1], or true or false{shown}', "value"))
        return 0.0
    if not 0 <= value <= 1:
        hint = "map a rating r of 1 to 5 by (r - 1) / 4"
        faults.append(row.fault(f'"value" must be in [0, 1], not {value:.6g}', "value", hint))
    return float(value)
