"""Append a case to a dataset file in the file's own format; every byte of the other cases stays as it is."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import replace

from evalgate.domain import Column, GoldenDataset, Json, as_text
from evalgate.domain.langfuse_reference import is_langfuse
from evalgate.domain.names import suggest_closest
from evalgate.errors import InputError
from evalgate.inputs.added_tree import AddedTree
from evalgate.inputs.datasets import TAG_SEPARATOR, load_dataset
from evalgate.inputs.formats import csv as csv_text
from evalgate.inputs.formats import json_lines
from evalgate.inputs.formats.data_file import decode
from evalgate.inputs.formats.json import dump
from evalgate.inputs.formats.nodes import refuse
from evalgate.inputs.tree import Tree

_BOM = "\ufeff"
_ITEM = re.compile(r"^( *)-(?= |\r?$)", re.MULTILINE)
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_INDENT = re.compile(r"\n([ \t]+)\S")


def append_case(
    tree: Tree, path: str, fields: Mapping[str, Json], columns: Mapping[str, Column] | None = None
) -> tuple[bytes, GoldenDataset]:
    """Return a dataset file with one more case at its end, and its cases.

    `fields` has `id`, `tags`, `cluster` and the variables by the names of the gate; `columns` names their columns. The
    file is read again before it is returned: all other cases are as before, and the last one has these fields.

    Raises InputError for a dataset in Langfuse, for a table without a column of that name, for an id that is taken, and
    for a file that is not valid.
    """
    if is_langfuse(path):
        message = f"{path} is in Langfuse, and evalgate writes no items there: its text would not be part of a change"
        raise InputError(message, hint="add the item in Langfuse, or keep the cases in a file of the repository")
    before = load_dataset(tree, path, columns)
    data = tree.read(path)
    decode(data, path)
    text = data.decode()
    mark, text = (_BOM, text[1:]) if text.startswith(_BOM) else ("", text)
    names = {name: column.name for name, column in (columns or {}).items()}
    row = {names.get(name, name): value for name, value in fields.items()}
    suffix = posixpath.splitext(path)[1].lower()
    newline = "\r\n" if "\r\n" in text else "\n"
    if suffix in (".csv", ".tsv"):
        as_json = {column.name for column in (columns or {}).values() if column.json}
        separator = "\t" if suffix == ".tsv" else None
        text = _append_record(text, path, row, as_json=as_json, separator=separator, tags=names.get("tags", "tags"))
    elif suffix in (".jsonl", ".ndjson") and not json_lines.is_list(text):
        text = f"{_end_line(text, newline)}{dump(row)}{newline}"
    elif suffix in (".yml", ".yaml") and not _find_content(text).startswith("["):
        text = _append_item(text, path, row, newline)
    else:
        text = _append_element(text, row, newline)
    written = f"{mark}{text}".encode()
    after = load_dataset(AddedTree(tree, {path: written}), path, columns)
    _verify(before, after, fields, path)
    return written, after


def _end_line(text: str, newline: str) -> str:
    return text if not text or text.endswith(("\n", "\r")) else f"{text}{newline}"


def _find_content(text: str) -> str:
    """Return a YAML text from its first line that is not a comment and no mark of a document."""
    lines = text.splitlines(keepends=True)
    while lines and (not lines[0].strip() or lines[0].startswith(("#", "---", "%"))):
        lines.pop(0)
    return "".join(lines).lstrip()


def _append_item(text: str, path: str, row: Mapping[str, Json], newline: str) -> str:
    """Append an item to a YAML list of lines."""
    first = _ITEM.search(text)
    if first is None:
        raise refuse("is not a list of lines that a case can be added to", path, hint="add it by hand")
    lines = [f"{key if _PLAIN_KEY.fullmatch(key) else dump(key)}: {dump(value)}" for key, value in row.items()]
    indent = first[1]
    joined = f"{newline}{indent}  ".join(lines)
    return f"{_end_line(text, newline)}{indent}- {joined}{newline}"


def _append_element(text: str, row: Mapping[str, Json], newline: str) -> str:
    """Append an element to a list in brackets, laid out like the last one."""
    at = text.rindex("]")
    body = text[:at].rstrip()
    tail = text[len(body) : at]
    if body.endswith(","):
        body = body.rstrip(", \t\r\n")  # YAML allows a comma at the end
    is_first = body.rstrip().endswith("[") and body.count("[") == 1
    indented = _INDENT.search(body)
    if indented is None:
        gap = "" if is_first else ", "
        return f"{body}{gap}{dump(row)}{tail}{text[at:]}"
    start = indented[1]
    inner = re.search(r"\n([ \t]+)\"", body[indented.end() :])
    step = inner[1][len(start) :] if inner is not None and len(inner[1]) > len(start) else None
    lines = dump(row, indent=step).replace("\n", f"{newline}{start}") if step else dump(row)
    return f"{body}{'' if is_first else ','}{newline}{start}{lines}{tail or newline}{text[at:]}"


def _append_record(
    text: str, path: str, row: Mapping[str, Json], *, as_json: set[str], separator: str | None, tags: str
) -> str:
    """Append a record to a table. A field without a column is an error, because the header would have to change."""
    header, separator = csv_text.read_header(text.replace("\r\n", "\n"), path, separator)
    cells = [name.strip() for name in header]
    for name in row:
        if name not in cells:
            hint = suggest_closest(name, cells, otherwise=f"add it to the header: {', '.join(filter(None, cells))}")
            raise refuse(f'the table has no column "{name}"', path, 1, hint=hint)
    written = []
    for name in cells:
        value = row.get(name, "")
        if name == tags and isinstance(value, list | tuple):
            value = TAG_SEPARATOR.join(str(tag) for tag in value)
        written.append(dump(value) if name in as_json and name in row else as_text("" if value is None else value))
    only_cr = "\n" not in text and "\r" in text
    newline = "\r\n" if "\r\n" in text else "\r" if only_cr else "\n"
    return f"{_end_line(text, newline)}{csv_text.write_record(written, separator)}{newline}"


def _verify(before: GoldenDataset, after: GoldenDataset, fields: Mapping[str, Json], path: str) -> None:
    """Raise InputError unless the cases are as before, with the new one at the end."""
    kept = tuple(replace(case, line=0) for case in after.cases[:-1])
    new = after.cases[-1]
    wanted = {key: value for key, value in fields.items() if key not in ("id", "tags")}
    is_same = kept == tuple(replace(case, line=0) for case in before.cases)
    given = {key: value for key, value in new.fields.items() if key in wanted or value not in ("", None)}
    is_text = path.lower().endswith((".csv", ".tsv"))
    shown = {key: as_text(value) for key, value in given.items()} == {key: as_text(v) for key, v in wanted.items()}
    own = "id" not in fields or new.id == fields["id"]
    if not (is_same and own and (given == wanted or (is_text and shown))):
        raise refuse("a case cannot be added safely: the file would be read otherwise", path, hint="add it by hand")
