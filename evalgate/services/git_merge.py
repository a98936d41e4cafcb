"""Merge three versions of a text as git merges a file; the repository is neither read nor written."""

from __future__ import annotations

import tempfile
from pathlib import Path

from evalgate.services.git_process import execute


def merge_texts(base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
    """Return the text with the edits of both sides; None if they conflict, or if one of them is not text."""
    with tempfile.TemporaryDirectory(prefix="evalgate-") as folder:
        names = {"ours": ours, "base": base, "theirs": theirs}
        for name, content in names.items():
            (Path(folder) / name).write_bytes(content)
        done = execute(Path(folder), ["merge-file", "--stdout", "--quiet", *names])
    return done.stdout if done.returncode == 0 else None
