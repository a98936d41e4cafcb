from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from evalgate.errors import ServiceError
from evalgate.services.command import stream_lines, tell_command


def run(code: str, folder: Path, *, seconds: float = 20, longest: int = 1000) -> list[bytes]:
    return list(stream_lines([sys.executable, "-c", code], folder, seconds=seconds, longest=longest))


def test_lines_arrive_while_the_command_runs(tmp_path: Path) -> None:
    code = "import time\nprint('one', flush=True)\ntime.sleep(60)"
    lines = stream_lines([sys.executable, "-c", code], tmp_path, seconds=20, longest=100)
    began = time.monotonic()
    assert next(lines).strip() == b"one"
    lines.close()  # type: ignore[attr-defined]
    assert time.monotonic() - began < 15, "the command is ended with its stream"


def test_it_runs_in_its_folder_and_long_lines_are_cut(tmp_path: Path) -> None:
    (tmp_path / "here").write_text("x" * 50)
    assert run("print(open('here').read()); print(2)", tmp_path, longest=10) == [b"x" * 10, b"2" + os.linesep.encode()]


def test_a_failure_is_told_at_the_end_with_its_last_words(tmp_path: Path) -> None:
    code = "import sys\nprint(1, flush=True)\nsys.stderr.write('no such\\ntable')\nsys.exit(7)"
    lines = stream_lines([sys.executable, "-c", code], tmp_path, seconds=20, longest=100)
    assert next(lines).strip() == b"1"
    with pytest.raises(ServiceError, match="exited with 7: no such table"):
        next(lines)


def test_a_command_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
    began = time.monotonic()
    with pytest.raises(ServiceError, match="did not end within 1 seconds"):
        run(code, tmp_path, seconds=1)
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("command", [["/does/not/exist"], ["a\0b"]])
def test_a_command_that_cannot_be_started_is_an_error(command: list[str], tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="cannot be started"):
        list(stream_lines(command, tmp_path, seconds=5, longest=10))
    with pytest.raises(ServiceError, match="cannot be started"):
        tell_command(command, tmp_path, b"", seconds=5)


def test_no_shell_reads_the_arguments(tmp_path: Path) -> None:
    code = "import sys; print(sys.argv[1])"
    order = [sys.executable, "-c", code, "$(touch owned); `id`"]
    assert next(iter(stream_lines(order, tmp_path, seconds=20, longest=100))).strip() == b"$(touch owned); `id`"
    assert not (tmp_path / "owned").exists()


def test_a_command_is_told_by_its_standard_input(tmp_path: Path) -> None:
    code = "import sys; open('told', 'wb').write(sys.stdin.buffer.read()); print('noise')"
    tell_command([sys.executable, "-c", code], tmp_path, b'{"a": 1}\n', seconds=20)
    assert (tmp_path / "told").read_bytes() == b'{"a": 1}\n'
    tell_command([sys.executable, "-c", "pass"], tmp_path, b"x" * 1_000_000, seconds=20)


@pytest.mark.parametrize(("code", "message"), [
    ("import sys; sys.exit(3)", "exited with 3"), ("import time; time.sleep(60)", "did not end within 1 seconds"),
])  # fmt: skip
def test_a_command_that_was_not_told_is_an_error(code: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=message):
        tell_command([sys.executable, "-c", code], tmp_path, b"x", seconds=1 if "sleep" in code else 20)
