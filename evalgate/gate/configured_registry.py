"""The registry that a configuration names, with the token from its variable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from evalgate.errors import InputError, MissingSecretError

if TYPE_CHECKING:
    from evalgate.domain import ReleaseSettings
    from evalgate.release.registry import Registry


def open_configured(
    config_path: Path, environment: Mapping[str, str], note: Callable[[str], None] = lambda text: None
) -> Registry:
    """Open the registry of a configuration, whose relative path is counted from it. Nothing is read of it yet.

    Of the configuration only `release` is read. `note` is that of `open_registry`. Raises InputError if it names no
    registry, and MissingSecretError.
    """
    from evalgate.release.registry import open_registry

    settings = _read_settings(config_path)
    if settings is None:
        raise InputError(
            f"{config_path} names no registry",
            hint="name one with --registry URL, or add these two lines to the configuration:\n"
            "release:\n  registry: sqlite:releases.sqlite3",
        )
    token = None
    if settings.token_env is not None:
        token = environment.get(settings.token_env)
        if not token:
            raise MissingSecretError(
                f"{config_path}: the variable {settings.token_env} of release.token_env is not set",
                hint="set it to a token of the git remote",
            )
    return open_registry(settings.registry, config_path.resolve().parent, token=token, note=note)


def _read_settings(config_path: Path) -> ReleaseSettings | None:
    from evalgate.inputs.config import read_release
    from evalgate.inputs.tree import WorkTree

    path = config_path.resolve()
    if not path.is_file():
        raise InputError(
            f"{config_path}: no such file",
            hint="name the configuration with --config FILE, or the registry with --registry URL",
        )
    return read_release(WorkTree(path.parent), path.name)
