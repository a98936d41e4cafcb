"""Each file that a command line names is refused with its place, and the exit code of usage, if it never ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from evalgate.cli import root

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="devices and pipes are those of POSIX")

COMMANDS = {
    "import": ["release", "import", "FILE", "--registry", "sqlite:new.sqlite3"],
    "decide": ["decide", "FILE"],
    "report": ["report", "FILE"],
    "merge": ["merge", "FILE", "FILE"],
    "cache import": ["cache", "import", "FILE"],
    "scores": ["decide", "--scores", "FILE"],
    "env-file": ["run", "--env-file", "FILE"],
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("kind", ["pipe", "device", "huge", "loop", "folder"])
def test_a_file_that_never_ends_is_refused(
    command: list[str], kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / kind
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "huge":
        with path.open("wb") as file:
            file.truncate(3 << 30)
    else:
        path.symlink_to("/dev/zero" if kind == "device" else path)
    done = CliRunner().invoke(root, [part.replace("FILE", str(path)) for part in command])
    error = done.exception
    assert done.exit_code == 2 or int(getattr(error, "exit_code", 3)) == 2, repr(error)


@pytest.mark.parametrize(
    "command", [["validate"], ["run"], ["plan"], ["release", "show"], ["drift"], ["cache", "stats"]]
)
def test_a_configuration_that_links_to_itself_is_refused(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("evalgate.yml").symlink_to("evalgate.yml")
    done = CliRunner().invoke(root, command)
    assert done.exit_code == 2 or int(getattr(done.exception, "exit_code", 3)) == 2, repr(done.exception)
