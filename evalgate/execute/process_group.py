"""The group of a child process, so that the processes that its code started end with it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess

OWN_GROUP = os.name == "posix"
"""The value of `start_new_session` of a child that leads a group."""


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a child that was started with `OWN_GROUP`, and the processes of its group, at once, and wait for it."""
    if process.poll() is None:
        with contextlib.suppress(OSError):
            if OWN_GROUP:
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
    process.wait()
