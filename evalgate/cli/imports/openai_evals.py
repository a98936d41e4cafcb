"""`evalgate import openai-evals`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evalgate.cli.imports.new_files_options import make_import_command

if TYPE_CHECKING:
    from evalgate.inputs.importers.imported_files import ImportedFiles, NewFiles


@make_import_command("openai-evals")
def command(file: Path, wanted: NewFiles) -> ImportedFiles:
    """Write samples of openai/evals as cases, or the log of a run as scores.

    The log of a run that did not end has no scores: how many are missing is unknown.
    """
    from evalgate.commands.imports import openai_evals

    return openai_evals.import_file(file, wanted)
