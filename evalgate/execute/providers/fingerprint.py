"""The fingerprint of a target function: a digest of its code and of the files that it may read."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

_MAX_FILES = 20_000
_HASHED_BYTES = 64 * 1024
_NOT_DATA = frozenset({"__pycache__", "node_modules", "site-packages"})


def fingerprint(
    module: ModuleType, function: Callable[..., Any], folder: Path, store: Path | None = None
) -> str | None:
    """Return the sha256 over the files that a function's answers may depend on; None if they cannot all be read.

    These are the file of its module, the files of the project's modules that are loaded so far, and every file below
    the project's folder and below the module's folder, since it may be data. Each file counts with its content, above
    64 kB with its size and modification time. Links to folders are followed. Hidden files, installed packages and the
    `store` are left out. More than 20,000 files give None. A file that the function itself writes counts as a change.
    """
    own = {_find_file(module), _find_file(sys.modules.get(getattr(function, "__module__", "")) or module)}
    if None in own:
        return None
    below = f"{folder}{os.sep}"
    project = {
        file
        for file in map(_find_file, list(sys.modules.values()))
        if file is not None and file.startswith(below) and "site-packages" not in file
    }
    code = {Path(file) for file in filter(None, own | project)}
    roots = {folder, *(Path(file).parent for file in filter(None, own) if "site-packages" not in file)}
    state = hashlib.sha256()
    try:
        for file in sorted({*code, *_iterate_data_files(roots, store)}):
            state.update(f"{file}\0{_describe_file(file)}\n".encode("utf-8", "surrogatepass"))
    except (OSError, OverflowError):
        return None
    return state.hexdigest()


def _iterate_data_files(roots: set[Path], store: Path | None) -> Iterator[Path]:
    """Yield the data files below the folders. Raise OverflowError when there are too many."""
    own = None if store is None else store.resolve()
    count = 0
    seen: set[Path] = set()  # links may form cycles
    for root_folder in sorted(roots):
        for root, folders, files in os.walk(root_folder, followlinks=True):
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
                if count > _MAX_FILES:
                    raise OverflowError
                yield here / name


def _may_hold_data(folder: Path, store: Path | None) -> bool:
    if folder.name.startswith(".") or folder.name in _NOT_DATA or folder.resolve() == store:
        return False
    return not (folder / "pyvenv.cfg").exists()


def _describe_file(file: Path) -> str:
    status = file.stat()
    if status.st_size > _HASHED_BYTES:
        return f"{status.st_size} {status.st_mtime_ns}"
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _find_file(module: object) -> str | None:
    # not getattr: it would trigger the import of a module that loads lazily
    file = vars(module).get("__file__") if isinstance(module, ModuleType) else None
    return file if isinstance(file, str) else None
