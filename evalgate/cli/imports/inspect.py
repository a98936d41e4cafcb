"""`evalgate import inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evalgate.cli.imports.new_files_options import make_import_command

if TYPE_CHECKING:
    from evalgate.inputs.importers.imported_files import ImportedFiles, NewFiles


@make_import_command("inspect")
def command(file: Path, wanted: NewFiles) -> ImportedFiles:
    """Write a log of inspect_ai, .eval or .json, as cases and scores.

    A sample that failed, or that an unfinished log lacks, has no score.
    """
    from evalgate.commands.imports import inspect

    return inspect.import_log(file, wanted)
