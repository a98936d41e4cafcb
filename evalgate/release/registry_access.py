"""The registry of a configuration, opened with the secrets from the variables that it names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from evalgate.domain import ReleaseSettings
from evalgate.errors import MissingSecretError
from evalgate.release.registry import Registry, open_registry
from evalgate.services.git_remote import hide_address
from evalgate.services.langfuse import LangfuseKeys


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
