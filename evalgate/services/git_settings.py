"""Settings for git processes in environment variables, so that no configuration file is written."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path


def add_trust(environment: Mapping[str, str], workspace: Path, folder: Path) -> dict[str, str]:
    """Return the environment in which git trusts the checkout around a folder of the workspace, whatever user owns it.

    The checkout is the outermost one between the two. In a container job it belongs to the user of the runner, while
    the container runs as another user. Nothing else is trusted, and the environment is unchanged without a checkout.
    """
    below = [place for place in (*reversed(folder.parents), folder) if place.is_relative_to(workspace)]
    top = next((place for place in below if (place / ".git").exists()), None)
    if top is None:
        return dict(environment)
    names = dict.fromkeys(os.fspath(place).replace(os.sep, "/") for place in (top, top.resolve()))
    return add_settings(environment, [("safe.directory", name) for name in names])


def add_settings(environment: Mapping[str, str], settings: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the environment with these settings in git's numbered variables, after those that are set already."""
    there = int(environment.get("GIT_CONFIG_COUNT") or 0)
    found = dict(environment)
    for number, (key, value) in enumerate(settings, start=there):
        found |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return {**found, "GIT_CONFIG_COUNT": str(there + len(settings))}
