"""Trees of files: the working tree, or a commit. All inputs are read through a Tree."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Protocol

from evalgate.errors import EvalgateError, InputError, Place
from evalgate.inputs.formats.nodes import refuse
from evalgate.services import git_lfs, git_trees
from evalgate.services.git_objects import NothingThereError

MAX_FILE_BYTES = 256 * 1024 * 1024
_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages", "venv"})


class NoSuchFileError(InputError, NothingThereError):
    """A tree has nothing at a path."""


class Tree(Protocol):
    """Files by POSIX path, relative to the tree's root. The working tree accepts absolute paths as well.

    `read` raises InputError for a file that is missing, unreadable, too large, not regular, outside of the root, or a
    symbolic link (its target is not part of a commit). If there is nothing at all, it is a NothingThereError as well.
    """

    @property
    def root(self) -> str: ...

    def read(self, path: str) -> bytes: ...

    def exists(self, path: str) -> bool: ...

    def list_files(self, folder: str) -> Iterator[str]:
        """Yield the paths of the regular files below a folder; "" is the root.

        Left out are symbolic links, submodules, and folders that are hidden or hold other people's code.
        """
        ...

    def describe(self, path: str) -> str:
        """Return the source of a file: "working tree", or "a1b2c3d:path"."""
        ...


class CommitReader(Protocol):
    """The git operations that a commit tree needs. Paths are relative to the root of the repository."""

    def read(self, commit: str, path: str) -> bytes: ...

    def exists(self, commit: str, path: str) -> bool: ...

    def read_tree(self, name: str) -> Mapping[str, git_trees.TreeEntry]: ...


class WorkTree:
    """The files on disk under `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def root(self) -> str:
        return str(self._root)

    def read(self, path: str) -> bytes:
        try:
            file = self._file(path)
            status = file.lstat()
            if stat.S_ISDIR(status.st_mode):
                raise refuse("is a folder, not a file", path)
            if not stat.S_ISREG(status.st_mode):
                raise refuse("is not a regular file", path)
            _refuse_large(status.st_size, path)
            data = file.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise NoSuchFileError("no such file", place=Place(path=path)) from None
        except OSError as error:
            raise refuse(f"cannot be read: {error.strerror or error}", path) from None
        return self._resolve_pointer(file, data, path) if git_lfs.is_pointer(data) else data

    def _resolve_pointer(self, file: Path, data: bytes, path: str) -> bytes:
        """Return the content of a file that a checkout without Git LFS left as a pointer."""
        content = git_lfs.read_content(file.parent, data, file.name)
        if content is None:
            hint = f"git lfs pull --include {path}; in a workflow: actions/checkout with `lfs: true`"
            raise refuse(git_lfs.ABSENT, path, hint=hint)
        return content

    def exists(self, path: str) -> bool:
        """Return whether there is a file to read; False for symbolic links and paths outside of the root."""
        try:
            return self._file(path).is_file()
        except (InputError, OSError):
            return False

    def list_files(self, folder: str) -> Iterator[str]:
        start = self._root
        for part in folder.split("/") if folder else ():
            start /= part
            if start.is_symlink():
                return
        for place, folders, files in os.walk(start):
            here = Path(place)
            folders[:] = sorted(f for f in folders if not is_skipped(f) and not (here / f / ".git").exists())
            prefix = here.relative_to(self._root).as_posix()
            for name in sorted(files):
                if stat.S_ISREG((here / name).lstat().st_mode):
                    yield name if prefix == "." else f"{prefix}/{name}"

    def describe(self, path: str) -> str:
        return "working tree"

    def _file(self, path: str) -> Path:
        """Return the file of a path. Raises InputError if it, or any folder below the root, is a symbolic link."""
        if is_absolute(path):
            file = Path(path)
            steps = [file]
        else:
            inner = PurePosixPath(inside(path))
            file = self._root / inner
            steps = [self._root / part for part in reversed([inner, *inner.parents]) if part.parts]
        if "\0" in path:
            raise refuse("a path cannot contain a NUL character", path.replace("\0", "\\0"))
        for step in steps:
            if step.is_symlink():
                raise refuse("is, or is reached through, a symbolic link", path, hint="replace the link by the file")
        return file


class CommitTree:
    """The files of one commit. `prefix` is the tree's root inside the repository ("" for the repository's root)."""

    def __init__(self, git: CommitReader, commit: str, prefix: str = "") -> None:
        self._git = git
        self._commit = commit
        self._prefix = prefix

    @property
    def root(self) -> str:
        return f"{self._commit[:7]}:{self._prefix}" if self._prefix else self._commit[:7]

    def read(self, path: str) -> bytes:
        data = self._git.read(self._commit, self._inside(path))
        _refuse_large(len(data), path)
        return data

    def exists(self, path: str) -> bool:
        try:
            return self._git.exists(self._commit, self._inside(path))
        except EvalgateError:
            return False

    def list_files(self, folder: str) -> Iterator[str]:
        whole = posixpath.join(self._prefix, folder) if folder else self._prefix
        for path in git_trees.list_files(self._git.read_tree, f"{self._commit}^{{tree}}", whole, is_skipped):
            yield posixpath.relpath(path, self._prefix) if self._prefix else path

    def describe(self, path: str) -> str:
        return f"{self._commit[:7]}:{self._inside(path)}"

    def _inside(self, path: str) -> str:
        if is_absolute(path):
            raise refuse("an absolute path is not part of a commit", path, hint="give it relative to the repository")
        return posixpath.join(self._prefix, inside(path))


def is_skipped(folder: str) -> bool:
    """Return whether a folder of this name is left out of lists of files."""
    return folder.startswith(".") or folder in _SKIPPED


def is_absolute(path: str) -> bool:
    """Return whether a path is absolute on this or another operating system."""
    return path.startswith("/") or PureWindowsPath(path).is_absolute()


def inside(path: str) -> str:
    """Return a relative path, normalised. Raises InputError if it is empty or outside of the tree."""
    normal = posixpath.normpath(path) if path else ""
    if normal in ("", ".") or normal == ".." or normal.startswith("../"):
        raise refuse("is outside of the project's folder" if normal.startswith("..") else "names no file", path)
    return normal


def join(folder: str, path: str) -> str:
    """Resolve a path that is written in a file of `folder`: normalised, relative to the tree's root or absolute."""
    return posixpath.normpath(posixpath.join(folder, path))


def _refuse_large(size: int, path: str) -> None:
    if size > MAX_FILE_BYTES:
        raise refuse(f"has {size:,} bytes; at most {MAX_FILE_BYTES:,} are read", path)
