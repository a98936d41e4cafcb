"""Commands of the user's own: what one prints as a stream of lines, and one that is told something. Never a shell."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from evalgate.errors import ServiceError

_SHOWN = 400
"""Bytes of the end of a command's errors that a message shows."""


def stream_lines(command: Sequence[str], folder: Path, *, seconds: float, longest: int) -> Iterator[bytes]:
    """Yield the lines that a command prints, each cut after `longest` bytes. The command runs in a folder.

    Raises ServiceError at the end, if the command fails or takes longer than some seconds. It is then ended with the
    processes that it started, and so it is if the caller stops early.
    """
    with tempfile.TemporaryFile() as errors:
        process = _start(command, folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)
        late = threading.Event()

        def stop() -> None:
            late.set()
            _end(process)

        timer = threading.Timer(seconds, stop)
        timer.daemon = True
        timer.start()
        try:
            assert process.stdout is not None
            yield from read_lines(process.stdout, longest)
            process.wait()
        finally:
            timer.cancel()
            _end(process)
            if process.stdout is not None:
                process.stdout.close()
        if late.is_set():
            raise ServiceError(f"{_show(command)} did not end within {seconds:g} seconds")
        if process.returncode:
            raise ServiceError(f"{_show(command)} exited with {process.returncode}{_read_end(errors)}")


def read_lines(file: IO[bytes], longest: int) -> Iterator[bytes]:
    """Yield the lines of a file, each cut after `longest` bytes, so that memory stays small whatever the file holds."""
    while line := file.readline(longest):
        yield line
        while not line.endswith(b"\n") and len(line) == longest:
            line = file.readline(longest)


def tell_command(command: Sequence[str], folder: Path, data: bytes, *, seconds: float) -> None:
    """Run a command in a folder with some bytes on its standard input. What it prints is dropped.

    Raises ServiceError if it fails, or takes longer than some seconds.
    """
    with tempfile.TemporaryFile() as errors:
        process = _start(command, folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors)
        try:
            with contextlib.suppress(BrokenPipeError):  # a command need not read what it is told
                process.communicate(data, timeout=seconds)
        except subprocess.TimeoutExpired:
            raise ServiceError(f"{_show(command)} did not end within {seconds:g} seconds") from None
        finally:
            _end(process)
        if process.returncode:
            raise ServiceError(f"{_show(command)} exited with {process.returncode}{_read_end(errors)}")


def _start(command: Sequence[str], folder: Path, **streams: Any) -> subprocess.Popen[bytes]:
    try:
        # a session of its own, so that a shell script ends with the processes that it started
        return subprocess.Popen(command, cwd=folder, start_new_session=os.name == "posix", **streams)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise ServiceError(f"{_show(command)} cannot be started: {reason}") from None


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with contextlib.suppress(OSError):
            if os.name == "posix":
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
    process.wait()


def _read_end(errors: IO[bytes]) -> str:
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(0, size - _SHOWN))
    text = " ".join(errors.read().decode("utf-8", "replace").split())
    return f": {text}" if text else ""


def _show(command: Sequence[str]) -> str:
    return f"the command `{shlex.join(command)}`"
