"""The folder of downloaded models: outside the project, so that all projects of a user share it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def find_home(environment: Mapping[str, str]) -> Path:
    """Return the folder of downloaded models: EVALGATE_HOME, else the platform's cache folder."""
    chosen = environment.get("EVALGATE_HOME")
    if chosen:
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_cache_dir("evalgate", appauthor=False))
