"""CSV reader (RFC 4180: commas, double quotes, a header) that returns rows with their line numbers."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from evalgate.errors import Fault, InputError
from evalgate.inputs.formats.nodes import refuse

MAX_COLUMNS = 1000
_LONGEST_CELL = 2**31 - 1  # the largest limit that `csv` accepts on all systems; file sizes are limited elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvRow:
    """One record, with its cells by column name. `line` is the line where it starts."""

    cells: dict[str, str]
    line: int


def parse(text: str, path: str) -> tuple[list[CsvRow], list[Fault]]:
    """Return the records below the header, without blank lines, and a fault for each record of another length.

    Raises InputError, with the line, for a quote that is not closed or that is inside an unquoted cell, and for a
    header that is missing, has an empty name or a duplicate name.
    """
    records = _read_records(text, path)
    line, header = next(records, (1, None))
    if header is None:
        raise refuse("is empty: a header line was expected", path, 1, 1)
    names = _check_header(header, line, path)
    rows: list[CsvRow] = []
    faults: list[Fault] = []
    for line, cells in records:
        if len(cells) == len(names):
            rows.append(CsvRow(cells=dict(zip(names, cells, strict=True)), line=line))
            continue
        error = refuse(
            f"{len(cells)} cells under a header of {len(names)}",
            path,
            line,
            1,
            'put double quotes around a text with a comma or a line break; write " as ""',
        )
        faults.extend(error.faults)
    return rows, faults


def _check_header(cells: list[str], line: int, path: str) -> list[str]:
    names = [cell.strip() for cell in cells]
    problems = [
        f'the column "{name}" appears twice' if name else f"a column without a name: column {number}"
        for number, name in enumerate(names, start=1)
        if not name or name in names[: number - 1]
    ]
    if len(names) == 1 and re.search("[;\t]", names[0]):
        problems.append("the columns are not separated by commas")
    if problems:
        raise InputError(faults=[fault for problem in problems for fault in refuse(problem, path, line).faults])
    return names


def _read_records(text: str, path: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the line where it starts."""
    csv.field_size_limit(_LONGEST_CELL)
    taken: list[str] = []  # the lines of the record

    def take_lines() -> Iterator[str]:
        for line in io.StringIO(text, newline="\n"):
            taken.append(line)
            yield line

    reader = csv.reader(take_lines(), strict=True)
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
            raise refuse(what, path, start, hint='write it as """"')
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
