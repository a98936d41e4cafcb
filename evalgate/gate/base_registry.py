"""The registry of a pull request's base. One that is a file of the repository is read from the base's commit.

The file on the disk is that of the checkout, which has the files of the change: with another version in production, its
author would choose what the change is compared with.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from evalgate.change.registry_path import find_registry_path
from evalgate.change.workspace import PullRequest
from evalgate.domain import Config
from evalgate.errors import InputError, Place
from evalgate.release.registry_access import open_with_secrets
from evalgate.services.git_remote import hide_address, is_remote

if TYPE_CHECKING:
    from evalgate.release.registry import Registry


@contextmanager
def open_registry_of_base(
    config: Config, folder: Path, change: PullRequest | None, environment: Mapping[str, str]
) -> Iterator[Registry | None]:
    """Open the registry of a configuration for reading; None if only the change has its file.

    `change` is the pull request that is judged by the configuration; None: its files are those of the disk. A file that
    neither the base nor the change has was put there by the machine, and is read. Raises InputError for a repository
    of git that is kept among the files.
    """
    settings, path = config.release, None
    assert settings is not None
    shown = hide_address(settings.registry)
    if change is not None:
        path = find_registry_path(config, change.git.root.resolve().as_posix())
    if change is None or path is None or not _is_of_repository(path, change):
        yield open_with_secrets(settings, folder, environment, place=shown, needs_token=False)
        return
    if settings.registry.startswith("git:"):
        if not is_remote(_read_remote(settings.registry), folder):
            raise InputError(
                f"{shown}: the registry is kept among the files of the repository, which the change could edit",
                place=Place(path=config.path),
                hint="keep it in a remote: git:origin",
            )
        yield open_with_secrets(settings, folder, environment, place=shown, needs_token=False)
        return
    if not change.tree.exists(path):
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="evalgate-registry-") as place:
        (Path(place) / "registry.sqlite3").write_bytes(change.tree.read(path))
        copied = replace(settings, registry="sqlite:registry.sqlite3")
        yield open_with_secrets(copied, Path(place), environment, place=shown, needs_token=False)


def _is_of_repository(path: str, change: PullRequest) -> bool:
    return change.tree.exists(path) or change.git.exists(change.change.sides.head, path)


def _read_remote(registry: str) -> str:
    rest = registry.removeprefix("git:")
    return rest.rpartition("#")[0] or rest
