"""Standard output and error that may be closed or full at any time: a missing reader does not change the exit code."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from typing import TextIO

from evalgate.errors import ServiceError

_CLOSED_ERRORS = {errno.EPIPE, errno.EBADF, errno.EIO, errno.ECONNRESET, getattr(errno, "ESHUTDOWN", errno.EPIPE)}


def prepare(*, tells: bool = True) -> None:
    """Replace the streams of this process with ones that tolerate that the reader closes them, before or during writes.

    A closed descriptor is opened on the null device: otherwise the next file would get its number, and printed text
    would go into that file. Call this before any file is opened.

    If standard output cannot be written for another reason, such as a full disk, raise ServiceError once if `tells`
    is True; otherwise the text is lost.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            # `os.open` takes the lowest free number, which is this one
            os.open(os.devnull, os.O_RDONLY if descriptor == 0 else os.O_WRONLY)
    sys.stdout = _make_tolerant(sys.stdout, 1, tells=tells)
    sys.stderr = _make_tolerant(sys.stderr, 2)


class _TolerantFile(io.FileIO):
    """A descriptor whose reader may close it: from then on, writes go to the null device."""

    def __init__(self, descriptor: int, *, tells: bool) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self._raises = tells

    def write(self, data: object) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError as error:
            with contextlib.suppress(OSError):
                null_device = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null_device, self.fileno())
                os.close(null_device)
            if error.errno not in _CLOSED_ERRORS and self._raises:
                raise ServiceError(f"standard output cannot be written: {error.strerror or error}") from None
            return memoryview(data).nbytes  # type: ignore[arg-type]


def _make_tolerant(stream: TextIO | None, descriptor: int, *, tells: bool = False) -> TextIO:
    if stream is not None and os.name == "nt" and stream.isatty():
        return stream  # Python writes to a Windows console by other means
    encoding = "utf-8" if stream is None else stream.encoding
    line_by_line = descriptor == 2 or os.isatty(descriptor)
    raw = io.BufferedWriter(_TolerantFile(descriptor, tells=tells))
    return io.TextIOWrapper(raw, encoding=encoding, errors="backslashreplace", line_buffering=line_by_line)
