"""`import deepeval`: goldens as cases, test runs as cases and scores."""

from __future__ import annotations

from pathlib import Path

from evalgate.errors import InputError, Place
from evalgate.inputs.importers import deepeval_files
from evalgate.inputs.importers.imported_files import ImportedFiles, NewFiles, make_files
from evalgate.inputs.importers.result_files import read_results
from evalgate.inputs.tree import WorkTree
from evalgate.store.new_files import write_new_files


def import_file(path: Path, wanted: NewFiles) -> ImportedFiles:
    """Write cases, scores, or both. No file is overwritten, and nothing is half-written.

    Raises InputError for a file of another kind, and if scores are wanted of a dataset, which has none.
    """
    tree = WorkTree(Path.cwd())
    data = tree.read(path.absolute().as_posix())
    results = read_results(data, str(path)) if wanted.scores is not None else None
    if wanted.scores is not None and (results is None or not results.tool.startswith("deepeval")):
        hint = "deepeval writes one to the folder of `results_folder`, or of DEEPEVAL_RESULTS_FOLDER"
        raise InputError(
            "is not a test run of deepeval, so that it has no scores", place=Place(path=str(path)), hint=hint
        )
    cases = deepeval_files.read_goldens(data, str(path)) if wanted.cases is not None else None
    made = make_files(tree, wanted, cases, results)
    write_new_files(Path.cwd(), made.contents, replaced={})
    return made
