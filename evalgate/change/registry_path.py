"""The path in the repository at which a configuration keeps its registry: there, a change can edit it."""

from __future__ import annotations

import posixpath

from evalgate.domain import Config
from evalgate.inputs.tree import is_absolute

_SQLITE, _GIT = "sqlite:", "git:"
_LOGS = ("-wal", "-journal")
"""What follows the name of a SQLite file in those of its logs, which SQLite reads with the file."""


def list_registry_files(config: Config) -> set[str]:
    """Return the paths of a registry in SQLite that is a file of the repository, and of its logs; empty for another."""
    path = find_registry_path(config)
    if path is None or config.release is None or not config.release.registry.startswith(_SQLITE):
        return set()
    return {path, *(f"{path}{log}" for log in _LOGS)}


def find_registry_path(config: Config, top: str = "") -> str | None:
    """Return the path of a registry that is a file of the repository; None if it is somewhere else.

    `top` is the repository's folder, in which an absolute path may be. For a registry in git it is the path that
    `git:REMOTE` may mean: of a folder, unless it is the name of a remote.
    """
    if config.release is None or not config.release.registry.startswith((_SQLITE, _GIT)):
        return None
    scheme, _, written = config.release.registry.partition(":")
    if scheme == "git":
        written = written.rpartition("#")[0] or written
    if is_absolute(written):
        below = posixpath.relpath(written.replace("\\", "/"), top) if top else ".."
    else:
        below = posixpath.normpath(posixpath.join(posixpath.dirname(config.path), written))
    return None if below in (".", "..") or below.startswith("../") else below
