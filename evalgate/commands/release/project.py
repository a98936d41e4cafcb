"""`release project`: write the labels of a prompt to Langfuse, for people and for applications on its SDK."""

from __future__ import annotations

from evalgate.errors import InputError
from evalgate.release.langfuse_projection import Projected, find_projection
from evalgate.release.registry import Registry
from evalgate.release.version_lookup import read_last


def project(registry: Registry, name: str) -> Projected:
    """Write the ordinary versions and labels of a prompt's last document, and return where they are.

    Raises InputError for a registry that is not in Langfuse, and for contents that have no form there; RegistryError.
    """
    projection = find_projection(registry)
    if projection is None:
        raise InputError(
            f"{registry.url} has no labels besides its documents", hint="labels are written for langfuse:https://HOST"
        )
    read_last(registry, name)  # names what there is, if there is no such prompt
    return projection.write(name)


def project_release(registry: Registry, name: str) -> Projected | None:
    """Write the labels after a release; None for a registry that is not in Langfuse. Raises what `project` raises."""
    projection = find_projection(registry)
    return None if projection is None else projection.write(name)
