"""Tests of writing several new files, or none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalgate.errors import InputError
from evalgate.store import new_files
from evalgate.store.new_files import find_obstacle, write_new_files


def show(root: Path) -> dict[str, bytes | None]:
    return {path.relative_to(root).as_posix(): None if path.is_dir() else path.read_bytes() for path in root.rglob("*")}


def test_files_are_written_with_their_folders(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"1\n")
    write_new_files(tmp_path, {"a/b/c": b"new", "d": b""}, replaced={"old": b"1\n2\n"})
    assert show(tmp_path) == {"a": None, "a/b": None, "a/b/c": b"new", "d": b"", "old": b"1\n2\n"}


@pytest.mark.parametrize("failing", range(4))
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_at_any_file_leaves_everything_as_it_was(
    failing: int, error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "old").write_bytes(b"1\n")
    before = show(tmp_path)
    write, written = new_files.write_file, []

    def fail(path: Path, content: bytes, **options: Any) -> None:
        written.append(path)
        if len(written) == failing + 1:
            raise error
        write(path, content, **options)

    monkeypatch.setattr(new_files, "write_file", fail)
    with pytest.raises((InputError, KeyboardInterrupt)) as raised:
        write_new_files(tmp_path, {"a/b/c": b"1", "kept/d": b"2", "e": b"3"}, replaced={"old": b"1\n2\n"})
    assert show(tmp_path) == before
    if isinstance(error, OSError):
        assert "No space left on device; nothing was written" in str(raised.value)


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "b").symlink_to("nowhere")
    with pytest.raises(InputError, match="b: cannot be written: it exists already; nothing was written"):
        write_new_files(tmp_path, {"a": b"1", "b": b"2"}, replaced={})
    assert not (tmp_path / "a").exists() and (tmp_path / "b").is_symlink()


def test_links_and_files_in_the_place_of_folders_are_obstacles(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "file").write_text("")
    assert find_obstacle(tmp_path, "link/a/b") == "link is a symbolic link"
    assert find_obstacle(tmp_path, "file/a") == "file is not a folder"
    assert find_obstacle(tmp_path, "file") is None
    assert find_obstacle(tmp_path, "new/a/b") is None


def test_a_replaced_file_keeps_its_permissions(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    (tmp_path / "a").chmod(0o750)
    write_new_files(tmp_path, {}, replaced={"a": b"new"})
    assert (tmp_path / "a").read_text() == "new" and (tmp_path / "a").stat().st_mode & 0o777 == 0o750
