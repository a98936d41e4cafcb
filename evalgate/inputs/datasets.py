"""Reader of golden datasets from rows of JSONL, JSON, CSV or YAML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from sys import intern
from typing import Any, TypeAlias

from evalgate.domain import Case, Column, GoldenDataset, Json, normalize
from evalgate.domain.case_ids import OWN_KEYS, derive_case_id
from evalgate.domain.langfuse_reference import is_langfuse
from evalgate.errors import Fault
from evalgate.inputs.formats.nodes import raise_faults, refuse
from evalgate.inputs.formats.rows import DataRow, read_rows
from evalgate.inputs.langfuse_rows import make_item_rows
from evalgate.inputs.row_columns import rename_columns
from evalgate.inputs.row_values import read_cluster, read_name
from evalgate.inputs.tree import Tree

TAG_SEPARATOR = ";"
_TEXTS = 1000
_OTHER_ID = "rename it, or map it under `fields` in the gate"
_Tags: TypeAlias = tuple[str, ...]
_NOT_NUMBERS = frozenset({"nan", "inf", "-inf", "+inf", "infinity", "-infinity", "+infinity"})


def load_dataset(tree: Tree, path: str, columns: Mapping[str, Column] | None = None) -> GoldenDataset:
    """Load a golden dataset: .jsonl (.ndjson), .json or .yml (a list of mappings), .csv or .tsv (with a header).

    `columns` names the columns of fields that have another name in the file (a gate's `fields`). `id` is unique, also
    as it is shown; a whole number is read as text. A row without `id` gets one that is derived from its content, with
    `-2`, `-3` for further rows of equal content. `tags` is a list of texts, in CSV one text separated by semicolons.
    Every other field is a variable. In CSV all values are text unless a column is declared as JSON. A cell `NaN` is
    refused, because tables write it for a missing value.

    `langfuse:NAME` is what `LangfuseTree` reads; `langfuse_rows` says what the items are there.

    Raises InputError with all faults, each with its place. An empty dataset is a fault.
    """
    rows = make_item_rows(tree.read(path), path, columns or {}) if is_langfuse(path) else read_rows(tree, path)
    reader = _CaseReader(faults=rows.faults)
    for row in rename_columns(rows.rows, columns, path, rows.faults) if columns else rows.rows:
        reader.add(row)
    reader.refuse_clashes()
    raise_faults(rows.faults, path)
    if not reader.cases:
        raise refuse("the dataset is empty: a gate needs at least one case", path)
    return GoldenDataset(path=path, cases=tuple(reader.cases))


def is_blank(row: DataRow) -> bool:
    """Return whether a row is one of a spreadsheet whose cells are all empty; it is not a case."""
    return row.text_only and not any(not isinstance(value, str) or value.strip() for value in row.fields.values())


@dataclass(slots=True)
class _CaseReader:
    """The cases of a file, read row by row. `faults` collects the faults of all rows.

    `shown` has the given ids that are not in their normalised form, by that. `texts` and `shared` hold the texts and
    tags of earlier cases, so that equal values are in memory only once.
    """

    faults: list[Fault]
    cases: list[Case] = field(default_factory=list)
    given: dict[str, DataRow] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)
    derived: dict[str, int] = field(default_factory=dict)
    copies: Counter[str] = field(default_factory=Counter)
    texts: dict[str, str] = field(default_factory=dict)
    shared: dict[_Tags, _Tags] = field(default_factory=dict)

    def add(self, row: DataRow) -> None:
        """Read a row, and keep its case unless it has a fault."""
        before = len(self.faults)
        if is_blank(row):
            return
        named = _has_id(row)
        if "id" not in row.fields and row.near_misses(("id",), self.faults, hint=_OTHER_ID):
            return
        name = read_name(row, "id", self.faults) if named else ""
        tags, cluster = _read_tags(row, self.faults), read_cluster(row, self.faults)
        self.faults += _find_not_numbers(row)
        if not named and not any(key not in OWN_KEYS for key in row.fields):
            self.faults.append(row.fault('"id" is missing, and the row has no field to derive it from'))
        if len(self.faults) > before:
            return
        fields = self._read_fields(row)
        if not named:
            name = self._derive(fields, row.line)
        elif name in self.given:
            first = self.given[name].line
            self.faults.append(row.fault(f'the id "{name}" is given twice; first in line {first}', "id"))
            return
        elif (other := self._find_look_alike(name)) is not None:
            message = f'the id "{name}" looks like the id "{other}" of line {self.given[other].line}'
            self.faults.append(row.fault(message, "id", "they differ only in what is not shown: give one another id"))
            return
        else:
            self.given[name] = row
        own = tuple(map(intern, tags))
        tags = self.shared.setdefault(own, own)
        self.cases.append(Case(id=name, fields=fields, tags=tags, cluster=cluster, line=row.line))

    def refuse_clashes(self) -> None:
        """Add a fault for each given id that is also the derived id of another row."""
        for name in self.given.keys() & self.derived.keys():
            message = f'the id "{name}" is also the derived one of line {self.derived[name]}, which has no id'
            self.faults.append(self.given[name].fault(message, "id", "give this case another id"))

    def _find_look_alike(self, name: str) -> str | None:
        """Return the given id that is shown as this one is, in spite of invisible characters or other normal forms."""
        plain = normalize(name)
        if plain != name:
            other = plain if plain in self.given else self.shown.setdefault(plain, name)
            return other if other != name else None
        return self.shown.get(plain)

    def _read_fields(self, row: DataRow) -> Mapping[str, Json]:
        if len(self.texts) > _TEXTS:
            self.texts.clear()
        return {
            intern(key): self.texts.setdefault(value, value) if isinstance(value, str) else value
            for key, value in row.fields.items()
            if key not in ("id", "tags")
        }

    def _derive(self, fields: Mapping[str, Json], line: int) -> str:
        name = derive_case_id(fields)
        self.copies[name] += 1
        if self.copies[name] > 1:
            name = f"{name}-{self.copies[name]}"
        self.derived[name] = line
        return name


def _has_id(row: DataRow) -> bool:
    """Return whether a row has an id. A null, and an empty cell of a table, are none."""
    value = row.fields.get("id")
    return value is not None and not (row.text_only and isinstance(value, str) and not value.strip())


def _find_not_numbers(row: DataRow) -> Iterator[Fault]:
    if not row.text_only:
        return
    for key, value in row.fields.items():
        if isinstance(value, str) and value.strip().lower() in _NOT_NUMBERS:
            hint = "fill the cell, or store the dataset as JSONL, which distinguishes text from numbers"
            yield row.fault(f'"{key}" is {value.strip()}', key, hint)


def _read_tags(row: DataRow, faults: list[Fault]) -> tuple[str, ...]:
    value: Any = row.fields.get("tags")
    if value is None:
        return ()
    if row.text_only and isinstance(value, str):
        value = [tag.strip() for tag in value.split(TAG_SEPARATOR) if tag.strip()]
    if not isinstance(value, list) or not all(isinstance(tag, str) and tag.strip() for tag in value):
        faults.append(row.fault('"tags" must be a list of texts', "tags", 'such as ["refund", "critical"]'))
        return ()
    return tuple(dict.fromkeys(tag.strip() for tag in value))
