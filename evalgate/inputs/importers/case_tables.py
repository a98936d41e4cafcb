"""Tables of users (CSV, TSV, Parquet, Excel) to cases: which column is which field."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evalgate.domain.names import suggest_closest
from evalgate.domain.strict_json import JsonError, load
from evalgate.errors import Fault, Place
from evalgate.inputs.formats.nodes import raise_faults
from evalgate.inputs.formats.rows import DataRow, read_rows
from evalgate.inputs.importers.case_rows import EXPECTED, CaseRows
from evalgate.inputs.tree import Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseColumns:
    """The columns that become the id, the expected answer, the tags and the cluster of cases; None for none.

    `separator` is between the tags of a cell. `json` are columns whose cells are JSON. `dropped` are columns that
    are not carried over. Every other column keeps its name.
    """

    id: str | None = None
    expected: str | None = None
    tags: str | None = None
    cluster: str | None = None
    separator: str = ";"
    json: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()


def read_table(tree: Tree, path: str, shown: str, columns: CaseColumns) -> CaseRows:
    """Read the rows of a table as cases. `shown` names the file in messages. Empty rows and cells are left out.

    Raises InputError with all faults: a column that the table lacks or that is named twice, a cell that is not JSON.
    """
    found = read_rows(tree, path, tables=True)
    rows = [row for row in found.rows if any(not _is_empty(value) for value in row.fields.values())]
    faults = [*found.faults, *_find_unknown(rows, columns, shown)]
    raise_faults(faults, shown)
    cases = CaseRows(path=shown)
    for row in rows:
        cases.add_row(_read_row(row, columns, faults))
    raise_faults(faults, shown)
    for name in columns.dropped:
        cases.leave_out(f'the column "{name}"')
    empty = sum(_is_empty(value) for row in rows for value in row.fields.values())
    if empty:
        cases.leave_out(f"{empty} empty cells: a case without a text has no such field")
    cases.finish()
    return cases


def _find_unknown(rows: list[DataRow], columns: CaseColumns, path: str) -> list[Fault]:
    known = tuple(dict.fromkeys(key for row in rows for key in row.fields))
    roles = {"--id": columns.id, "--expected": columns.expected, "--tags": columns.tags, "--cluster": columns.cluster}
    named = [(option, name) for option, name in roles.items() if name is not None]
    named += [("--json", name) for name in columns.json] + [("--drop", name) for name in columns.dropped]
    faults = []
    for option, name in named:
        if name not in known:
            hint = suggest_closest(name, known, otherwise=f"the columns are: {', '.join(known)}")
            faults.append(Fault(message=f'{option}: no column is named "{name}"', place=Place(path=path), hint=hint))
    single = [name for option, name in named if option != "--json"]
    for twice in dict.fromkeys(one for one in single if single.count(one) > 1):
        faults.append(Fault(message=f'the column "{twice}" is given two meanings', place=Place(path=path)))
    for meaning, column in (
        ("id", columns.id),
        (EXPECTED, columns.expected),
        ("tags", columns.tags),
        ("cluster", columns.cluster),
    ):
        if column not in (None, meaning) and meaning in known and meaning not in columns.dropped:
            message = f'the column "{column}" becomes "{meaning}", but there is a column "{meaning}" as well'
            faults.append(Fault(message=message, place=Place(path=path), hint=f"leave that one out: --drop {meaning}"))
    return faults


def _read_row(row: DataRow, columns: CaseColumns, faults: list[Fault]) -> Mapping[str, Any]:
    roles = {columns.id: "id", columns.expected: EXPECTED, columns.tags: "tags", columns.cluster: "cluster"}
    fields: dict[str, Any] = {}
    for name, value in row.fields.items():
        if name in columns.dropped or _is_empty(value):
            continue
        role = roles.get(name, name)
        if name in columns.json and isinstance(value, str):
            try:
                fields[role] = load(value, bounded=True)
            except JsonError as error:
                faults.append(row.fault(f'"{name}" is not JSON: {error.problem}', name))
        elif role == "tags" and isinstance(value, str):
            fields[role] = [tag.strip() for tag in value.split(columns.separator) if tag.strip()]
        elif role == "id" and not isinstance(value, str):
            fields[role] = json.dumps(value)
        else:
            fields[role] = value
    return fields


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())
