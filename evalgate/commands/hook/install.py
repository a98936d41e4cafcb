"""`hook install`: write the pre-push hook of a repository."""

from __future__ import annotations

import functools
import sys
from pathlib import Path

from evalgate.commands.hook.run import Mode, find_config
from evalgate.services import git_hooks
from evalgate.services.git import Git
from evalgate.services.user_files import resolve_path
from evalgate.store.atomic import write_file


def install_hook(
    folder: Path, config_path: Path, *, mode: Mode, default_branch: str | None, env_file: Path | None = None
) -> tuple[str, git_hooks.Installed]:
    """Write the hook; return the configuration's path from the repository's top, and what was installed."""
    name = find_config(Git.open(folder), config_path)
    options = ["--mode", mode, "--config", name]
    options += ["--default-branch", default_branch] if default_branch else []
    options += ["--env-file", str(resolve_path(env_file))] if env_file is not None else []
    write = functools.partial(write_file, executable=True)
    return name, git_hooks.install(folder, sys.executable, options, write)
