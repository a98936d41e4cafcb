"""Escaping for standard output and error: printed text cannot control the terminal or the GitHub Actions runner.

Each output format escapes foreign text with its own function. These streams escape all other text, and remove the
secrets of a run while it lasts.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TextIO, cast

from evalgate.errors import EvalgateError
from evalgate.report import escape

_NAMES = ("stdout", "stderr", "__stdout__", "__stderr__")


@contextlib.contextmanager
def escape_streams(environment: Mapping[str, str]) -> Iterator[None]:
    """Escape both streams within the block; in a step of GitHub Actions, escape workflow commands as well."""
    streams = {name: getattr(sys, name) for name in _NAMES}
    guards = {name: _EscapedStream(streams[name], in_step=is_in_step(environment)) for name in ("stdout", "stderr")}
    for name in _NAMES:  # the original streams too: a library may write to them
        setattr(sys, name, cast(TextIO, guards[name.strip("_")]))
    try:
        yield
    finally:
        for name, stream in streams.items():
            setattr(sys, name, stream)
        for guard in guards.values():
            with contextlib.suppress(
                OSError, ValueError, EvalgateError
            ):  # the reader has closed the stream, or the error was reported before
                guard.end()


def is_in_step(environment: Mapping[str, str]) -> bool:
    """Return True in a step of GitHub Actions, whose runner reads the output for commands."""
    return environment.get("GITHUB_ACTIONS", "").strip().lower() not in ("", "0", "false")


def _mask(text: str) -> tuple[str, int]:
    """Return the text without the secrets of the masks in force, and how many characters at its end may begin one."""
    # a mask is in force only where the module is loaded; loading it takes half of the time of `--help`
    masking = sys.modules.get("evalgate.domain.masking")
    if masking is None:
        return text, 0
    masked: str = masking.mask_text(text)
    return masked, masking.count_open(masked)


class _EscapedStream:
    """A text stream that escapes the text that is written to it.

    In a step of GitHub Actions, text is buffered up to the end of its line: only a whole line shows if it is a command.
    Text that may be the beginning of a secret is buffered until the next write, flushed or not, because a streamed
    answer arrives piece by piece.
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
        whole, open_end = _mask(self._waiting + text)
        ready = len(whole) - open_end
        self._hand_on(whole, whole.rfind("\n", 0, ready) + 1 if self._in_step else ready)
        return len(text)

    def writelines(self, texts: Iterable[str]) -> None:
        for text in texts:
            self.write(text)

    def flush(self) -> None:
        self._hand_on(self._waiting, len(self._waiting) - _mask(self._waiting)[1])
        self._stream.flush()

    def end(self) -> None:
        """Write what is held back, because no more text follows."""
        self._hand_on(self._waiting, len(self._waiting))
        self._stream.flush()

    def _hand_on(self, text: str, ready: int) -> None:
        self._waiting = text[ready:]
        if ready:
            self._stream.write(self._escape(text[:ready]))

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":  # bytes would not be escaped
            raise AttributeError(name)
        return getattr(self._stream, name)
