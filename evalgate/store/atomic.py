"""Files that are written whole or not at all: a reader sees the old content or the new one, never a part."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path


def write_file(
    path: Path, content: str | bytes | Iterable[str | bytes], *, sync: bool = False, executable: bool = False
) -> None:
    """Write `content`, or its pieces in their order, and make the folders that lack; text is UTF-8, as it is.

    `sync` waits until the disk has it, for what must survive the death of the machine. `executable`: for all who may
    use it. Raises OSError, and what the pieces raise; then the old file is as it was, and nothing else is left.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # beside the file: only within one disk is it replaced in one step. The file's own name may leave no room for more
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
