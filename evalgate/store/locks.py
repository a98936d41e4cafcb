"""An advisory lock on an open file: one process at a time holds it, and the system frees it when the process ends."""

from __future__ import annotations

import os
import sys
from typing import IO

_LOCKED_OFFSET = 0x7FFF_FFFF  # on Windows a locked byte cannot be read: lock one beyond the end of any file


def try_lock(file: IO[bytes]) -> bool:
    """Try to lock the file; return True if this process holds the lock now, False if another process holds it.

    The lock lasts until the file is closed. Return True as well if the file system has no locks, since one process at
    a time is the usual case.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(file.fileno(), _LOCKED_OFFSET, os.SEEK_SET)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            os.lseek(file.fileno(), 0, os.SEEK_END)
        else:
            import fcntl

            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True
    return True
