"""What stands behind a function of the user's: its code, and the files it may read."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

_MOST_FILES = 20_000
_READ_WHOLE = 64 * 1024
_NOT_DATA = frozenset({"__pycache__", "node_modules", "site-packages"})


def fingerprint(
    module: ModuleType, function: Callable[..., Any], folder: Path, store: Path | None = None
) -> str | None:
    """The sha256 of what stands behind a function; None when it cannot be told.

    That is the file of its module, those of the project's own modules that are loaded by now, and every file below the
    project's folder and the module's own, since it may be data that an answer depends on: by content, above 64 kB by
    size and time. Links to folders are followed. Hidden files, installed packages and the `store` are no data. A file
    that the function itself writes there counts as a change.
    """
    own = {_file(module), _file(sys.modules.get(getattr(function, "__module__", "")) or module)}
    if None in own:
        return None
    below = f"{folder}{os.sep}"
    project = {
        file
        for file in map(_file, list(sys.modules.values()))
        if file is not None and file.startswith(below) and "site-packages" not in file
    }
    code = {Path(file) for file in filter(None, own | project)}
    places = {folder, *(Path(file).parent for file in filter(None, own) if "site-packages" not in file)}
    state = hashlib.sha256()
    try:
        for file in sorted({*code, *_data(places, store)}):
            state.update(f"{file}\0{_state(file)}\n".encode("utf-8", "surrogatepass"))
    except (OSError, OverflowError):
        return None
    return state.hexdigest()


def _data(places: set[Path], store: Path | None) -> Iterator[Path]:
    """The files below some folders. Raises OverflowError where there are too many to look at."""
    own = None if store is None else store.resolve()
    count = 0
    seen: set[Path] = set()  # links may lead in circles
    for place in sorted(places):
        for root, folders, files in os.walk(place, followlinks=True):
            here = Path(root)
            folders[:] = [name for name in sorted(folders) if _may_hold_data(here / name, own)]
            if (real := here.resolve()) in seen:
                folders.clear()
                continue
            seen.add(real)
            for name in files:
                if name.startswith(".") or name.endswith((".pyc", ".part")):
                    continue
                count += 1
                if count > _MOST_FILES:
                    raise OverflowError
                yield here / name


def _may_hold_data(folder: Path, store: Path | None) -> bool:
    if folder.name.startswith(".") or folder.name in _NOT_DATA or folder.resolve() == store:
        return False
    return not (folder / "pyvenv.cfg").exists()


def _state(file: Path) -> str:
    about = file.stat()
    if about.st_size > _READ_WHOLE:
        return f"{about.st_size} {about.st_mtime_ns}"
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _file(module: object) -> str | None:
    # not getattr: a module that loads lazily would begin to
    file = vars(module).get("__file__") if isinstance(module, ModuleType) else None
    return file if isinstance(file, str) else None
