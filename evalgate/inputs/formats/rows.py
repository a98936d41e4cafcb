"""Reader of files of rows in all formats: fields as plain data, with their places for messages."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache, partial
from typing import Any

from evalgate.domain.names import find_closest, fold, suggest
from evalgate.errors import Fault, InputError, Place
from evalgate.inputs.formats import csv as csv_text
from evalgate.inputs.formats import dataframe, json_lines
from evalgate.inputs.formats import json as json_text
from evalgate.inputs.formats import yaml as yaml_text
from evalgate.inputs.formats.data_file import decode
from evalgate.inputs.formats.nodes import MAX_FAULTS, Node, refuse
from evalgate.inputs.tree import Tree


@dataclass(frozen=True, slots=True)
class DataRow:
    """One row. With `text_only`, its fields are cells of a CSV and all text.

    `locate` returns the place of a field, or that of the row for a missing field.
    """

    fields: Mapping[str, Any]
    line: int
    locate: Callable[[str], Place]
    text_only: bool = False

    def fault(self, message: str, key: str = "", hint: str | None = None) -> Fault:
        return Fault(message=message, place=self.locate(key), hint=hint)

    def number(self, key: str) -> Any:
        """Return a cell's text as a JSON number if it is one, else unchanged."""
        text: str = self.fields[key].strip()
        try:
            value = yaml_text.scalar(text)
        except ValueError:
            return text
        return value if isinstance(value, int | float) and not isinstance(value, bool) else text

    def near_misses(self, known: Collection[str], faults: list[Fault], *, hint: str | None = None) -> bool:
        """Add a fault for each unknown key that looks like a known key that is absent. Return whether there is one."""
        before = len(faults)
        absent = tuple(name for name in known if name not in self.fields)
        for key in self.fields:
            match = _near(key, absent) if absent and key not in known else None
            if match is not None:
                faults.append(self.fault(f'unknown key "{key}"; {suggest(match)}', key, hint))
        return len(faults) > before


@lru_cache(maxsize=1024)
def _near(key: str, names: tuple[str, ...]) -> str | None:
    written = fold(key)  # also with invisible characters, such as a second byte-order mark, or in full width
    return next((name for name in names if fold(name) == written), None) or find_closest(key, names, cutoff=0.81)


@dataclass(slots=True)
class Rows:
    """The valid rows of a file, as an iterator. `faults` is complete when the iterator is exhausted.

    Rows are made on demand. A row keeps the text of its line in memory, to find the places of its fields.
    """

    rows: Iterator[DataRow] = field(default_factory=lambda: iter(()))
    faults: list[Fault] = field(default_factory=list)


def read_rows(tree: Tree, path: str, *, csv: bool = True, tables: bool = False) -> Rows:
    """Read the rows of a file by its suffix: JSONL, a JSON or YAML list of mappings, CSV, with `tables` Parquet, Excel.

    An invalid line of JSONL and a row that is not a mapping are added to the faults of the rows. A fault that makes the
    whole file unreadable raises InputError with its place.
    """
    suffix = posixpath.splitext(path)[1].lower()
    formats: dict[str, Callable[[str, str], Rows]] = {
        ".jsonl": _jsonl,
        ".ndjson": _jsonl,
        ".json": _json,
        ".yml": _yaml,
        ".yaml": _yaml,
    }
    if csv:
        formats |= {".csv": _csv, ".tsv": partial(_csv, separator="\t")}
    binary = {".parquet": dataframe.parse_parquet, ".xlsx": dataframe.parse_excel} if tables else {}
    if suffix in binary:
        return number_rows(binary[suffix](tree.read(path), path), path)
    reader = formats.get(suffix)
    if reader is None:
        hint = f"use one of: {', '.join([*formats, *binary])}"
        what = f'files of the type "{suffix}" are not supported' if suffix else "the name has no type"
        raise refuse(what, path, hint=hint)
    return reader(decode(tree.read(path), path), path)


def number_rows(records: Mapping[int, object], path: str) -> Rows:
    """Make rows from records in memory, by their numbers. A record that is not a mapping is a fault.

    `path` names the source of the records in messages.
    """
    found = Rows()
    found.rows = _number_rows(records, path, found.faults)
    return found


def _number_rows(records: Mapping[int, object], path: str, faults: list[Fault]) -> Iterator[DataRow]:
    for number, record in records.items():
        place = Place(path=path, line=number)
        if isinstance(record, Mapping):
            fields = {str(key): dataframe.simplify(value) for key, value in record.items()}
            yield DataRow(fields, number, partial(_at, place))
        else:
            faults.append(Fault(message="a row must be a mapping of fields", place=place))


def _at(place: Place, key: str) -> Place:
    return place


def _jsonl(text: str, path: str) -> Rows:
    if json_lines.is_list(text):
        return _json(text, path)
    found = Rows()
    found.rows = _jsonl_rows(text, path, found.faults)
    return found


def _jsonl_rows(text: str, path: str, faults: list[Fault]) -> Iterator[DataRow]:
    unreadable = 0
    for written, number, data in json_lines.read_values(text, path):
        if isinstance(data, InputError):
            faults.extend(data.faults)
            unreadable += 1
            if unreadable > MAX_FAULTS:
                return
            continue
        column = len(written) - len(written.lstrip()) + 1
        place = Place(path=path, line=number, column=column)
        yield from _row(data, place, partial(json_text.parse, written, path, first_line=number), faults)


def _json(text: str, path: str) -> Rows:
    found = Rows()
    whole = cache(lambda: list(json_text.parse(text, path)))
    found.rows = (
        row
        for index, (data, line, column) in enumerate(json_text.elements(text, path))
        for row in _row(data, Place(path=path, line=line, column=column), partial(_nth, whole, index), found.faults)
    )
    return found


def _nth(nodes: Callable[[], list[Node]], index: int) -> Node:
    return nodes()[index]


def _yaml(text: str, path: str) -> Rows:
    found = Rows()
    root = yaml_text.parse(text, path)
    if root.data is not None and not isinstance(root.data, list):
        raise refuse("the file must contain a list", path, root.line, root.column)
    found.rows = (row for node in root for row in _row(node.data, node.place(path), partial(_same, node), found.faults))
    return found


def _same(node: Node) -> Node:
    return node


def _csv(text: str, path: str, separator: str | None = None) -> Rows:
    records, faults = csv_text.parse(text, path, separator)
    rows = (DataRow(record.cells, record.line, _at_line(record.line, path), True) for record in records)
    return Rows(rows=rows, faults=faults)


def _at_line(line: int, path: str) -> Callable[[str], Place]:
    return lambda _: Place(path=path, line=line)


def _row(data: Any, place: Place, node: Callable[[], Node], faults: list[Fault]) -> Iterator[DataRow]:
    """Yield a row of JSON or YAML, or add a fault. Nodes are made only if a place is needed."""
    if not isinstance(data, dict):
        faults.append(Fault(message="a row must be a mapping of fields", place=place))
        return

    def locate(key: str) -> Place:
        child = node().get(key) if key in data else None
        return place if child is None else child.place(place.path)

    yield DataRow(data, place.line, locate)
