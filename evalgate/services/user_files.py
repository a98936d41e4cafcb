"""Files that a user names on the command line, and the folders of such paths: any path, of any kind of file."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import BinaryIO

from evalgate.errors import InputError, Place

LARGEST = 256 * 1024 * 1024
"""Bytes of a file at most."""

_STREAMS = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")


def resolve_path(path: Path) -> Path:
    """Return the absolute path without links. Raises InputError for a link that leads to itself."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links is a RuntimeError before Python 3.13
        raise InputError(f"cannot be found: {_tell(error)}", place=Place(path=str(path))) from None


def read_user_file(path: Path) -> bytes:
    """Return the content of a file, as `open_user_file` opens it. Raises InputError, also for one that is missing."""
    try:
        opened = open_user_file(path)
    except FileNotFoundError as error:
        raise _refuse(path, "no such file") from error
    with opened as file:
        try:
            data = file.read(LARGEST + 1)
        except OSError as error:
            raise _refuse(path, f"cannot be read: {_tell(error)}") from None
    _refuse_large(path, len(data))
    return data


def open_user_file(path: Path) -> BinaryIO:
    """Open a regular file of at most LARGEST bytes, or a stream that the shell hands over: `/dev/stdin`, `<(COMMAND)`.

    A stream is read to its end first. Raises InputError, also for a pipe with a name, which may never have a writer,
    and for a device. A file that does not exist is a FileNotFoundError.
    """
    try:
        # a pipe without a writer would be waited for
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise _refuse(path, f"cannot be read: {_tell(error)}") from None
    file = os.fdopen(descriptor, "rb") if not stat.S_ISDIR(os.fstat(descriptor).st_mode) else None
    if file is None:
        os.close(descriptor)
        raise _refuse(path, "is a folder, not a file")
    try:
        return _check(path, file)
    except BaseException:
        file.close()
        raise


def _check(path: Path, file: BinaryIO) -> BinaryIO:
    status = os.fstat(file.fileno())
    if stat.S_ISREG(status.st_mode):
        _refuse_large(path, status.st_size)
        return file
    is_empty = stat.S_ISCHR(status.st_mode) and os.path.samestat(status, os.stat(os.devnull))  # noqa: PTH116
    is_stream = stat.S_ISFIFO(status.st_mode) or stat.S_ISSOCK(status.st_mode) or os.isatty(file.fileno())
    if is_empty or (is_stream and str(path).startswith(_STREAMS)):
        os.set_blocking(file.fileno(), True)
        data = file.read(LARGEST + 1)
        file.close()
        _refuse_large(path, len(data))
        return io.BytesIO(data)
    raise _refuse(path, "is not a regular file")


def _refuse_large(path: Path, size: int) -> None:
    if size > LARGEST:
        raise _refuse(path, f"has {size:,} bytes or more; at most {LARGEST:,} are read")


def _refuse(path: Path, why: str) -> InputError:
    return InputError(why, place=Place(path=str(path)))


def _tell(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
