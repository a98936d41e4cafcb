"""Files of the index that a sparse checkout leaves out of the working tree."""

from __future__ import annotations

import os
from pathlib import Path

from evalgate.services.git_process import execute


def list_left_out(root: Path) -> set[str]:
    """Return the paths that the index marks as left out (`skip-worktree`); none if git cannot tell."""
    listed = os.fsdecode(execute(root, ["ls-files", "-t", "-z"]).stdout).split("\0")
    return {row[2:] for row in listed if row.startswith("S ")}
