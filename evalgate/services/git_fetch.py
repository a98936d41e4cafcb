"""Fetch commits that a checkout lacks, with git itself; only the object store changes."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from evalgate.errors import GitError

_SECONDS = 300


def fetch(folder: Path, url: str, refs: Sequence[str], *, token: str | None = None) -> None:
    """Fetch commits (shas or refs) of the repository at `url` into the one around `folder`; no ref or file changes.

    The token is passed to git in its environment, not on the command line, where other processes could read it.
    Raises GitError, without the token, if the remote does not have the commits.
    """
    settings = {"core.fsmonitor": "false", "core.hooksPath": os.devnull, "protocol.allow": "never"}
    settings |= {f"protocol.{name}.allow": "always" for name in ("https", "http", "file")}
    if token:
        basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        settings[f"http.{url}.extraheader"] = f"AUTHORIZATION: basic {basic}"
    command = ["git", "-C", str(folder), "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-gc"]
    command += ["--no-recurse-submodules", url, *refs]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            check=False,
            timeout=_SECONDS,
            env=_make_environment(settings),
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise GitError(f"git fetch did not end within {_SECONDS} seconds") from None
    except OSError as error:
        raise GitError(f"git cannot be started: {error.strerror or error}", hint="install git") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        message = said[-1].removeprefix("fatal: ") if said else "git gave no reason"
        raise GitError(
            f"cannot fetch {', '.join(refs)}: {message}",
            hint="let actions/checkout fetch it: `fetch-depth: 0`",
        )


def _make_environment(settings: dict[str, str]) -> dict[str, str]:
    """Return the environment with these settings in git's numbered variables, after those that are set already."""
    there = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
    found = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    for number, (key, value) in enumerate(settings.items(), start=there):
        found |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return {**found, "GIT_CONFIG_COUNT": str(there + len(settings))}
