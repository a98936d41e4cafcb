"""Attributes of files at a commit by which a checkout or an archive has another text of a file than the commit."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence

from evalgate.errors import GitError
from evalgate.services.git import Git
from evalgate.services.git_process import environment, execute

NAMES = ("filter", "working-tree-encoding", "ident", "export-subst")
"""A driver such as `lfs`, an encoding other than UTF-8, and the expansion of `$Id$`, or of `$Format:%s$` in an archive.

Ends of lines do not count.
"""


def read_attributes(git: Git, commit: str, paths: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
    """Return the attributes NAMES of paths, as the files `.gitattributes` of a commit give them.

    They are read by an index of their own, which old versions of git can do as well. Raises GitError.
    """
    with tempfile.TemporaryDirectory(prefix="evalgate-attributes-") as scratch:
        around = {**environment(), "GIT_INDEX_FILE": os.path.join(scratch, "index")}  # noqa: PTH118
        read = execute(git.root, ["read-tree", f"{git.resolve(commit)}^{{tree}}"], surroundings=around)
        asked = b"".join(os.fsencode(path) + b"\0" for path in paths)
        told = execute(git.root, ["check-attr", "--cached", "-z", "--stdin", *NAMES], asked, surroundings=around)
    if read.returncode or told.returncode:
        said = (read.stderr + told.stderr).decode("utf-8", "replace").strip()[:200]
        raise GitError(f"the attributes of files at {commit[:7]} cannot be read: {said}")
    fields = os.fsdecode(told.stdout).split("\0")
    found: dict[str, dict[str, str]] = {path: {} for path in paths}
    for path, name, value in zip(fields[::3], fields[1::3], fields[2::3], strict=False):
        found[path][name] = value
    return found
