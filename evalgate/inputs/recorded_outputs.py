"""Reader of the recorded outputs of an application."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from evalgate.domain import (
    CUT,
    MOST_TOKENS,
    Failure,
    GoldenDataset,
    Outcome,
    Output,
    Usage,
    classify_ending,
    find_error,
    find_refusal,
    list_inner,
    read_finish_reason,
)
from evalgate.domain.case_ids import is_derived
from evalgate.domain.lists import name_some
from evalgate.domain.numbers import show_count
from evalgate.domain.tool_calls import add_tool_calls
from evalgate.errors import Fault, Place
from evalgate.inputs.formats.nodes import raise_faults, refuse
from evalgate.inputs.formats.rows import DataRow, read_rows
from evalgate.inputs.row_values import read_amount, read_count, read_name
from evalgate.inputs.tree import Tree

_NAMED = 3
_KEYS = (
    "case", "id", "text", "repeat", "latency", "usage", "cost_usd", "error", "finish_reason", "tool_calls",
    "function_call", "refusal",
)  # fmt: skip


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
        row.near_misses(_KEYS, faults)
        case = read_name(row, "case" if "case" in row.fields else "id", faults, missing='"case" is missing')
        repeat = read_count(row, "repeat", faults)
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
    for cases, what in (
        (lacking, "no output"),
        (short, f"some outputs, but not one for each of {show_count(samples, 'sample')}"),
    ):
        if cases:
            named = name_some(cases, _NAMED)
            message = (
                f"{len(cases)} of {show_count(len(dataset.cases), 'case')} of {dataset.path} "
                f"{'has' if len(cases) == 1 else 'have'} {what}: {named}"
            )
            hint = "record one line for each" if cases is lacking else "number them with `repeat`, from 0"
            if any(map(is_derived, cases)):
                hint = "give the cases an `id`, and the recorded outputs the same one as `case`"
            faults.append(Fault(message=message, place=Place(path=path), hint=hint))
    raise_faults(faults, path)


def _read_outcome(row: DataRow, faults: list[Fault]) -> Outcome:
    seconds, cost = read_amount(row, "latency", faults), read_amount(row, "cost_usd", faults)
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
    if ended == "spoilt":
        said = f"the recorded text is not an answer (finish reason: {reason[:60]})"
        return Failure(kind="unusable", message=said, seconds=seconds)
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
