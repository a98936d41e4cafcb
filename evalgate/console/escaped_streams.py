"""Escaping for standard output and error: printed text cannot control the terminal or the GitHub Actions runner.

Each output format escapes foreign text with its own function. These streams escape all other text, and remove the
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
    """Escape both streams within the block; in a step of GitHub Actions, escape workflow commands as well."""
    streams = (sys.stdout, sys.stderr)
    escaped = [_EscapedStream(stream, in_step=is_in_step(environment)) for stream in streams]
    sys.stdout, sys.stderr = (cast(TextIO, each) for each in escaped)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams
        for each in escaped:
            # the reader has closed the stream, or the error was reported before
            with contextlib.suppress(OSError, ValueError, EvalgateError):
                each.flush()


def is_in_step(environment: Mapping[str, str]) -> bool:
    """Return True in a step of GitHub Actions, whose runner reads the output for commands."""
    return environment.get("GITHUB_ACTIONS", "").strip().lower() not in ("", "0", "false")


class _EscapedStream:
    """A text stream that escapes the text that is written to it.

    In a step of GitHub Actions, text is buffered up to the end of its line: only a whole line shows if it is a command.
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
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
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
        if name == "buffer":  # bytes would not be escaped
            raise AttributeError(name)
        return getattr(self._stream, name)
