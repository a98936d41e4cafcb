"""The options that name a registry, and the copy of a document that the hook reads."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from evalgate.cli.folders import config_option, find_store
from evalgate.errors import InputError, MissingSecretError

if TYPE_CHECKING:
    from evalgate.domain import ReleaseSettings
    from evalgate.release.registry import Registry, StoredDocument

_Command = TypeVar("_Command", bound=Callable[..., Any])


def add_registry_options(function: _Command) -> _Command:
    """Add the options `--config` and `--registry`, as `config_path` and `registry_url`."""
    function = click.option(
        "--registry",
        "registry_url",
        metavar="URL",
        help="The registry, sqlite:PATH or git:REMOTE.  [default: the configuration's]",
    )(function)
    return config_option(function)


def open_from_options(config_path: Path, url: str | None) -> Registry:
    """Open the registry of a URL, else that of the configuration, with the token from its variable.

    With a URL nothing but the registry is touched: no configuration, no repository. Its relative path is counted from
    the current folder, that of a configuration from the configuration. Raises InputError without a registry.
    """
    from evalgate.release.registry import open_registry

    if url is not None:
        return open_registry(url, Path.cwd())
    settings = _read_settings(config_path)
    if settings is None:
        raise InputError(
            f"{config_path} names no registry",
            hint="name one with --registry URL, or add these two lines to the configuration:\n"
            "release:\n  registry: sqlite:releases.sqlite3",
        )
    token = None
    if settings.token_env is not None:
        token = os.environ.get(settings.token_env)
        if not token:
            raise MissingSecretError(
                f"{config_path}: the variable {settings.token_env} of release.token_env is not set",
                hint="set it to a token of the git remote",
            )
    return open_registry(settings.registry, config_path.resolve().parent, token=token)


def keep_copy(config_path: Path, url: str | None, stored: StoredDocument | None) -> None:
    """Keep a copy of a document for the hook, where a configuration names the registry. Warn if that fails."""
    from evalgate.release.local_copy import write_copy
    from evalgate.report.escape import block

    if url is not None or stored is None:
        return
    store = find_store(config_path)
    if not write_copy(store, stored):
        place = block(str(store.find_release(stored.document.name)))
        click.echo(f"warning: {place} cannot be written: the hook may know an older version in production", err=True)


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
