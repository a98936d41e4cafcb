"""Atomic writes: a reader sees the old content of a file or the new one, never a part."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path


def write_file(
    path: Path, content: str | bytes | Iterable[str | bytes], *, sync: bool = False, executable: bool = False
) -> None:
    """Write `content`, or its pieces in order, and create missing folders. Text is written as UTF-8, unchanged.

    `sync` waits until the content is on disk, so that it survives a crash of the machine. `executable` sets the execute
    bits for all users. Raise OSError, and any exception of the pieces; the old file is then unchanged, and no temporary
    file is left.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # in the same folder: a replace is atomic only within a file system. Without the file's name, which may be too long
    part = path.with_name(f".evalgate-{os.urandom(8).hex()}.part")
    try:
        with part.open("xb") as file:
            for piece in [content] if isinstance(content, (str, bytes)) else content:
                file.write(piece.encode() if isinstance(piece, str) else piece)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        if executable:
            part.chmod(part.stat().st_mode | 0o111)
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise
