"""A temporary file for texts that a run may read again: they are appended, and read back by their offset."""

from __future__ import annotations

import tempfile
import weakref
from pathlib import Path
from typing import IO, ClassVar

from evalgate.errors import ServiceError

_LENGTH_BYTES = 4
_READ_BYTES = 4096


class ResultsFile:
    """An append-only file without a name in `folder` (None: the system's); it disappears when the process ends.

    Texts stay in memory until there are `CHUNK` bytes of them, so that a short run writes nothing. If the file cannot
    be written (a full disk, a read-only folder), they stay in memory from then on, and `warnings` gets one warning.
    Other processes do not see the file: each run has its own. It does not survive an interruption; the journal does.
    """

    CHUNK: ClassVar[int] = 1 << 20

    def __init__(self, folder: Path | None = None) -> None:
        self.warnings: list[str] = []
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._written = 0
        self._tail = bytearray()  # the content after the first `_written` bytes, which are in the file
        self._writable = True

    def put(self, text: str) -> int:
        """Append a text, and return its offset."""
        place = self._written + len(self._tail)
        content = text.encode()
        self._tail += len(content).to_bytes(_LENGTH_BYTES, "big")
        self._tail += content
        if len(self._tail) >= self.CHUNK and self._writable:
            self._write()
        return place

    def get(self, place: int) -> str:
        """Return the text at this offset. Raise ServiceError when the file cannot be read."""
        if place >= self._written:
            start = place - self._written + _LENGTH_BYTES
            length = int.from_bytes(self._tail[start - _LENGTH_BYTES : start], "big")
            return self._tail[start : start + length].decode()
        try:
            return self._read(place)
        except (OSError, ValueError) as error:
            raise ServiceError(f"a result of this run cannot be read back from its file: {error}") from error

    def _read(self, place: int) -> str:
        assert self._file is not None
        self._file.seek(place)
        found = self._file.read(_READ_BYTES)
        end = _LENGTH_BYTES + int.from_bytes(found[:_LENGTH_BYTES], "big")
        while len(found) < end:
            more = self._file.read(end - len(found))
            if not more:
                raise OSError("it is shorter than the data that was written")
            found += more
        return found[_LENGTH_BYTES:end].decode()

    def _write(self) -> None:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115 - closed below
                weakref.finalize(self, self._file.close)
            self._file.seek(self._written)
            done = 0
            while done < len(self._tail):
                wrote = self._file.write(self._tail[done:])
                if not wrote:
                    raise OSError("no space left")
                done += wrote
        except OSError as error:
            self._writable = False  # memory still holds all of a partial write
            where = self._folder or tempfile.gettempdir()
            reason = error.strerror or str(error)
            self.warnings.append(f"nothing can be written to {where} ({reason}); this run's results stay in memory")
            return
        self._written += done
        self._tail.clear()
