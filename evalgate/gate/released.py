"""The versions in production by the registry of the configuration: what gates, drift and samples are compared with."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from evalgate.change.pins import Pin
from evalgate.change.workspace import PullRequest
from evalgate.domain import Config
from evalgate.errors import InputError, Place
from evalgate.services.git_remote import hide_address
from evalgate.store.store import Store


def make_finder(
    config: Config, folder: Path, store: Store, *, copies: bool = False, change: PullRequest | None = None
) -> Callable[[str], Pin | None] | None:
    """Return a function that finds the version in production of a gate by name; None without a registry.

    `folder` is that of the configuration, `change` the pull request that is judged by it, if any. The registry is asked
    once for each gate. With `copies` only those in the store count, which the last command kept. The function raises
    RegistryError for an unreachable registry.
    """
    settings = config.release
    if settings is None:
        return None

    @cache
    def find(name: str) -> Pin | None:
        # imported here: most runs have no registry
        from evalgate.gate.base_registry import open_registry_of_base
        from evalgate.release.local_copy import read_copy, write_copy
        from evalgate.release.published_prompt import rebuild_prompt
        from evalgate.release.registry import StoredDocument

        stored: StoredDocument | None
        if copies:
            stored = read_copy(store, name)
        else:
            with open_registry_of_base(config, folder, change, config.environment or {}) as registry:
                stored = None if registry is None else registry.read(name)
            if stored is not None:
                write_copy(store, stored)
        version = None if stored is None else stored.document.find_label("production")
        if stored is None or version is None:
            return None
        content = None
        if version.git_sha is None:
            content = rebuild_prompt(version, name)
            if content is None:
                raise InputError(
                    f'gate "{name}": {version} is in production by {hide_address(settings.registry)}. It is in no '
                    "repository, and what the release document has of it is not the prompt with this digest",
                    hint="name another baseline: --baseline REF, or `baseline:` of the gate",
                )
        return Pin(
            gate=name,
            version=version.version,
            digest=version.digest,
            ref=version.git_sha,
            signed_off_by=stored.document.entry.who,
            at=stored.document.at,
            place=Place(path=hide_address(settings.registry)),
            registry=f"revision {stored.document.revision} of {hide_address(settings.registry)}",
            path=version.source,
            model=version.model,
            parameters=version.parameters,
            content=content,
        )

    return find
