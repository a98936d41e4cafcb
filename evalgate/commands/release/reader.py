"""`evalgate release reader`: the readers of release documents in other languages, each one file."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

from evalgate.errors import InputError, Place
from evalgate.services.user_files import read_user_file
from evalgate.store.atomic import write_file

READERS: Final = {"node": "evalgate_reader.mjs", "csharp": "EvalgateReader.cs"}
"""The file of each language."""


def write_reader(language: str, folder: Path) -> tuple[Path, bool]:
    """Write the reader of a language into a folder, and return its path and whether it was changed.

    An older reader of the same name is replaced. Raises InputError for any other file, and if the folder cannot be
    written.
    """
    name = READERS[language]
    content = files("evalgate.release").joinpath("readers", name).read_bytes()
    path = folder / name
    place = Place(path=str(path))
    try:
        old = read_user_file(path) if path.exists() else None
        if old == content:
            return path, False
        if old is not None and f"`evalgate release reader {language}`".encode() not in old:
            raise InputError("the file exists and is not a reader", place=place, hint="give another folder with --to")
        write_file(path, content)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", place=place) from None
    return path, True
