"""Locations on this machine: the configuration, the store beside it, the folder of downloaded models."""

from __future__ import annotations

import os
from pathlib import Path

import click

from evalgate.store.store import FOLDER, Store

config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("evalgate.yml"),
    show_default=True,
    help="The configuration file.",
)


def find_store(config_path: Path, chosen: Path | None = None) -> Store:
    """Return the store of a configuration: `.evalgate` beside it unless a folder is chosen."""
    return Store(root=chosen or config_path.resolve().parent / FOLDER)


def find_home() -> Path:
    """Return the folder of downloaded models, as the environment sets it."""
    from evalgate.store import model_folder

    return model_folder.find_home(os.environ)
