"""The registry that a configuration names, with the secrets from their variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from evalgate.errors import InputError
from evalgate.services.user_files import resolve_path

if TYPE_CHECKING:
    from evalgate.domain import ReleaseSettings
    from evalgate.domain.rollout import RolloutSettings
    from evalgate.release.document import ReleaseDocument
    from evalgate.release.langfuse_traffic import LangfuseTraffic
    from evalgate.release.registry import Registry
    from evalgate.store.store import Store


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


def read_rollout_settings(config_path: Path) -> RolloutSettings:
    """Return how a configuration rolls versions out: the defaults if it does not say. Raises InputError."""
    from evalgate.domain.rollout import NO_ROLLOUT

    settings = _read_settings(config_path)
    return NO_ROLLOUT if settings is None else settings.rollout


def open_configured_traffic(
    config_path: Path, environment: Mapping[str, str], name: str, document: ReleaseDocument | None, store: Store
) -> LangfuseTraffic:
    """Open the answers of a prompt in the Langfuse server of a configuration, whose rows are there.

    Nothing is requested yet. `document` is that of `LangfuseTraffic`, `store` keeps the copy of what is read. Raises
    InputError if no server is named, and MissingSecretError.
    """
    from evalgate.inputs.config import read_langfuse
    from evalgate.inputs.langfuse_access import open_server
    from evalgate.inputs.tree import WorkTree
    from evalgate.release.langfuse_traffic import LangfuseTraffic

    release = _read_settings(config_path)
    source = None if release is None else release.rollout.rows
    assert source is not None and source.langfuse is not None
    path = resolve_path(config_path)
    settings = read_langfuse(WorkTree(path.parent), path.name)
    server = open_server(str(config_path), settings, release, environment, reader="`rows` of release.rollout")
    return LangfuseTraffic(server, name, document, chosen=source.langfuse, store=store)


def find_gate_scores(config_path: Path, name: str) -> dict[str, float]:
    """Return the scores that decide in the gate of a prompt, with their allowed drops; empty without such a gate.

    These are its blocking checks, and all criteria with a threshold. Raises InputError for faults of the configuration.
    """
    from evalgate.domain.rollout import ALLOWED_DROP
    from evalgate.inputs.config import load_config
    from evalgate.inputs.tree import WorkTree

    path = config_path.resolve()
    config = load_config(WorkTree(path.parent), path.name)
    gate = next((one for one in config.gates if one.name == name), None)
    if gate is None:
        return {}
    names = [one.name for one in gate.checks if one.blocking] + list(gate.thresholds)
    drops = {one: gate.thresholds[one].max_drop if one in gate.thresholds else None for one in names}
    return {one: ALLOWED_DROP if drop is None or drop <= 0 else drop for one, drop in drops.items()}


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
