"""Write several new files, or none of them: no file is overwritten, and nothing is left of a failed attempt."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from evalgate.errors import InputError, Place
from evalgate.store.atomic import write_file


def find_obstacle(root: Path, path: str) -> str | None:
    """Return what is in the way of a file below `root`: a link, or a file where a folder has to be. None if nothing is.

    A file at the path itself is not an obstacle.
    """
    place = root
    for part in path.split("/")[:-1]:
        place /= part
        if place.is_symlink():
            return f"{place.relative_to(root).as_posix()} is a symbolic link"
        if place.exists() and not place.is_dir():
            return f"{place.relative_to(root).as_posix()} is not a folder"
    return None


def write_new_files(root: Path, files: Mapping[str, bytes], *, replaced: Mapping[str, bytes]) -> None:
    """Write files by their paths below `root`, in order, and create missing folders.

    `replaced` are files that exist and get a new content; they are written first, and keep their permissions. If
    anything fails, what was written is removed, and replaced files get their old content back. Raises InputError for a
    file that exists or cannot be written.
    """
    made: list[Path] = []
    old: dict[Path, bytes] = {}
    try:
        for path, content in replaced.items():
            old[root / path] = (root / path).read_bytes()
            mode = (root / path).stat().st_mode
            write_file(root / path, content)
            (root / path).chmod(mode)
        for path, content in files.items():
            for folder in _list_missing_folders(root / path, root):
                made.append(folder)
                folder.mkdir()
            if os.path.lexists(root / path):
                raise FileExistsError("it exists already")
            made.append(root / path)
            write_file(root / path, content)
    except BaseException as error:
        _undo(made, old)
        if isinstance(error, OSError):
            why = error.strerror or str(error)
            message = f"cannot be written: {why}; nothing was written"
            raise InputError(message, place=Place(path=path)) from None
        raise


def _list_missing_folders(file: Path, root: Path) -> list[Path]:
    """Return the folders of a file that do not exist, the uppermost first."""
    return [each for each in reversed(file.parents) if each.is_relative_to(root) and not each.exists()]


def _undo(made: list[Path], old: Mapping[Path, bytes]) -> None:
    """Remove files and folders, the last one first, and write old contents back."""
    for file, content in old.items():
        with contextlib.suppress(OSError):
            write_file(file, content)
    for path in reversed(made):
        with contextlib.suppress(OSError):
            if path.is_dir():
                path.rmdir()  # a folder that others have written to since stays
            else:
                path.unlink(missing_ok=True)
