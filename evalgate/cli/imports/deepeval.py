"""`evalgate import deepeval`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evalgate.cli.imports.new_files_options import make_import_command

if TYPE_CHECKING:
    from evalgate.inputs.importers.imported_files import ImportedFiles, NewFiles


@make_import_command("deepeval")
def command(file: Path, wanted: NewFiles) -> ImportedFiles:
    """Write the goldens of a deepeval dataset as cases, or a test run as cases and scores.

    `save_as` of deepeval writes goldens as JSON, JSONL or CSV. A metric that failed has no score.
    """
    from evalgate.commands.imports import deepeval

    return deepeval.import_file(file, wanted)
