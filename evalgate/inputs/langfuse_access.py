"""The Langfuse server of a configuration, opened with the keys from their variables."""

from __future__ import annotations

from collections.abc import Mapping

from evalgate.domain import Config, ReleaseSettings
from evalgate.domain.langfuse_reference import LangfuseSettings
from evalgate.errors import InputError, MissingSecretError, Place
from evalgate.inputs.langfuse_tree import LangfuseTree
from evalgate.inputs.tree import Tree
from evalgate.services.langfuse import Langfuse, LangfuseKeys

HOSTS = ("LANGFUSE_BASE_URL", "LANGFUSE_HOST")
"""The variables that Langfuse's own clients read the address from, the first one first."""


def attach_langfuse(tree: Tree, config: Config) -> Tree:
    """Return the files of a tree with what is in the Langfuse server of a configuration. Nothing is requested yet."""
    return LangfuseTree(tree, lambda: open_langfuse(config))


def open_langfuse(config: Config, *, reader: str = "a gate") -> Langfuse:
    """Open the server that prompts and datasets of a configuration are in, as `open_server` does."""
    return open_server(config.path, config.langfuse, config.release, config.environment or {}, reader=reader)


def open_server(
    path: str,
    langfuse: LangfuseSettings | None,
    release: ReleaseSettings | None,
    environment: Mapping[str, str],
    *,
    reader: str = "a gate",
) -> Langfuse:
    """Open the server that a configuration names at `path`. Nothing is requested yet.

    It is that of `langfuse:`, else that of a registry in Langfuse, else that of the variables that Langfuse's own
    clients read. `reader` says in errors what reads from it. Raises InputError without a server, and MissingSecretError
    for a key that is not set.
    """
    settings = langfuse or _read_registry(release)
    host = settings.host or find_host(environment)
    if not host:
        raise InputError(
            f"no Langfuse server is named, and {reader} reads from one",
            place=Place(path=path),
            hint="add `langfuse: {host: https://HOST}`, or set LANGFUSE_HOST",
        )
    values = {name: environment.get(name, "").strip() for name in settings.key_variables}
    missing = [name for name, value in values.items() if not value]
    if missing:
        raise MissingSecretError(
            f"{path}: Langfuse needs the keys of a project, and the variable {missing[0]} is not set",
            hint=f"set {' and '.join(values)} to a public and a secret key of Langfuse",
        )
    public, secret = (values[name] for name in settings.key_variables)
    return Langfuse(host, LangfuseKeys(public=public, secret=secret))


def find_host(environment: Mapping[str, str]) -> str:
    """Return the address that Langfuse's own clients would use; empty if no variable has one."""
    return next((environment[name].strip() for name in HOSTS if environment.get(name, "").strip()), "")


def _read_registry(release: ReleaseSettings | None) -> LangfuseSettings:
    """Return the server and the variables of a registry in Langfuse; no server for any other registry."""
    if release is None or not release.is_langfuse:
        return LangfuseSettings()
    return LangfuseSettings(
        host=release.registry.removeprefix("langfuse:"),
        public_key_env=release.public_key_env,
        secret_key_env=release.secret_key_env,
    )
