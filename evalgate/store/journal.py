"""The journal of one run: every answer is written at once, so that an interrupted run continues where it stopped."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO

from evalgate.domain import Outcome, Output
from evalgate.store.cache_entry import CacheEntry, dump, is_answer, load
from evalgate.store.locks import try_lock

_MAX_WRITERS = 100


class Journal:
    """An append-only JSONL file at `path` (`<folder>/journal/<run key>.jsonl`), written without a buffer.

    It survives a crash of the process, but perhaps not of the machine. Processes that run the same run at the same time
    write one file each (`<run key>.2.jsonl`, ...) and read all of them at their start. An incomplete last line is
    ignored. If the disk is full or read-only, the run continues and `warnings` gets one warning.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.warnings: list[str] = []
        self._answers: dict[str, Outcome] | None = None
        self._file: IO[bytes] | None = None
        self._writable = True

    def get(self, key: str) -> Outcome | None:
        """Return the answer from an interrupted run, marked `cached`; None if there is none."""
        if self._answers is None:
            self._answers = dict(self._read())
        return self._answers.get(key)

    def put(self, key: str, outcome: Outcome, about: str) -> None:
        """Append an output. A failure of either kind is not stored, so that the next run makes the request again."""
        if isinstance(outcome, Output):
            self.put_line(dump(CacheEntry(key=key, about=about, outcome=outcome)))

    def put_line(self, text: str) -> None:
        """Append an output that `cache_entry.dump` has encoded already."""
        if not self._writable:
            return
        try:
            if self._file is None:
                self._file = self._open()
            line = text.encode() + b"\n"
            if self._file.write(line) != len(line):  # stop here: the next line would continue this incomplete one
                raise OSError("no space left")
        except OSError as error:
            self._writable = False
            reason = error.strerror or str(error)
            self.warnings.append(
                f"the journal {self.path} cannot be written ({reason}); an interrupted run would start again"
            )

    def finish(self) -> None:
        """Remove the files of the complete run, except for one that another process is writing."""
        self.close()
        for path in self._list_files():
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

    def _list_files(self) -> list[Path]:
        return [path for path in (self._find_path(n) for n in range(1, _MAX_WRITERS)) if path.is_file()]

    def _find_path(self, number: int) -> Path:
        return self.path if number == 1 else self.path.with_suffix(f".{number}{self.path.suffix}")

    def _read(self) -> Iterator[tuple[str, Outcome]]:
        for path in self._list_files():
            try:
                lines = path.read_bytes().split(b"\n")
            except OSError:
                continue
            for line in lines:
                with contextlib.suppress(ValueError):  # an incomplete line: its call is made again
                    entry = load(line)
                    if is_answer(entry.outcome):
                        yield entry.key, replace(entry.outcome, cached=True)

    def _open(self) -> IO[bytes]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        for number in range(1, _MAX_WRITERS):
            # unbuffered: the operating system has the answer when `put` returns
            file = self._find_path(number).open("ab", buffering=0)
            if not try_lock(file):
                file.close()
                continue
            if _is_incomplete(self._find_path(number)):
                file.write(b"\n")
            return file
        raise OSError(f"{_MAX_WRITERS} processes are running the same run")


def _is_incomplete(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, 2) == 0:
            return False
        file.seek(-1, 2)
        return file.read(1) != b"\n"
