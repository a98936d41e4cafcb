"""Recognise the result file of another tool by its content, and read it."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from evalgate.errors import InputError
from evalgate.inputs.formats.data_file import Document, read
from evalgate.inputs.formats.nodes import refuse
from evalgate.inputs.importers import (
    deepeval_files,
    inspect_archive,
    inspect_logs,
    openai_evals_files,
    promptfoo_results,
)
from evalgate.inputs.importers.foreign_json import decode_text, load_json, load_lines
from evalgate.inputs.importers.tool_results import ToolResults

_TABLES = frozenset({".csv", ".tsv", ".parquet", ".xlsx"})
_TABLE_HEADER = ",Status,Score,"


def read_results(data: bytes, path: str, select: str | None = None) -> ToolResults | None:
    """Read the results of promptfoo, deepeval, inspect_ai or openai/evals; None for a file of none of them.

    `select` chooses the prompt and provider of a promptfoo file that has several. Raises InputError for a file that
    is one of theirs and cannot be read, and for a `select` in a file that has nothing to choose.
    """
    found = _read(data, path, select)
    if found is not None and select is not None and not found.tool.startswith("promptfoo"):
        raise InputError(
            f"{path}: the file has the answers of one subject, so that there is nothing to select: {found.subject}"
        )
    return found


def _read(data: bytes, path: str, select: str | None) -> ToolResults | None:
    if inspect_archive.is_archive(data):
        return inspect_logs.read_log(inspect_archive.load_archive(data, path), path)
    suffix = posixpath.splitext(path)[1].lower()
    if suffix in _TABLES:
        _refuse_table(data, path)
        return None
    if suffix in (".yml", ".yaml"):
        return _read_document(_load_yaml(data, path), path, select)
    text = decode_text(data, path)
    return _read_text(text, path, select) if text.lstrip().startswith("{") else None


def _read_text(text: str, path: str, select: str | None) -> ToolResults | None:
    """Read a text that is one JSON object, or one a line."""
    first = text.lstrip().partition("\n")[0]
    line = _load_or_none(first, path)
    whole = _load_or_none(text, path) if line is None else line
    found = _read_document(whole, path, select)
    if found is not None or line is None:
        return found
    if openai_evals_files.is_log(line):
        return openai_evals_files.read_log(list(load_lines(text, path)), path)
    if promptfoo_results.is_line(line):
        return promptfoo_results.read_lines(list(load_lines(text, path)), path, select)
    return None


def _read_document(data: Any, path: str, select: str | None) -> ToolResults | None:
    if not isinstance(data, Mapping):
        return None
    if promptfoo_results.is_results(data):
        return promptfoo_results.read_results(data, path, select)
    if deepeval_files.is_test_run(data):
        return deepeval_files.read_test_run(data, path)
    if inspect_logs.is_log(data):
        return inspect_logs.read_log(data, path)
    return None


def _load_or_none(text: str, path: str) -> Any:
    try:
        return load_json(text, path)
    except InputError:
        return None


def _load_yaml(data: bytes, path: str) -> Any:
    document: Document = read(data, path)
    return document.data


def _refuse_table(data: bytes, path: str) -> None:
    """Refuse promptfoo's CSV: its scores are rounded to two digits, and it does not tell an error from an answer."""
    if _TABLE_HEADER.encode() in data.split(b"\n", 1)[0]:
        hint = "write the results as JSON: promptfoo eval -o results.json, or promptfoo export eval ID -o results.json"
        raise refuse("is a table of promptfoo, whose scores are rounded", path, 1, hint=hint)
