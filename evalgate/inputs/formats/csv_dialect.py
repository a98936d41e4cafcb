"""Dialects of CSV: separators, line ends, and spaces around quotes, as spreadsheets and exports write them."""

from __future__ import annotations

import re
from collections.abc import Callable

from evalgate.errors import InputError
from evalgate.inputs.formats.nodes import refuse

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_SEP_LINE = re.compile(r"(\"?)sep=([^\n]*)(?:\n|\Z)", re.IGNORECASE)
_SPACED = re.compile(r'[^"] "|\A +"|" +(?!")')


def convert_line_ends(text: str) -> str:
    """Return a text whose lines end with carriage returns alone with newlines instead. Quoted cells are unchanged.

    A text that has both outside of quotes is returned unchanged.
    """
    if "\r" not in text:
        return text
    parts = text.split('"')
    outside = parts[::2]
    if not any("\r" in part for part in outside) or any("\n" in part for part in outside):
        return text
    parts[::2] = [part.replace("\r", "\n") for part in outside]
    return '"'.join(parts)


def read_sep_line(text: str, path: str) -> tuple[str, str | None]:
    """Return the text with a first line `sep=;` blanked, and the separator that it names; None without such a line.

    Raises InputError if the line does not name one character.
    """
    line = _SEP_LINE.match(text)
    if line is None:
        return text, None
    written = line.group(2).removesuffix(line.group(1))
    separator = "".join(dict.fromkeys(written))  # a spreadsheet may repeat it for each column of the table
    if len(separator) != 1 or separator.isalnum() or separator in '" ':
        raise refuse('the line "sep=" does not name a separator', path, 1, 1, "write sep=; or sep=,")
    return f"\n{text[line.end() :]}", separator


def strip_around_quotes(text: str, separator: str) -> str:
    """Return a text without the spaces between a separator and the quotes of a cell, as in `1, "a, b" ,2`."""
    if not _SPACED.search(text):
        return text
    parts = text.split('"')
    last, ends = len(parts) - 1, (separator, "\n")
    for number in range(0, len(parts), 2):
        part = parts[number]
        after, before = part.lstrip(" "), part.rstrip(" ")
        if number > 0 and (after.startswith(ends) or (not after and number == last)):
            part = after
        if number < last and (before.endswith(ends) or (not before and number == 0)):
            part = part.rstrip(" ")
        parts[number] = part
    return '"'.join(parts)


def find_separator(text: str, path: str, count_columns: Callable[[str], int]) -> str:
    """Return the separator of a text, by its first line. `count_columns` reads the text with one; 0 if it does not fit.

    Raises InputError if several of them fit, because they give different cells.
    """
    header = _read_header(text)
    found = [separator for separator in SEPARATORS if separator in header]
    if len(found) < 2:
        return found[0] if found else ","
    fitting = [separator for separator in found if count_columns(separator) > 1]
    if len(fitting) > 1:
        names = " and as ".join(SEPARATORS[separator] for separator in fitting)
        raise refuse(
            f"the columns can be read as separated by {names}",
            path,
            1,
            1,
            f"name the separator in a line above the header, such as sep={fitting[0]}, or put quotes around the cells",
        )
    return fitting[0] if fitting else max(found, key=header.count)


def refuse_separator(name: str, separator: str, path: str, line: int) -> InputError:
    """Return the error for a header that is one cell although it has another separator in it."""
    named = SEPARATORS.get(separator, f'"{separator}"')
    return refuse(f"the columns are not separated by {named}: {name[:60]}", path, line, 1)


def _read_header(text: str) -> str:
    """Return the first line that is not blank, without its quoted cells."""
    header: list[str] = []
    for number, part in enumerate(text.split('"', 2000)):
        if number % 2:
            continue
        line, end, _ = (part if header else part.lstrip("\n")).partition("\n")
        header.append(line)
        if end:
            break
    return "".join(header)
