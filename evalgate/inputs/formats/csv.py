"""CSV reader (RFC 4180 and its common dialects, with a header) that returns rows with their line numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from evalgate.errors import Fault, InputError
from evalgate.inputs.formats.csv_dialect import (
    SEPARATORS,
    convert_line_ends,
    find_separator,
    read_sep_line,
    refuse_separator,
    strip_around_quotes,
)
from evalgate.inputs.formats.nodes import refuse

MAX_COLUMNS = 1000
_LONGEST_CELL = 2**31 - 1  # the largest limit that `csv` accepts on all systems; file sizes are limited elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvRow:
    """One record, with its cells by column name. `line` is the line where it starts."""

    cells: dict[str, str]
    line: int


def parse(text: str, path: str, separator: str | None = None) -> tuple[list[CsvRow], list[Fault]]:
    """Return the records below the header, without blank lines, and a fault for each record of another length.

    The columns are separated by `separator`; by default by what a first line `sep=;` names, else by commas, semicolons,
    tabs or vertical bars, whatever the header has. Lines may end with carriage returns, and spaces may stand around
    quoted cells. Columns without a name at the end are left out if they are empty.

    Raises InputError, with the line, for a quote that is not closed or that is inside an unquoted cell, for a header
    that is missing, has an empty name or a duplicate name, and if several separators fit.
    """
    text, named = read_sep_line(convert_line_ends(text), path)
    named = separator or named
    if named is None:
        return _parse(text, path, find_separator(text, path, lambda tried: _count_columns(text, path, tried)), False)
    return _parse(text, path, named, True)


def read_header(text: str, path: str, separator: str | None = None) -> tuple[list[str], str]:
    """Return the cells of the header as written, and the separator of the columns. The text is valid (see `parse`)."""
    text, named = read_sep_line(convert_line_ends(text), path)
    found = separator or named
    found = found or find_separator(text, path, lambda tried: _count_columns(text, path, tried))
    return next(_read_records(strip_around_quotes(text, found), path, found))[1], found


def write_record(cells: list[str], separator: str) -> str:
    """Return a record without a line end, with quotes around the cells that need them."""
    file = io.StringIO()
    csv.writer(file, delimiter=separator, lineterminator="\r\n").writerow(cells)
    return file.getvalue().removesuffix("\r\n")


def _count_columns(text: str, path: str, separator: str) -> int:
    """Return the number of columns that a text has with a separator; 0 if it does not fit."""
    try:
        rows, faults = _parse(text, path, separator, False)
    except InputError:
        return 0
    return len(rows[0].cells) if rows and not faults else 0


def _parse(text: str, path: str, separator: str, is_named: bool) -> tuple[list[CsvRow], list[Fault]]:
    records = list(_read_records(strip_around_quotes(text, separator), path, separator))
    if not records:
        raise refuse("is empty: a header line was expected", path, 1, 1)
    line, header = records.pop(0)
    if len(header) == 1 and is_named and any(other in header[0] for other in SEPARATORS if other != separator):
        raise refuse_separator(header[0], separator, path, line)
    width = _count_used(header, records)
    names = _check_header(header[:width], line, path)
    rows: list[CsvRow] = []
    faults: list[Fault] = []
    for line, cells in records:
        if len(cells) == len(names) or (len(cells) == len(header) and not any(cells[width:])):
            rows.append(CsvRow(cells=dict(zip(names, cells[:width], strict=True)), line=line))
            continue
        error = refuse(
            f"{len(cells)} cells under a header of {len(names)}",
            path,
            line,
            1,
            f'put double quotes around a text with "{separator}" or a line break; write " as ""',
        )
        faults.extend(error.faults)
    return rows, faults


def _count_used(header: list[str], records: list[tuple[int, list[str]]]) -> int:
    """Return the number of columns without those at the end that have no name and no text."""
    width = len(header)
    while width > 1 and not header[width - 1].strip():
        width -= 1
    if any(any(cell.strip() for cell in cells[width : len(header)]) for _, cells in records):
        return len(header)
    return width


def _check_header(cells: list[str], line: int, path: str) -> list[str]:
    names = [cell.strip() for cell in cells]
    problems = [
        f'the column "{name}" appears twice' if name else f"a column without a name: column {number}"
        for number, name in enumerate(names, start=1)
        if not name or name in names[: number - 1]
    ]
    if problems:
        raise InputError(faults=[fault for problem in problems for fault in refuse(problem, path, line).faults])
    return names


def _read_records(text: str, path: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the line where it starts."""
    csv.field_size_limit(_LONGEST_CELL)
    taken: list[str] = []  # the lines of the record

    def take_lines() -> Iterator[str]:
        for line in io.StringIO(text, newline="\n"):
            taken.append(line)
            yield line

    reader = csv.reader(take_lines(), strict=True, delimiter=separator)
    while True:
        taken.clear()
        start = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise _explain(str(error), path, start) from None
        if cells is None:
            return
        if len(cells) > MAX_COLUMNS:
            raise refuse(f"more than {MAX_COLUMNS} cells in a row", path, start)
        if _has_bare_quote(cells, taken):
            what = "a double quote inside a cell that is not quoted"
            hint = 'put double quotes around the cell, and write each " in it as "" (in JSON, too)'
            raise refuse(what, path, start, hint=hint)
        if cells:
            yield start, cells


def _has_bare_quote(cells: list[str], lines: list[str]) -> bool:
    """Return whether an unquoted cell contains a double quote, which `csv` accepts as a part of its text."""
    if not any('"' in cell for cell in cells):
        return False
    record = "".join(lines)
    return any('"' in cell and '"{}"'.format(cell.replace('"', '""')) not in record for cell in cells)


def _explain(problem: str, path: str, line: int) -> InputError:
    if "new-line character" in problem:
        hint = "end a line with a newline, and put double quotes around a text that contains one"
        return refuse("a carriage return inside a line", path, line, hint=hint)
    return refuse("a double quote that opens here is not closed", path, line, hint='write " as ""')
