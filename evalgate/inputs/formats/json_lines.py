"""JSONL: one JSON value a line. Values that are written over several lines, and a whole list, are recognised."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from evalgate.errors import InputError
from evalgate.inputs.formats import json as json_text

_BLANK = " \t\r\n"
_LENIENT = json.JSONDecoder()  # finds the end of a value; what is in it is checked afterwards
_OPENINGS = ("{", "[")


def is_list(text: str) -> bool:
    """Return whether a text is one JSON list instead of lines, or begins as a list of several lines does."""
    start = len(text) - len(text.lstrip(_BLANK))
    if not text.startswith("[", start):
        return False
    end = _find_end(text, start)
    if end is None:
        return text[start:].partition("\n")[0].strip(_BLANK) == "["
    return not text[end:].strip(_BLANK) and ("\n" in text[start:end] or text.startswith(("[{", "[\n"), start))


def read_values(text: str, path: str) -> Iterator[tuple[str, int, Any]]:
    """Yield each value of a text: as written from the start of its first line, the number of that line, the data.

    A line that is not a value by itself is the start of one of several lines, if there is one that ends with a line.
    Otherwise the data is the InputError of the line. After the start of an object of several lines that is not valid,
    nothing can be read any more.
    """
    if "\n" not in text:
        text = text.replace("\r", "\n")  # a carriage return is white space in JSON, and never in a string
    start, number, is_spread = 0, 1, False
    while start < len(text):
        end = _find_line_end(text, start)
        line = text[start:end]
        if line.strip(_BLANK):
            try:
                yield line, number, json_text.loads(line, path, first_line=number)
            except InputError as error:
                found = _find_spread(text, start, end)
                if found is not None:
                    end, is_spread = found, True
                    written = text[start:end]
                    yield written, number, _load(written, path, number)
                elif line.strip(_BLANK) in _OPENINGS or (is_spread and line.startswith("{")):
                    yield line, number, _load(text[start:], path, number)
                    return
                else:
                    yield line, number, error
        number += text.count("\n", start, end) + 1
        start = end + 1


def _load(text: str, path: str, line: int) -> Any:
    try:
        return json_text.loads(text, path, first_line=line)
    except InputError as error:
        return error


def _find_spread(text: str, start: int, line_end: int) -> int | None:
    """Return the end of the last line of a value that starts in a line and ends with a later one, else None."""
    end = _find_end(text, start + len(text[start:line_end]) - len(text[start:line_end].lstrip(_BLANK)))
    if end is None or end <= line_end:
        return None
    last = _find_line_end(text, end)
    return last if not text[end:last].strip(_BLANK) else None


def _find_end(text: str, start: int) -> int | None:
    """Return the end of the JSON value that starts here, or None if there is none."""
    try:
        return _LENIENT.raw_decode(text, start)[1]
    except (ValueError, RecursionError):
        return None


def _find_line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end
