"""Items of a Langfuse dataset as the rows of a golden dataset."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from evalgate.domain import Column
from evalgate.errors import Fault, Place
from evalgate.inputs.formats.rows import DataRow, Rows

INPUT, EXPECTED = "input", "expected"
_OWN = ("id", "tags", "cluster")


def make_item_rows(data: bytes, path: str, columns: Mapping[str, Column]) -> Rows:
    """Return the rows of items, as `LangfuseTree` has them. The place of a fault has the id of its item.

    An `input` that is an object gives one column for each of its keys; any other is the column `input`. The expected
    output is the column `expected`. Of `metadata`, `tags` and `cluster` are those of the case.

    Langfuse keeps a text that is JSON as that JSON: "42" becomes 42, and "4.20" becomes 4.2. So a bare number, true or
    false is a fault until `columns` say what the column is: text, which gives "42", or JSON, which gives 42.
    """
    found = Rows()
    kinds = {column.name: column.json for column in columns.values() if column.json is not None}
    found.rows = _make_rows(json.loads(data), path, kinds, found.faults)
    return found


def _make_rows(items: Any, path: str, kinds: Mapping[str, bool], faults: list[Fault]) -> Iterator[DataRow]:
    for item in items:
        place = Place(path=f"{path}, item {item['id']}")
        given = item["input"]
        fields: dict[str, Any] = dict(given) if isinstance(given, dict) else {}
        if not isinstance(given, dict) and given is not None:
            fields[INPUT] = given
        before = len(faults)
        faults += [_explain_own(key, place) for key in _OWN if key in fields]
        if EXPECTED in fields and item["expected"] is not None:
            faults.append(
                Fault(
                    message=f'its input has the key "{EXPECTED}", which is the field of its expected output',
                    place=place,
                    hint="give the key of the input another name in Langfuse",
                )
            )
        elif item["expected"] is not None:
            fields[EXPECTED] = item["expected"]
        bare = ([] if isinstance(given, dict) else [INPUT]) + ([EXPECTED] if item["expected"] is not None else [])
        for key in bare:
            if isinstance(fields.get(key), bool | int | float):
                _read_bare(fields, key, kinds, place, faults)
        if len(faults) == before:
            yield DataRow({"id": item["id"], **fields, **_read_metadata(item["metadata"])}, 0, partial(_at, place))


def _read_bare(fields: dict[str, Any], key: str, kinds: Mapping[str, bool], place: Place, faults: list[Fault]) -> None:
    """Make a number, true or false what the gate says that its column is."""
    if key not in kinds:
        written = json.dumps(fields[key])
        faults.append(
            Fault(
                message=f'"{key}" is {written}, which may have been a text: Langfuse keeps a text that is JSON as JSON',
                place=place,
                hint=f"say in the gate what it is: `fields: {{{key}: {{json: false}}}}` for the text {written}, and "
                "`json: true` for the JSON",
            )
        )
    elif not kinds[key]:
        fields[key] = json.dumps(fields[key])


def _read_metadata(metadata: Any) -> dict[str, Any]:
    if not isinstance(metadata, dict):
        return {}
    found = {key: metadata[key] for key in ("tags", "cluster") if metadata.get(key) is not None}
    if isinstance(found.get("tags"), str):
        found["tags"] = [found["tags"]]
    return found


def _explain_own(key: str, place: Place) -> Fault:
    return Fault(
        message=f'its input has the key "{key}", which is a field of the case itself',
        place=place,
        hint="give the key of the input another name in Langfuse",
    )


def _at(place: Place, key: str) -> Place:
    return place
