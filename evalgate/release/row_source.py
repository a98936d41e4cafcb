"""The rows of served answers as a stream of lines: from files by their patterns, or from what a command prints."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from evalgate.domain.rollout import RowSource
from evalgate.errors import ServiceError
from evalgate.services.command import read_lines, stream_lines

LONGEST: Final = (1 << 20) + 1
"""Bytes of a line that are read at most: one more than a row may have."""


def stream_rows(source: RowSource, folder: Path) -> Iterator[bytes]:
    """Yield the lines of all rows of a source. Relative paths are counted from a folder, where a command runs.

    Raises ServiceError for files that do not exist or cannot be read, and for a command that fails.
    """
    if source.command:
        yield from stream_lines(source.command, folder, seconds=source.timeout_seconds, longest=LONGEST)
        return
    for path in _find_files(source.files, folder):
        try:
            with path.open("rb") as file:
                yield from read_lines(file, LONGEST)
        except OSError as error:
            raise ServiceError(f"{path}: the rows cannot be read: {error.strerror or error}") from None


def _find_files(patterns: Sequence[str], folder: Path) -> list[Path]:
    """Return the files of all patterns, each once, in order. Raises ServiceError for a pattern without a file."""
    found: dict[Path, None] = {}
    for pattern in patterns:
        place = folder / pattern
        matches = [place] if place.is_file() else _glob(place)
        files = [one for one in matches if one.is_file()]
        if not files:
            raise ServiceError(
                f"{place}: there is no such file of rows", hint="check `rows` of release.rollout, or give --rows FILE"
            )
        found |= dict.fromkeys(one.resolve() for one in files)
    return list(found)


def _glob(place: Path) -> list[Path]:
    # `Path.glob` takes no absolute pattern
    return [Path(one) for one in sorted(glob.glob(str(place), recursive=True))]  # noqa: PTH207
