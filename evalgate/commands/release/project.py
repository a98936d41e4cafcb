"""`release project`: write the labels of a prompt to Langfuse, for people and for applications on its SDK."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from evalgate.errors import EvalgateError, Fault, InputError
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


def project_releases(registry: Registry, names: Iterable[str]) -> tuple[list[str], list[Fault]]:
    """Write the labels of prompts after a release, and return warnings and faults. Does nothing in other registries.

    A warning is of contents that have no form in Langfuse. A fault says that the release itself is done.
    """
    projection = find_projection(registry)
    warnings: list[str] = []
    faults: list[Fault] = []
    if projection is None:
        return warnings, faults
    for name in names:
        try:
            projection.write(name)
        except InputError as error:
            warnings.append(error.faults[0].message)
        except EvalgateError as error:
            message = f"the release is done, but its labels in Langfuse are not: {error.faults[0].message}"
            hint = f"{error.faults[0].hint or 'look at Langfuse'}; then: evalgate release project {shlex.quote(name)}"
            faults.append(Fault(message=message, hint=hint))
    return warnings, faults
