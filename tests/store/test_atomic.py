from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

import evalgate
from evalgate.store.atomic import write_file

SOURCE = Path(evalgate.__file__).parent


@pytest.mark.parametrize(
    "content",
    ["a\nünï\r\n", "a\nünï\r\n".encode(), ["a\n", "ünï\r\n"], (piece for piece in (b"a\n", "ünï\r\n"))],
    ids=["text", "bytes", "list", "generator"],
)
def test_content_of_every_kind_is_written_as_it_is_with_its_folders(tmp_path: Path, content: object) -> None:
    path = tmp_path / "new" / "folder" / "file.json"
    write_file(path, content)
    assert path.read_bytes() == "a\nünï\r\n".encode()
    assert list(path.parent.iterdir()) == [path]


def test_a_file_is_replaced_and_a_link_too(tmp_path: Path) -> None:
    path, other = tmp_path / "file", tmp_path / "other"
    other.write_text("other")
    path.symlink_to(other)
    for text in ("one", "two"):
        write_file(path, text)
        assert path.read_text() == text
    assert not path.is_symlink()
    assert other.read_text() == "other"


def test_the_longest_name_that_a_disk_takes_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    write_file(path, "text")
    assert path.read_text() == "text"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such bits")
def test_its_mode_is_that_of_any_new_file_and_executable_on_request(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    usual = stat.S_IMODE((tmp_path / "usual").stat().st_mode)
    write_file(tmp_path / "file", "text")
    write_file(tmp_path / "script", "text", executable=True)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == usual
    assert stat.S_IMODE((tmp_path / "script").stat().st_mode) == usual | 0o111


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), ValueError, KeyboardInterrupt])
def test_where_the_pieces_end_in_an_error_the_old_file_stays_alone(tmp_path: Path, error: BaseException) -> None:
    def pieces() -> Iterator[str]:
        yield "half"
        raise error

    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(type(error) if isinstance(error, OSError) else error):
        write_file(path, pieces())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("step", ["open", "fsync", "replace"])
def test_where_the_disk_fails_the_old_file_stays_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "file"
    path.write_text("old")
    monkeypatch.setattr(os if step == "fsync" else Path, step, fail)
    with pytest.raises(OSError, match="No space left"):
        write_file(path, "new", sync=True)
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_only_on_request_the_disk_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    write_file(tmp_path / "file", "text")
    assert not synced
    write_file(tmp_path / "file", "text", sync=True)
    assert len(synced) == 1


def test_a_folder_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError):
        write_file(tmp_path / "file" / "report.json", "text")


def test_no_other_file_makes_temporary_files_beside_the_one_it_writes() -> None:
    makes_one = re.compile(r'mkstemp|NamedTemporaryFile|f"[^"]*\.(part|tmp)"')
    found = {path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py") if makes_one.search(path.read_text())}
    # a download that is cut off is resumed, from the part that is there
    assert found == {"store/atomic.py", "execute/providers/local_model.py"}
