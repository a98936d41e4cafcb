"""The progress of a run on stderr: a bar on a terminal, one line every 30 seconds elsewhere."""

from __future__ import annotations

import contextlib
import io
import os
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
    """A context manager that shows progress, and removes its bar at the end.

    `show` takes the engine's events, `update` any other count.
    """

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream or sys.stderr
        self._clock = clock
        # a dumb terminal cannot redraw a line
        self._live = self._stream.isatty() and os.environ.get("TERM", "").lower() not in ("dumb", "unknown")
        self._last = clock()
        self._bar: _Bar | None = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._wipe()

    def note(self, sentence: str) -> None:
        """Write a separate line, such as the reason for a wait; the bar is redrawn below it."""
        self._wipe()
        self._write(sentence)

    def show(self, event: ProgressEvent) -> None:
        """Draw the state of the run."""
        self.update(event.done, event.total or event.done, event.describe())

    def update(self, done: int, total: int | None, text: str) -> None:
        """Draw a count, at most ten times per second on a terminal, else every 30 seconds; `total` None is unknown."""
        now = self._clock()
        if now - self._last < (_FRAME_SECONDS if self._live else _QUIET_SECONDS):
            return
        self._last = now
        if not self._live:
            self._write(text)
            return
        self._bar = self._bar or _Bar(self._stream)
        self._bar.draw(done, total, text)

    def _wipe(self) -> None:
        if self._bar is not None:
            self._bar.wipe()

    def _write(self, sentence: str) -> None:
        from evalgate.report.escape import block

        self._stream.write(f"evalgate: {block(sentence)}\n")
        self._stream.flush()


class _Bar:
    """A bar with a text, both in one line of a terminal.

    Rich's live display is not used: it draws from a thread, and moves the cursor up, which `escaped_streams` does not
    let through.
    """

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as RichProgress
        from rich.table import Column

        self._console = Console(file=stream, force_terminal=True, highlight=False)
        text = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis"))
        self._progress = RichProgress(BarColumn(_WIDTH), text, console=self._console, auto_refresh=False)
        self._task = self._progress.add_task("", total=None)

    def draw(self, done: int, total: int | None, text: str) -> None:
        from rich.segment import Segments

        from evalgate.report.escape import line

        self._progress.update(self._task, total=total, completed=done, description=line(text))
        first, *_ = self._console.render_lines(self._progress.get_renderable(), pad=False)
        with self._console:  # one write for both, so that the line does not flicker
            self.wipe()
            self._console.print(Segments(first), end="")

    def wipe(self) -> None:
        from rich.control import Control
        from rich.segment import ControlType

        self._console.control(Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2)))


@contextlib.contextmanager
def keep_stdout(note: Callable[[str], None]) -> Iterator[None]:
    """Reserve stdout for the report: what libraries print there (as Ray does when a node dies) becomes a note."""
    with contextlib.redirect_stdout(_Notes(note)):
        yield


class _Notes(io.TextIOBase):
    """A text stream that passes the first line of each message to `note`."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note

    def write(self, text: str) -> int:
        first = click.unstyle(text).strip().partition("\n")[0]
        if first:
            self._note(first if len(first) <= _LONGEST_NOTE else f"{first[:_LONGEST_NOTE]} ...")
        return len(text)
