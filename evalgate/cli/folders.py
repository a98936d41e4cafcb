"""Where things lie on this machine: the configuration, the store beside it, the folder of downloaded models."""

from __future__ import annotations

import os
from pathlib import Path

import click

config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("evalgate.yml"),
    show_default=True,
    help="The configuration.",
)


def find_store(config_path: Path, chosen: Path | None = None) -> Path:
    """The folder of cache, journal and last report: `.evalgate` beside the configuration unless chosen."""
    return chosen or config_path.resolve().parent / ".evalgate"


def find_home() -> Path:
    """The folder of downloaded models, by the environment."""
    from evalgate.store import model_folder

    return model_folder.find_home(os.environ)
