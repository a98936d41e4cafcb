"""Standard output and error that may be closed at any time, or full: what is not read changes no exit code."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from typing import TextIO

from evalgate.errors import ServiceError

_GONE = {errno.EPIPE, errno.EBADF, errno.EIO, errno.ECONNRESET, getattr(errno, "ESHUTDOWN", errno.EPIPE)}


def prepare(*, tells: bool = True) -> None:
    """Makes the streams of this process ones that its parent may close, before or while they are written.

    A descriptor that is closed already is opened on nothing, or the next file would get its number, and what is
    printed would be written into it. To be called before any file is opened.

    Where standard output cannot be written for another reason, such as a full disk, that is a ServiceError, once, if it
    `tells`; else what is written is lost.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            # the lowest free number is the one that was just asked for
            os.open(os.devnull, os.O_RDONLY if descriptor == 0 else os.O_WRONLY)
    sys.stdout = _make_forgiving(sys.stdout, 1, tells=tells)
    sys.stderr = _make_forgiving(sys.stderr, 2)


class _Forgiving(io.FileIO):
    """A descriptor of which the reader may go away: what is written from then on goes nowhere."""

    def __init__(self, descriptor: int, *, tells: bool) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self._tells = tells

    def write(self, data: object) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError as error:
            with contextlib.suppress(OSError):
                nothing = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nothing, self.fileno())
                os.close(nothing)
            if error.errno not in _GONE and self._tells:
                raise ServiceError(f"standard output cannot be written: {error.strerror or error}") from None
            return memoryview(data).nbytes  # type: ignore[arg-type]


def _make_forgiving(stream: TextIO | None, descriptor: int, *, tells: bool = False) -> TextIO:
    if stream is not None and os.name == "nt" and stream.isatty():
        return stream  # a console of Windows is written in another way
    encoding = "utf-8" if stream is None else stream.encoding
    line_by_line = descriptor == 2 or os.isatty(descriptor)
    raw = io.BufferedWriter(_Forgiving(descriptor, tells=tells))
    return io.TextIOWrapper(raw, encoding=encoding, errors="backslashreplace", line_buffering=line_by_line)
