"""Fetch commits that a checkout lacks, with git itself; only the object store changes."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from evalgate.errors import GitError
from evalgate.services.git_process import execute, first_line
from evalgate.services.git_settings import add_settings

_SECONDS = 300


def fetch(folder: Path, url: str, refs: Sequence[str], *, token: str | None = None, depth: int | None = None) -> None:
    """Fetch commits (shas or refs) of the repository at `url` into the one around `folder`; no ref or file changes.

    The token is passed to git in its environment, not on the command line, where other processes could read it. It
    replaces the header that actions/checkout keeps in the repository's configuration, or in a file that this includes:
    GitHub refuses a request with two. With `depth`, only so many commits are fetched, and the repository is shallow.
    Raises GitError, without the token, if the remote does not have the commits.
    """
    settings = [("core.fsmonitor", "false"), ("core.hooksPath", os.devnull), ("protocol.allow", "never")]
    settings += [(f"protocol.{name}.allow", "always") for name in ("https", "http", "file")]
    if token:
        basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        header = f"http.{url}.extraheader"
        # an empty value removes those of less specific addresses, which git adds up otherwise
        settings += [(header, ""), (header, f"AUTHORIZATION: basic {basic}")]
    command = ["git", "-C", str(folder), "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-gc"]
    command += ["--no-recurse-submodules", *([f"--depth={depth}"] if depth else []), url, *refs]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            check=False,
            timeout=_SECONDS,
            env=add_settings(os.environ, settings) | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
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


def create(folder: Path) -> None:
    """Create an empty repository, into which commits can be fetched. Raises GitError."""
    folder.mkdir(parents=True, exist_ok=True)
    done = execute(folder, ["init", "--quiet", "--template="])
    if done.returncode:
        said = first_line(done.stderr.decode("utf-8", "replace"))
        raise GitError(f"git cannot create a repository at {folder}: {said}")
