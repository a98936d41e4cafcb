"""Locations on this machine: the configuration, the store beside it, the folder of downloaded models."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalgate.store.store import FOLDER, Store

if TYPE_CHECKING:
    from evalgate.domain import Report

CONFIG = Path("evalgate.yml")
config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=CONFIG,
    show_default=True,
    help="The configuration file.",
)
whole_store_option = click.option(
    "--store", type=click.Path(file_okay=False, path_type=Path), help="Folder of cache, journal and stored baselines."
)
gate_option = click.option("--gate", "gates", multiple=True, metavar="NAME", help="Only this gate; repeatable.")


def find_store(config_path: Path, chosen: Path | None = None) -> Store:
    """Return the store of a configuration: `.evalgate` beside it unless a folder is chosen."""
    from evalgate.services.user_files import resolve_path

    return Store(root=chosen or resolve_path(config_path).parent / FOLDER)


def find_home() -> Path:
    """Return the folder of downloaded models, as the environment sets it."""
    from evalgate.store import model_folder

    return model_folder.find_home(os.environ)


def read_report(path: Path | None, config_path: Path = CONFIG) -> Report:
    """Read a stored report, by default that of the configuration's last run. Raises InputError if none is valid."""
    from evalgate.commands import report

    return report.read_report(path, find_store(config_path))
