"""The streams of the process, guarded: nothing that a verb prints steers the terminal, or the runner that reads it.

Each channel's own function escapes what is not ours; this guard escapes what reached none of them, and takes out the
secrets of a run while it lasts.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TextIO, cast

from evalgate.domain.masking import masked
from evalgate.errors import EvalgateError
from evalgate.report import escape


@contextlib.contextmanager
def escape_streams(environment: Mapping[str, str]) -> Iterator[None]:
    """Guards both streams; in a step of GitHub Actions no line of theirs is a command."""
    streams = (sys.stdout, sys.stderr)
    guards = [_EscapedStream(stream, in_step=is_in_step(environment)) for stream in streams]
    sys.stdout, sys.stderr = (cast(TextIO, guard) for guard in guards)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams
        for guard in guards:
            with contextlib.suppress(OSError, ValueError, EvalgateError):  # the reader went away, or it was told before
                guard.flush()


def is_in_step(environment: Mapping[str, str]) -> bool:
    """Whether this is a step of GitHub Actions, whose runner reads what is printed."""
    return environment.get("GITHUB_ACTIONS", "").strip().lower() not in ("", "0", "false")


class _EscapedStream:
    """A text stream that escapes what is written to it.

    In a step, text waits for the end of its line: whether it is a command shows there alone.
    """

    def __init__(self, stream: TextIO, *, in_step: bool) -> None:
        self._stream = stream
        self._waiting = ""
        self._escape: Callable[[str], str] = escape.escape_cells
        self._in_step = in_step
        if in_step:
            from evalgate.report.workflow import escape_step

            self._escape = lambda text: escape_step(escape.escape_cells(text))

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"text is written here, not {type(text).__name__}")
        size, text = len(text), masked(text)
        if not self._in_step:
            self._stream.write(self._escape(text))
            return size
        lines, end, self._waiting = (self._waiting + text).rpartition("\n")
        if end:
            self._stream.write(self._escape(lines + end))
        return size

    def writelines(self, texts: Iterable[str]) -> None:
        for text in texts:
            self.write(text)

    def flush(self) -> None:
        waiting, self._waiting = self._waiting, ""
        if waiting:
            self._stream.write(self._escape(waiting))
        self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":  # bytes would go past the guard
            raise AttributeError(name)
        return getattr(self._stream, name)
