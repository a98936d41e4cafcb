"""The registry that a configuration names, with the secrets from their variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from evalgate.errors import InputError
from evalgate.services.user_files import resolve_path

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
    from evalgate.release.registry_access import open_with_secrets

    settings = _read_settings(config_path)
    if settings is None:
        raise InputError(
            f"{config_path} names no registry",
            hint="name one with --registry URL, or add these two lines to the configuration:\n"
            "release:\n  registry: sqlite:releases.sqlite3",
        )
    return open_with_secrets(settings, resolve_path(config_path).parent, environment, place=str(config_path), note=note)


def _read_settings(config_path: Path) -> ReleaseSettings | None:
    from evalgate.inputs.config import read_release
    from evalgate.inputs.tree import WorkTree

    path = resolve_path(config_path)
    if not path.is_file():
        raise InputError(
            f"{config_path}: no such file",
            hint="name the configuration with --config FILE, or the registry with --registry URL",
        )
    return read_release(WorkTree(path.parent), path.name)
