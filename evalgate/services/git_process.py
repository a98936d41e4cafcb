"""Start and stop git processes, with their command line and environment."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from evalgate.errors import GitError


def command_line(folder: Path, arguments: Sequence[str]) -> list[str]:
    """Return the command line of git in a folder: paths are literal and printed unquoted, no monitor is started."""
    settings = ["-c", "core.quotepath=off", "-c", "core.fsmonitor=false"]
    return ["git", "--no-pager", "--literal-pathspecs", *settings, "-C", str(folder), *arguments]


def environment(surroundings: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of git processes, on top of this process's own or of another one."""
    # LC_ALL: two of git's messages are parsed. No locks: reading must not block a commit.
    # No replacements (refs/replace) and no other parents (info/grafts): a push and a merge use the original objects.
    own = {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_REPLACE_OBJECTS": "1"}
    own["GIT_GRAFT_FILE"] = f"{os.devnull}/none"  # a file that there is, even an empty one, makes git print a hint
    return {**(os.environ if surroundings is None else surroundings), **own}


def execute(
    folder: Path,
    arguments: Sequence[str],
    data: bytes | None = None,
    *,
    surroundings: Mapping[str, str] | None = None,
    seconds: float | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run git to its end, with `data` as input, whatever its exit code.

    Raises GitError if it cannot be started, or does not end within `seconds`.
    """
    try:
        return subprocess.run(
            command_line(folder, arguments),
            input=data or b"",
            capture_output=True,
            check=False,
            env=environment(surroundings),
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        raise GitError(f"git {arguments[0]} did not end within {seconds:.0f} seconds") from None
    except (FileNotFoundError, NotADirectoryError):
        raise GitError("git is not installed, or not on the PATH", hint="install git") from None
    except OSError as error:
        raise GitError(f"git cannot be started: {error.strerror or error}") from None


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and close its pipes."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def first_line(text: str) -> str:
    """Return the first line of git's error output, without its prefix."""
    lines = text.strip().splitlines()
    return lines[0].removeprefix("fatal: ") if lines else "git gave no reason"
