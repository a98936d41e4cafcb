"""Texts that a run may need again, though not at hand: appended to a file of its own, and read back by their place."""

from __future__ import annotations

import tempfile
import weakref
from pathlib import Path
from typing import IO, ClassVar

from evalgate.errors import ServiceError

_HEAD = 4
_LIKELY = 4096


class ResultsFile:
    """An append-only file without a name in `folder` (None: the system's), which is gone when its process is.

    Texts wait in memory until there are `CHUNK` bytes of them, so that a short run writes nothing. Where the file
    cannot be written (a full disk, a read-only folder), they stay in memory from then on, and `warnings` says so, once.
    No other process sees it: two runs at once have a file each. It is no record: what an interrupted run needs is in
    its journal.
    """

    CHUNK: ClassVar[int] = 1 << 20

    def __init__(self, folder: Path | None = None) -> None:
        self.warnings: list[str] = []
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._written = 0
        self._tail = bytearray()  # what follows the first `_written` bytes, which the file holds
        self._writable = True

    def put(self, text: str) -> int:
        """Keeps a text, and gives its place."""
        place = self._written + len(self._tail)
        content = text.encode()
        self._tail += len(content).to_bytes(_HEAD, "big")
        self._tail += content
        if len(self._tail) >= self.CHUNK and self._writable:
            self._write()
        return place

    def get(self, place: int) -> str:
        """The text that was put there. Raises ServiceError when the file does not give it back."""
        if place >= self._written:
            start = place - self._written + _HEAD
            length = int.from_bytes(self._tail[start - _HEAD : start], "big")
            return self._tail[start : start + length].decode()
        try:
            return self._read(place)
        except (OSError, ValueError) as error:
            raise ServiceError(f"a result of this run cannot be read back from its file: {error}") from error

    def _read(self, place: int) -> str:
        assert self._file is not None
        self._file.seek(place)
        found = self._file.read(_LIKELY)
        end = _HEAD + int.from_bytes(found[:_HEAD], "big")
        while len(found) < end:
            more = self._file.read(end - len(found))
            if not more:
                raise OSError("it is shorter than what was written")
            found += more
        return found[_HEAD:end].decode()

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
            self._writable = False  # what is only half in the file is whole in memory
            where = self._folder or tempfile.gettempdir()
            reason = error.strerror or str(error)
            self.warnings.append(f"nothing can be written to {where} ({reason}); this run's results stay in memory")
            return
        self._written += done
        self._tail.clear()
