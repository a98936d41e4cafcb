"""CSV (RFC 4180: commas, double quotes, a header) -> rows of cells that know their line and column."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from evalgate.errors import Fault, InputError
from evalgate.inputs.formats.nodes import line_and_column, refuse

_CELL = re.compile(r'(?:"([^"]*+(?:""[^"]*+)*+)"|([^",\n]*+))(,|\n|\Z)')
_BLANK_LINES = re.compile(r"\n+")
MAX_COLUMNS = 1000


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class CsvRow:
    """One record by its header's names; `line` is where it starts."""

    cells: dict[str, Cell]
    line: int


def parse(text: str, path: str) -> tuple[list[CsvRow], list[Fault]]:
    """The records under the header, blank lines skipped, and a fault for each record of another length.

    Raises InputError, with its place, for a quote that never ends or stands inside a cell, and for a header that is
    missing, has an empty name or has one twice.
    """
    records = _records(text, path)
    header = next(records, None)
    if header is None:
        raise refuse("is empty: a header line was expected", path, 1, 1)
    names = _header(header, path)
    rows: list[CsvRow] = []
    faults: list[Fault] = []
    for record in records:
        if len(record) == len(names):
            rows.append(CsvRow(dict(zip(names, record, strict=True)), record[0].line))
            continue
        error = refuse(
            f"{len(record)} cells under a header of {len(names)}",
            path,
            record[0].line,
            record[0].column,
            'put double quotes around a text that holds a comma or a line break; write " as ""',
        )
        faults.extend(error.faults)
    return rows, faults


def _header(cells: list[Cell], path: str) -> list[str]:
    faults: list[Fault] = []
    names: list[str] = []
    for cell in cells:
        name = cell.text.strip()
        problem = (
            "a column without a name" if not name else f'the column "{name}" stands twice' if name in names else ""
        )
        if problem:
            faults.extend(refuse(problem, path, cell.line, cell.column).faults)
        names.append(name)
    if len(names) == 1 and re.search("[;\t]", names[0]):
        faults.extend(refuse("the columns are not separated by commas", path, cells[0].line, 1).faults)
    if faults:
        raise InputError(faults=faults)
    return names


def _records(text: str, path: str) -> Iterator[list[Cell]]:
    position, line, line_start = 0, 1, 0
    record: list[Cell] = []
    while position < len(text) or record:
        blank = None if record else _BLANK_LINES.match(text, position)
        if blank is not None:
            line += blank.end() - position
            position = line_start = blank.end()
            continue
        if len(record) >= MAX_COLUMNS:
            raise refuse(f"more than {MAX_COLUMNS} cells in a row", path, line, position - line_start + 1)
        hit = _CELL.match(text, position)
        if hit is None:
            raise _bad_quote(text, path, position)
        quoted = hit.group(1)
        value = hit.group(2) if quoted is None else quoted.replace('""', '"')
        record.append(Cell(value, line, position - line_start + 1))
        breaks = text.count("\n", position, hit.end())
        if breaks:
            line += breaks
            line_start = text.rfind("\n", position, hit.end()) + 1
        position = hit.end()
        if hit.group(3) != ",":
            yield record
            record = []


def _bad_quote(text: str, path: str, position: int) -> InputError:
    line, column = line_and_column(text, position)
    if text[position] == '"':
        return refuse("a double quote opens here and does not close its cell", path, line, column, 'write " as ""')
    return refuse("a double quote inside a cell that has none around it", path, line, column, 'write it as """"')
