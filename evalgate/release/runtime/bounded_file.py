"""Files that the runtime reads whole: regular ones, up to a size."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from evalgate.release.checked_value import LARGEST


def read_bounded(path: Path, most: int = LARGEST) -> bytes:
    """Return the bytes of a regular file, at most `most` and one more.

    Raises OSError, also for a pipe, which may never have a writer, and for a device; ValueError for no path at all.
    """
    # a pipe without a writer would be waited for
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        file = os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise
    with file:
        return file.read(most + 1)
