"""Files of the command line: regular ones of a size, and streams that a shell hands over; nothing that never ends."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from evalgate.errors import InputError
from evalgate.services import user_files
from evalgate.services.user_files import open_user_file, read_user_file, resolve_path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="devices and pipes are those of POSIX")


def test_a_regular_file_is_read_up_to_a_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"x" * 10)
    (tmp_path / "link").symlink_to(file)
    monkeypatch.setattr(user_files, "LARGEST", 10)
    assert read_user_file(file) == read_user_file(tmp_path / "link") == b"x" * 10
    file.write_bytes(b"x" * 11)
    with pytest.raises(InputError, match="at most 10 are read"):
        read_user_file(file)


def test_what_is_no_regular_file_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(3 << 30)
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path, tmp_path / "loop", tmp_path / "huge", Path("a\0b")):
        with pytest.raises(InputError) as refused:
            read_user_file(path)
        assert str(refused.value).startswith(f"{path}: ")
    with pytest.raises(InputError, match=": no such file"):
        read_user_file(tmp_path / "none")
    assert read_user_file(Path(os.devnull)) == b""


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="there is no /dev/fd")
@pytest.mark.parametrize("size", [10, 11])
def test_a_stream_of_the_shell_is_read_to_its_end(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_files, "LARGEST", 10)
    ours, theirs = os.pipe()
    writer = threading.Thread(target=lambda: (os.write(theirs, b"x" * size), os.close(theirs)))
    writer.start()
    try:
        if size == 10:
            with open_user_file(Path(f"/dev/fd/{ours}")) as file:
                assert file.read() == b"x" * 10
        else:
            with pytest.raises(InputError, match="at most 10 are read"):
                read_user_file(Path(f"/dev/fd/{ours}"))
    finally:
        writer.join()
        os.close(ours)


def test_a_path_is_resolved_unless_it_leads_to_itself(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "link").symlink_to("file")
    assert resolve_path(tmp_path / "link") == (tmp_path / "file").resolve()
    if sys.version_info < (3, 13):  # later versions return the path, and opening it fails
        with pytest.raises(InputError, match="cannot be found"):
            resolve_path(tmp_path / "loop")
    with pytest.raises(InputError, match="cannot be found"):
        resolve_path(Path("a\0b"))
