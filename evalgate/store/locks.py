"""An advisory lock on an open file: held by one process at a time, freed by the system when that process ends."""

from __future__ import annotations

import os
import sys
from typing import IO

_FAR_AWAY = 0x7FFF_FFFF  # on Windows a locked byte cannot be read, so one that no file reaches is locked


def try_lock(file: IO[bytes]) -> bool:
    """True when this process now holds the lock, which lasts until the file is closed; False when another has it.

    Where the file system knows no locks, True: one process at a time is by far the usual case.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(file.fileno(), _FAR_AWAY, os.SEEK_SET)
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
