"""Items of a Langfuse dataset, and traces of an application, as cases."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from evalgate.domain import Column
from evalgate.domain.numbers import show_count
from evalgate.errors import InputError
from evalgate.inputs.importers.case_rows import QUESTION, CaseRows
from evalgate.inputs.importers.foreign_json import ForeignPart
from evalgate.inputs.langfuse_rows import make_item_rows
from evalgate.services.langfuse_items import LangfuseItem
from evalgate.services.langfuse_spans import LangfuseSpan

TAG = "production"
"""The tag of cases that are made of traces."""
_FIELDS = "fields"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredTrace:
    """A trace that was scored low. `span` is the one that the score is about; empty for the whole trace."""

    trace: str
    span: str
    spans: tuple[LangfuseSpan, ...]


def make_item_cases(items: Iterable[LangfuseItem], path: str, columns: Mapping[str, Column]) -> CaseRows:
    """Return the items of a dataset as `dataset: langfuse:NAME` has them. `columns` says which texts are JSON.

    Raises InputError with all faults, such as a bare number that may have been a text.
    """
    found = make_item_rows(json.dumps([asdict(one) for one in items]).encode(), path, columns)
    rows = CaseRows(path=path)
    for row in found.rows:
        rows.add_row(row.fields)
    if found.faults:
        raise InputError(faults=found.faults)
    rows.finish()
    return rows


def make_trace_cases(traces: Iterable[ScoredTrace], path: str) -> CaseRows:
    """Return one case for each different input, tagged `production`. The answers are left out: they scored low.

    The fields are those of `metadata.fields`, else those of an input that is an object, else the input as `input`. Of a
    list of messages, the user's last one is `input` and those before it `history`. Raises InputError if there is none.
    """
    rows = CaseRows(path=path)
    seen: set[str] = set()
    repeated = 0
    for found in traces:
        span = _find_span(found)
        if span is None:
            rows.leave_out(f"{found.trace}: the server has no span of it any more")
            continue
        before = len(rows.rows)
        _add_case(rows, found, span)
        for row in rows.rows[before:]:
            content = json.dumps({key: value for key, value in row.items() if key != "id"}, sort_keys=True)
            if content in seen:
                rows.rows.remove(row)
                repeated += 1
            seen.add(content)
    if repeated:
        rows.leave_out(f"{show_count(repeated, 'trace')} with the input of another case")
    rows.finish()
    rows.leave_out("the expected answers, since these answers scored low: write `expected` where a check reads it")
    return rows


def _find_span(found: ScoredTrace) -> LangfuseSpan | None:
    """Return the span of a score, or the root of its trace: of several, the earliest that has an input."""
    if found.span:
        return next((one for one in found.spans if one.id == found.span), None)
    known = {one.id for one in found.spans}
    roots = [one for one in found.spans if one.parent not in known]
    return next((one for one in roots if one.input not in (None, "")), roots[0] if roots else None)


def _add_case(rows: CaseRows, found: ScoredTrace, span: LangfuseSpan) -> None:
    name = f"{found.trace}-{found.span}" if found.span else found.trace
    given = _decode(span.metadata.get(_FIELDS))
    if not isinstance(given, dict):
        given = _decode(span.input)
        if isinstance(given, dict) and given.keys() == {"args", "kwargs"} and not given["args"]:
            given = given["kwargs"]  # a function that Langfuse's SDK observes
    messages = given.get("messages") if isinstance(given, dict) and given.keys() <= {"messages", "model"} else given
    if isinstance(messages, list) and messages and all(isinstance(one, dict) and "role" in one for one in messages):
        before = len(rows.rows)
        parts = ForeignPart(data={"messages": messages}, path=rows.path, where=found.trace).parts("messages")
        rows.add_messages(parts, {}, name=name)
        for row in rows.rows[before:]:
            row["tags"] = [TAG]
    elif isinstance(given, dict) and given:
        rows.add(given, name=name, tags=(TAG,))
    elif given not in (None, "", [], {}):
        rows.add({QUESTION: given}, name=name, tags=(TAG,))
    else:
        rows.leave_out(f"{found.trace}: it has no input")


def _decode(value: Any) -> Any:
    """Return the object or the list that a text of JSON is; any other value unchanged."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value
