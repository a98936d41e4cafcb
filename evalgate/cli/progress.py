"""How far a run is, on stderr: a bar on a terminal, one line every 30 seconds elsewhere."""

from __future__ import annotations

import contextlib
import io
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TextIO

import click

if TYPE_CHECKING:
    from evalgate.execute.engine import ProgressEvent

_QUIET_SECONDS = 30.0
_FRAME_SECONDS = 0.1
_WIDTH = 24
_LONGEST_NOTE = 200


class Progress:
    """A context manager; `show` takes the engine's events. The bar is wiped when the run ends."""

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream or sys.stderr
        self._clock = clock
        self._live = self._stream.isatty()
        self._last = clock()
        self._drawn = 0

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._drawn:
            self._stream.write("\r" + " " * self._drawn + "\r")
            self._stream.flush()

    def note(self, sentence: str) -> None:
        """A line of its own, for what a run waits for; the bar is drawn anew below it."""
        from evalgate.report.escape import block

        if self._drawn:
            self._stream.write("\r" + " " * self._drawn + "\r")
            self._drawn = 0
        self._stream.write(f"evalgate: {block(sentence)}\n")
        self._stream.flush()

    def show(self, event: ProgressEvent) -> None:
        """Draws the state of the run, at most ten times a second on a terminal, else every 30 seconds."""
        now = self._clock()
        if now - self._last < (_FRAME_SECONDS if self._live else _QUIET_SECONDS):
            return
        self._last = now
        total = event.total or event.done
        text = event.describe()
        if self._live:
            filled = _WIDTH * event.done // max(1, total)
            text = f"[{'#' * filled}{'.' * (_WIDTH - filled)}] {text}"
            self._stream.write("\r" + text.ljust(self._drawn))
            self._drawn = max(self._drawn, len(text))
        else:
            self._stream.write(f"evalgate: {text}\n")
        self._stream.flush()


@contextlib.contextmanager
def keep_stdout(note: Callable[[str], None]) -> Iterator[None]:
    """Keeps stdout for the report: what others print there (Ray does, when a node dies) becomes a note."""
    with contextlib.redirect_stdout(_Notes(note)):
        yield


class _Notes(io.TextIOBase):
    """A stream of which the first line of each message is a note."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note

    def write(self, text: str) -> int:
        first = click.unstyle(text).strip().partition("\n")[0]
        if first:
            self._note(first if len(first) <= _LONGEST_NOTE else f"{first[:_LONGEST_NOTE]} ...")
        return len(text)
