"""The repository of a hook, as git names it in the hook's environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from evalgate.services.git_process import execute

NAMES = ("GIT_DIR", "GIT_WORK_TREE")


def find_repository(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return the values of `NAMES` with which git finds the repository of a hook that runs in a folder.

    Git sets them in a linked worktree and with `--git-dir`. They would make the current folder the top level, so they
    are left out where git finds the same repository from the folder by itself. Otherwise they are absolute: a relative
    work tree starts at the folder that the user was in, which the hook is not in any more.
    """
    if not environment.get("GIT_DIR"):
        return {}
    named = Path(folder, environment["GIT_DIR"]).resolve()
    if _discover(environment, folder) == named:
        return {}
    found = {"GIT_DIR": str(named)}
    if tree := environment.get("GIT_WORK_TREE"):
        start = Path(folder, environment.get("GIT_PREFIX", ""), tree).resolve()
        above = folder.resolve().is_relative_to(start)
        found["GIT_WORK_TREE"] = str(start if above else Path(folder, tree).resolve())
    return found


def _discover(environment: Mapping[str, str], folder: Path) -> Path | None:
    """Return the repository that git finds from a folder without these variables."""
    plain = {name: value for name, value in environment.items() if name not in NAMES}
    done = execute(folder, ["rev-parse", "--absolute-git-dir"], surroundings=plain)
    return Path(os.fsdecode(done.stdout).removesuffix("\n")).resolve() if done.returncode == 0 else None
