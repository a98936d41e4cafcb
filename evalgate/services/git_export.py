"""Export the files of a commit to a folder, and compute a digest of its code, without a checkout."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from evalgate.errors import GitError
from evalgate.services.git import Git
from evalgate.services.git_process import execute, first_line
from evalgate.services.git_trees import LINK, SUBMODULE

_CODE = ".py"
_EXECUTABLE = 0o111


def export_commit(git: Git, commit: str, folder: Path) -> None:
    """Write the files of a commit below a folder, with their contents as git stores them: no filter is run.

    Files of Git LFS stay pointers. Submodules are left out, and so are links that lead out of the folder. Raises
    GitError if the repository lacks a file.
    """
    top = folder.resolve()
    links: list[tuple[Path, str]] = []
    for path, mode, oid in _list_files(git, commit):
        place = top.joinpath(*PurePosixPath(path).parts)
        if mode == SUBMODULE or not _is_plain(path):
            continue
        content = git.blobs([oid])[oid]
        if mode == LINK:
            links.append((place, os.fsdecode(content)))
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        if mode & _EXECUTABLE:
            place.chmod(0o755)
    for place, target in links:
        if Path(os.path.normpath(place.parent / target)).is_relative_to(top):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(target)


def digest_code(git: Git, commit: str) -> str:
    """Return a digest of the names and contents of all Python files of a commit."""
    files = sorted((path, oid) for path, _, oid in _list_files(git, commit) if path.endswith(_CODE))
    lines = "".join(f"{oid} {path}\0" for path, oid in files)
    return hashlib.sha256(lines.encode("utf-8", "surrogatepass")).hexdigest()


def _list_files(git: Git, commit: str) -> Iterator[tuple[str, int, str]]:
    done = execute(git.root, ["ls-tree", "-r", "-z", "--full-tree", commit])
    if done.returncode:
        raise GitError(f"git ls-tree failed: {first_line(done.stderr.decode('utf-8', 'replace'))}")
    for row in done.stdout.split(b"\0")[:-1]:
        head, _, path = row.partition(b"\t")
        mode, _, oid = head.split()
        yield os.fsdecode(path), int(mode, 8), oid.decode()


def _is_plain(path: str) -> bool:
    """Return False for a path that would leave the folder, or reach git's own."""
    parts = PurePosixPath(path).parts
    return not path.startswith("/") and ".." not in parts and ".git" not in {part.lower() for part in parts}
