"""Fields of cases whose columns have other names in the file, or are JSON in a cell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import replace
from typing import Any

from evalgate.domain import Column
from evalgate.domain.lists import name_some
from evalgate.domain.names import suggest_closest
from evalgate.domain.strict_json import JsonError, load
from evalgate.errors import Fault, Place
from evalgate.inputs.formats.rows import DataRow

_LISTED = 10


def rename_columns(
    rows: Iterable[DataRow], columns: Mapping[str, Column], path: str, faults: list[Fault]
) -> Iterator[DataRow]:
    """Yield the rows with their fields by the names that `columns` gives them. All other columns keep their names.

    A row that lacks a column lacks the field. Adds a fault for a column that no row has, for a cell that is declared
    as JSON and is none, and for a field that also exists as a column of its own.
    """
    seen: dict[str, int] = {}
    mapped = {column.name for column in columns.values()}
    for row in rows:
        for name in row.fields:
            seen.setdefault(name, row.line)
        yield _rename(row, columns, mapped, faults)
    line = min(seen.values(), default=0)
    for name, column in columns.items():
        if column.name not in seen:
            listed = name_some(sorted(seen), _LISTED, rest=", and {} more")
            hint = suggest_closest(column.name, sorted(seen), otherwise=f"the columns are: {listed}")
            message = f'no row has the column "{column.name}", which the gate names for the field "{name}"'
            faults.append(Fault(message=message, place=Place(path=path), hint=hint if seen else None))
        elif name in seen and name not in mapped:
            message = f'the field "{name}" is the column "{column.name}", but there is a column "{name}" as well'
            hint = f'give that column another name: `fields: {{{name}_column: "{name}"}}`'
            faults.append(Fault(message=message, place=Place(path=path, line=line), hint=hint))


def _rename(row: DataRow, columns: Mapping[str, Column], mapped: Set[str], faults: list[Fault]) -> DataRow:
    fields: dict[str, Any] = {key: value for key, value in row.fields.items() if key not in mapped}
    for name, column in columns.items():
        if column.name not in row.fields:
            continue
        value = row.fields[column.name]
        if column.json and isinstance(value, str):
            if not value.strip():
                continue
            try:
                value = load(value, bounded=True)
            except JsonError as error:
                message = f'"{column.name}" is declared as JSON, and is none: {error.problem}'
                faults.append(row.fault(message, column.name))
                continue
        fields[name] = value

    def locate(key: str) -> Place:
        return row.locate(columns[key].name if key in columns else key)

    return replace(row, fields=fields, locate=locate)
