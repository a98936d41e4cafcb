"""Standard output and error that may be closed at any time: what is not read changes no exit code."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from typing import TextIO

_GONE = {errno.EPIPE, errno.EBADF, errno.EIO, errno.ECONNRESET, getattr(errno, "ESHUTDOWN", errno.EPIPE)}


def prepare() -> None:
    """Makes the streams of this process ones that its parent may close, before or while they are written.

    A descriptor that is closed already is opened on nothing, or the next file would get its number, and what is
    printed would be written into it. To be called before any file is opened.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            # the lowest free number is the one that was just asked for
            os.open(os.devnull, os.O_RDONLY if descriptor == 0 else os.O_WRONLY)
    sys.stdout = _make_forgiving(sys.stdout, 1)
    sys.stderr = _make_forgiving(sys.stderr, 2)


class _Forgiving(io.FileIO):
    """A descriptor of which the reader may go away: what is written from then on goes nowhere."""

    def write(self, data: object) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError as error:
            if error.errno not in _GONE:
                raise
            with contextlib.suppress(OSError):
                nothing = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nothing, self.fileno())
                os.close(nothing)
            return memoryview(data).nbytes  # type: ignore[arg-type]


def _make_forgiving(stream: TextIO | None, descriptor: int) -> TextIO:
    if stream is not None and os.name == "nt" and stream.isatty():
        return stream  # a console of Windows is written in another way
    encoding = "utf-8" if stream is None else stream.encoding
    line_by_line = descriptor == 2 or os.isatty(descriptor)
    raw = _Forgiving(descriptor, "wb", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=encoding, errors="backslashreplace", line_buffering=line_by_line
    )
