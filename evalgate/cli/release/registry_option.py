"""The options that name a registry, and the copy of a document that the hook reads."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from evalgate.cli.folders import config_option, find_store
from evalgate.errors import ServiceError

if TYPE_CHECKING:
    from evalgate.release.registry import Registry, StoredDocument

_Command = TypeVar("_Command", bound=Callable[..., Any])


def add_registry_options(function: _Command) -> _Command:
    """Add the options `--config` and `--registry`, as `config_path` and `registry_url`."""
    function = click.option(
        "--registry",
        "registry_url",
        metavar="URL",
        help="The registry, sqlite:PATH, git:REMOTE or langfuse:URL.  [default: the configuration's]",
    )(function)
    return config_option(function)


def open_from_options(config_path: Path, url: str | None, *, creates: bool = False) -> Registry:
    """Open the registry of a URL, else that of the configuration, with its secrets from their variables.

    With a URL nothing but the registry is touched: no configuration, no repository. Its relative path is counted from
    the current folder, that of a configuration from the configuration. A file of a URL has to exist unless the command
    `creates` it. Raises InputError without a registry.
    """
    from evalgate.domain import ReleaseSettings
    from evalgate.gate.configured_registry import open_configured
    from evalgate.release.registry_access import open_with_secrets

    if url is not None:
        settings = ReleaseSettings(registry=url)
        return open_with_secrets(
            settings, Path.cwd(), os.environ, place="--registry", note=_note, must_exist=not creates
        )
    return open_configured(config_path, os.environ, _note)


def _note(text: str) -> None:
    from evalgate.report.escape import block

    click.echo(block(text), err=True)


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


def project_labels(registry: Registry, *names: str) -> None:
    """Write the labels of releases to Langfuse, if the registry is there. Warn of contents that it has no form for.

    Raises ServiceError, which says that the release itself is done.
    """
    from evalgate.commands.release.project import project_releases
    from evalgate.report.escape import block

    warnings, faults = project_releases(registry, names)
    for warning in warnings:
        click.echo(block(f"warning: {warning}"), err=True)
    if faults:
        raise ServiceError(faults=faults)
