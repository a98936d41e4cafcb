"""Decoding of files, and parsing of YAML, JSON and front matter into data with line numbers."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import Any

from evalgate.inputs.formats import json as json_text
from evalgate.inputs.formats import yaml as yaml_text
from evalgate.inputs.formats.nodes import MAX_LINE_BYTES, Node, refuse

_FRONT_MATTER = re.compile(r"---[ \t]*\n")
_FENCE = re.compile(r"^---[ \t]*$", re.MULTILINE)
_START = 32
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Document:
    """A file as data. The nodes of `root` have line numbers."""

    path: str
    root: Node

    @property
    def data(self) -> Any:
        return self.root.data


def decode(data: bytes, path: str) -> str:
    """Decode a file as UTF-8, without byte-order mark, and with CRLF as newline.

    Raises InputError, with line and column, for bytes that are not UTF-8, and for a line over 16 MiB.
    """
    if data.startswith(_UTF16) or _has_zeros(data):
        raise refuse("is UTF-16, not UTF-8", path, 1, 1, 'save it as UTF-8 (spreadsheets call it "CSV UTF-8")')
    _refuse_long_line(data, path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        start = data.rfind(b"\n", 0, error.start) + 1
        column = len(data[start : error.start].decode("utf-8-sig")) + 1
        line = data.count(b"\n", 0, error.start) + 1
        raise refuse(
            f"byte 0x{data[error.start]:02x} is not UTF-8", path, line, column, "save the file as UTF-8"
        ) from None
    return text.replace("\r\n", "\n")


def read(data: bytes, path: str) -> Document:
    """Parse a file as one value: as JSON if its name ends in .json, else as YAML. Raises InputError with places."""
    text = decode(data, path)
    if posixpath.splitext(path)[1].lower() == ".json":
        return Document(path=path, root=json_text.parse(text, path))
    return Document(path=path, root=yaml_text.parse(text, path))


def front_matter(data: bytes, path: str, *, skipped: int = 0) -> tuple[Document, str, int]:
    """Split a Markdown or text file into its front matter, its body, and the line number where the body starts.

    Front matter is YAML between two lines `---`. Without it, the document's data is {}. `skipped` lines of the
    file are before the data. Raises InputError with places.
    """
    text = decode(data, path)
    opening = _FRONT_MATTER.match(text)
    if opening is None:
        return Document(path=path, root=_nothing()), text, 1 + skipped
    closing = _FENCE.search(text, opening.end())
    if closing is None:
        raise refuse(
            "the front matter that starts here is not closed", path, 1 + skipped, 1, "close it with a line ---"
        )
    root = yaml_text.parse(text[opening.end() : closing.start()], path, first_line=2 + skipped)
    body = text[closing.end() + 1 :]
    first_line = text.count("\n", 0, closing.end()) + 2 + skipped
    return Document(path=path, root=_nothing() if root.data is None else root), body, first_line


def string_value(data: Any) -> str | None:
    """Return a name as text: a string unchanged, an integer as its digits; None for anything else."""
    if isinstance(data, str):
        return data
    return str(data) if isinstance(data, int) and not isinstance(data, bool) else None


def _has_zeros(data: bytes) -> bool:
    """Return whether every other byte at the start is zero, as in UTF-16 without a byte-order mark."""
    start = data[:_START]
    return len(start) > 3 and (not any(start[::2]) or not any(start[1::2]))


def _nothing() -> Node:
    return Node(data={}, line=1, column=1, children={}, keys={})


def _refuse_long_line(data: bytes, path: str) -> None:
    start, line = 0, 1
    while len(data) - start > MAX_LINE_BYTES:
        end = data.rfind(b"\n", start, start + MAX_LINE_BYTES + 1)
        if end < 0:
            end = data.find(b"\n", start)
            size = (len(data) if end < 0 else end) - start
            raise refuse(
                f"the line has {size:,} bytes; at most {MAX_LINE_BYTES:,} are read",
                path,
                line,
                hint="split it into lines; use JSONL, with one case per line, for a large dataset",
            )
        line += data.count(b"\n", start, end + 1)
        start = end + 1
