"""The journal of one run: every answer at once on disk, so that an interrupted run continues where it stopped."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO

from evalgate.domain import Outcome, Output
from evalgate.store.cache_entry import CacheEntry, dump, is_answer, load
from evalgate.store.locks import try_lock

_MOST_WRITERS = 100


class Journal:
    """Append-only JSONL beside `path` (`<folder>/journal/<run key>.jsonl`), each line handed to the system at once.

    It survives the death of the process, though not that of the machine. Each process that runs the same run at the
    same time writes a file of its own (`<run key>.2.jsonl`, ...) and reads all of them at its start. A last line that
    was torn is left out. When the disk is full or read-only the run goes on, and `warnings` says so, once.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.warnings: list[str] = []
        self._answers: dict[str, Outcome] | None = None
        self._file: IO[bytes] | None = None
        self._writable = True

    def get(self, key: str) -> Outcome | None:
        """What an interrupted run was answered, marked `cached`."""
        if self._answers is None:
            self._answers = dict(self._read())
        return self._answers.get(key)

    def put(self, key: str, outcome: Outcome, about: str) -> None:
        """Appends an output. A failure of either kind is asked again by the next run."""
        if isinstance(outcome, Output):
            self.put_line(dump(CacheEntry(key=key, about=about, outcome=outcome)))

    def put_line(self, text: str) -> None:
        """Appends an output that `entries.dump` has written already."""
        if not self._writable:
            return
        try:
            if self._file is None:
                self._file = self._open()
            line = text.encode() + b"\n"
            if self._file.write(line) != len(line):  # the next line must not be glued to this torn one
                raise OSError("no space left")
        except OSError as error:
            self._writable = False
            reason = error.strerror or str(error)
            self.warnings.append(
                f"the journal {self.path} cannot be written ({reason}); an interrupted run would start anew"
            )

    def finish(self) -> None:
        """The run is complete: removes its files, but not one that another process is writing."""
        self.close()
        for path in self._files():
            with contextlib.suppress(OSError):
                with path.open("ab") as file:
                    free = try_lock(file)
                if free:
                    path.unlink()

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):
                file.close()

    def _files(self) -> list[Path]:
        return [path for path in (self._numbered(n) for n in range(1, _MOST_WRITERS)) if path.is_file()]

    def _numbered(self, number: int) -> Path:
        return self.path if number == 1 else self.path.with_suffix(f".{number}{self.path.suffix}")

    def _read(self) -> Iterator[tuple[str, Outcome]]:
        for path in self._files():
            try:
                lines = path.read_bytes().split(b"\n")
            except OSError:
                continue
            for line in lines:
                with contextlib.suppress(ValueError):  # a torn line: its call is made again
                    entry = load(line)
                    if is_answer(entry.outcome):
                        yield entry.key, replace(entry.outcome, cached=True)

    def _open(self) -> IO[bytes]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        for number in range(1, _MOST_WRITERS):
            # unbuffered: what was answered is with the system when `put` returns
            file = self._numbered(number).open("ab", buffering=0)
            if not try_lock(file):
                file.close()
                continue
            if _is_torn(self._numbered(number)):
                file.write(b"\n")
            return file
        raise OSError(f"{_MOST_WRITERS} processes are at the same run")


def _is_torn(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, 2) == 0:
            return False
        file.seek(-1, 2)
        return file.read(1) != b"\n"
