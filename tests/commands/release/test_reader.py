from __future__ import annotations

from pathlib import Path

import pytest

from evalgate.commands.release.reader import READERS, write_reader
from evalgate.errors import InputError


@pytest.mark.parametrize("language", READERS)
def test_a_reader_is_written_into_a_new_folder_once(language: str, tmp_path: Path) -> None:
    path, changed = write_reader(language, tmp_path / "src" / "prompts")
    assert changed and path == tmp_path / "src" / "prompts" / READERS[language]
    assert write_reader(language, path.parent) == (path, False)


@pytest.mark.parametrize("language", READERS)
def test_an_older_reader_is_replaced(language: str, tmp_path: Path) -> None:
    path, _ = write_reader(language, tmp_path)
    new = path.read_bytes()
    path.write_bytes(new[:-100])
    assert write_reader(language, tmp_path) == (path, True)
    assert path.read_bytes() == new


def test_another_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / READERS["node"]
    path.write_text("export const mine = 1;\n", encoding="utf-8")
    with pytest.raises(InputError, match="the file exists and is not a reader"):
        write_reader("node", tmp_path)
    assert path.read_text(encoding="utf-8") == "export const mine = 1;\n"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match=r"evalgate_reader\.mjs: cannot be written"):
        write_reader("node", tmp_path / "file")
