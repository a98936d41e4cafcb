from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from evalgate.store.locks import try_lock

HOLD = """
import sys
from pathlib import Path
from evalgate.store.locks import try_lock

with Path(sys.argv[1]).open("ab") as file:
    print(try_lock(file), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


def test_a_lock_is_held_once_and_until_its_file_is_closed(path: Path) -> None:
    with path.open("ab") as first, path.open("ab") as second:
        assert try_lock(first)
        assert not try_lock(second)
    with path.open("ab") as third:
        assert try_lock(third)


def test_a_lock_goes_with_the_process_that_had_it(path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        with path.open("ab") as file:
            assert not try_lock(file)
        other.kill()
        other.wait()
        with path.open("ab") as file:
            assert try_lock(file)


def test_a_locked_file_is_read_and_written(path: Path) -> None:
    with path.open("ab") as file:
        assert try_lock(file)
        file.write(b"text")
        file.flush()
        assert path.read_bytes() == b"text"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows locks in another way")
def test_where_the_file_system_knows_no_locks_the_file_is_free(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    def refuse(*_: object) -> None:
        raise OSError("no locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with path.open("ab") as file:
        assert try_lock(file)
