"""Registries opened by their URL, and by a configuration with the secrets from the variables that it names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from evalgate.domain import ReleaseSettings
from evalgate.errors import InputError, MissingSecretError
from evalgate.release.registry import Registry
from evalgate.services.git_remote import hide_address
from evalgate.services.langfuse import LangfuseKeys
from evalgate.store.store import FOLDER


def open_registry(
    url: str,
    folder: Path,
    *,
    token: str | None = None,
    keys: LangfuseKeys | None = None,
    note: Callable[[str], None] = lambda text: None,
    must_exist: bool = False,
) -> Registry:
    """Open the registry that a URL names. Relative paths are counted from `folder`, and nothing is created yet.

    `sqlite:PATH` is a file. `git:REMOTE#BRANCH` is a branch of a remote: by its name in the repository around `folder`
    (`git:origin`), or by its address or path; without `#BRANCH` it is evalgate/releases. `token` is for a git remote by
    https. `langfuse:https://HOST` is the project there that `keys` open. `note` gets a sentence about a remote that has
    not answered for some seconds. Raises InputError for any other URL, and with `must_exist` for a file that does not
    exist.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "sqlite" and rest:
        path = folder / rest
        if FOLDER in path.parts:
            raise InputError(
                f"the registry {url} is in {FOLDER}, which may be pruned at any time", hint="choose a path outside"
            )
        if must_exist and not path.exists():
            raise InputError(f"sqlite:{path}: there is no such file", hint="check the path of the registry")
        from evalgate.release.sqlite_registry import SqliteRegistry

        return SqliteRegistry(path)
    if scheme == "git" and rest:
        from evalgate.release.git_registry import open_git_registry

        return open_git_registry(rest, folder, token=token, note=note)
    if scheme == "langfuse" and rest:
        from evalgate.release.langfuse_registry import open_langfuse_registry

        return open_langfuse_registry(rest, keys)
    raise InputError(
        f'"{hide_address(url)}" names no registry',
        hint="write sqlite:PATH, git:REMOTE, such as git:origin, or langfuse:https://HOST",
    )


def open_with_secrets(
    settings: ReleaseSettings,
    folder: Path,
    environment: Mapping[str, str],
    *,
    place: str,
    needs_token: bool = True,
    note: Callable[[str], None] = lambda text: None,
    must_exist: bool = False,
) -> Registry:
    """Open a registry as `open_registry` does, with what `environment` has. `place` names the configuration in errors.

    Raises MissingSecretError for a variable that is not set. Without `needs_token` a token may be missing, as a git
    remote that everybody may read needs none; the keys of Langfuse may not.
    """
    values = {name: environment.get(name, "").strip() for name in settings.secret_variables}
    missing = [name for name, value in values.items() if not value]
    if settings.is_langfuse:
        if missing:
            shown = hide_address(settings.registry)
            raise MissingSecretError(
                f"{place}: {shown} needs the keys of a project, and the variable {missing[0]} is not set",
                hint=f"set {' and '.join(values)} to a public and a secret key of Langfuse",
            )
        public, secret = values.values()
        return open_registry(settings.registry, folder, keys=LangfuseKeys(public=public, secret=secret))
    if missing and needs_token:
        raise MissingSecretError(
            f"{place}: the variable {missing[0]} of release.token_env is not set",
            hint="set it to a token of the git remote",
        )
    token = next(iter(values.values()), None) or None
    return open_registry(settings.registry, folder, token=token, note=note, must_exist=must_exist)
