"""Write rows of a dataset as a new file in the same format, with the columns that the file has."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from evalgate.domain import as_text
from evalgate.inputs.datasets import is_blank
from evalgate.inputs.formats import csv as csv_text
from evalgate.inputs.formats.data_file import decode
from evalgate.inputs.formats.json import dump
from evalgate.inputs.formats.rows import DataRow, read_rows
from evalgate.inputs.tree import Tree


def read_case_rows(tree: Tree, path: str) -> list[DataRow]:
    """Return the rows of a dataset that is valid, one for each case, in order."""
    return [row for row in read_rows(tree, path).rows if not is_blank(row)]


def write_case_rows(tree: Tree, path: str, rows: Sequence[DataRow]) -> bytes:
    """Return a file of the format of a dataset with some of its rows. Comments and layout are not taken over."""
    suffix = posixpath.splitext(path)[1].lower()
    if suffix in (".csv", ".tsv"):
        text = decode(tree.read(path), path)
        header, separator = csv_text.read_header(text, path, "\t" if suffix == ".tsv" else None)
        names = [name for name in header if name.strip()]
        first = [] if separator in (",", "\t") else [f"sep={separator}"]
        cells = [[as_text(row.fields.get(name.strip(), "")) for name in names] for row in rows]
        lines = [*first, *(csv_text.write_record(each, separator) for each in [names, *cells])]
    elif suffix in (".yml", ".yaml"):
        lines = [f"- {dump(dict(row.fields))}" for row in rows]
    elif suffix == ".json":
        lines = ["[", *(f"  {dump(dict(row.fields))}{',' if row is not rows[-1] else ''}" for row in rows), "]"]
    else:
        lines = [dump(dict(row.fields)) for row in rows]
    return "".join(f"{line}\n" for line in lines).encode()
