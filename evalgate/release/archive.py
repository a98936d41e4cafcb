"""The file of `release export`: all revisions of a prompt with their exact bytes, and its versions, as JSON lines.

The first line has `format`, `name`, and the numbers of `revisions` and `versions`. Each other line has a `document` or
a `version`: the bytes as text, or in base64 if they are not UTF-8.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from evalgate.domain.numbers import show_count
from evalgate.errors import InputError, Place
from evalgate.release.checked_value import LARGEST, DocumentError, Value, load_value
from evalgate.release.document import PublishedVersion, encode_version, parse_version

ARCHIVE_FORMAT: Final = 1
_KIND: Final = "evalgate release export"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseArchive:
    """The content of an exported file: the bytes of all documents of a prompt, oldest first, and its versions."""

    name: str
    documents: tuple[bytes, ...]
    versions: tuple[PublishedVersion, ...]


def write_archive(name: str, documents: Sequence[bytes], versions: Iterable[PublishedVersion]) -> Iterator[str]:
    """Yield the lines of a file. The same content gives the same lines, in ASCII."""
    contents = sorted(versions, key=lambda one: one.digest)
    counts = {"revisions": len(documents), "versions": len(contents)}
    yield _write({"format": ARCHIVE_FORMAT, "kind": _KIND, "name": name, **counts})
    for data in documents:
        yield _write({"document": _encode(data)})
    for version in contents:
        yield _write({"version": _encode(encode_version(version))})


def read_archive(data: bytes, path: str) -> ReleaseArchive:
    """Return the content of a file. The documents are not checked here. Raises InputError with the line."""
    lines = [(number, line) for number, line in enumerate(data.split(b"\n"), start=1) if line.strip()]
    if not lines:
        raise InputError("is empty: it is not a file of `evalgate release export`", place=Place(path=path))
    name, counts = "", (0, 0)
    documents: list[bytes] = []
    versions: list[PublishedVersion] = []
    for number, line in lines:
        try:
            # a document of the largest size, with every character as an escape
            given = load_value(line, most=6 * LARGEST + 100)
            if number == lines[0][0]:
                name, counts = _read_head(given)
            elif "version" in given.object():
                versions.append(parse_version(_decode(given["version"])))
            else:
                documents.append(_decode(given["document"]))
        except DocumentError as error:
            raise InputError(
                f"is not a line of `evalgate release export`: {error}", place=Place(path=path, line=number)
            ) from None
    if (len(documents), len(versions)) != counts:
        raise InputError(
            f"has {show_count(len(documents), 'revision')} and {show_count(len(versions), 'version')}, but by its "
            f"first line {counts[0]} and {counts[1]}",
            place=Place(path=path),
            hint="it was cut or edited: export the ledger again",
        )
    return ReleaseArchive(name=name, documents=tuple(documents), versions=tuple(versions))


def _read_head(given: Value) -> tuple[str, tuple[int, int]]:
    if given["format"].integer() != ARCHIVE_FORMAT or given["kind"].text() != _KIND:
        given.fail(f'must have "kind": "{_KIND}" and "format": {ARCHIVE_FORMAT}')
    return given["name"].text(), (given["revisions"].integer(), given["versions"].integer())


def _write(row: Any) -> str:
    return json.dumps(row) + "\n"


def _encode(data: bytes) -> str | dict[str, str]:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def _decode(given: Value) -> bytes:
    try:
        if isinstance(given.data, str):
            return given.data.encode()
        return base64.b64decode(given["base64"].text(), validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError) as error:
        given.fail(f"cannot be read: {error}")
