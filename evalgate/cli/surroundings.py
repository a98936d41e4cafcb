"""The surroundings of a run, as the command line finds them: environment, store, folder of models."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from evalgate.cli.env_file import find_file_secrets
from evalgate.cli.folders import find_home, find_store

if TYPE_CHECKING:
    from evalgate.gate.options import Machine


def make_machine(
    config_path: Path, store: Path | None = None, note: Callable[[str], None] = lambda sentence: None
) -> Machine:
    """Return the surroundings of the current command; call it in the main thread."""
    from evalgate.gate.options import Machine

    return Machine(
        environment=os.environ,
        store=find_store(config_path, store),
        home=find_home(),
        secrets=find_file_secrets(),
        note=note,
    )
