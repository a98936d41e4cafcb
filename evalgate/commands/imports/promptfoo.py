"""`import promptfoo`: the results of promptfoo as cases and scores."""

from __future__ import annotations

from pathlib import Path

from evalgate.errors import InputError, Place
from evalgate.inputs.importers import promptfoo_results
from evalgate.inputs.importers.imported_files import ImportedFiles, NewFiles, make_files
from evalgate.inputs.importers.result_files import read_results
from evalgate.inputs.tree import WorkTree
from evalgate.store.new_files import write_new_files


def import_results(path: Path, wanted: NewFiles, *, select: str | None) -> ImportedFiles:
    """Write the results of one prompt and provider. No file is overwritten, and nothing is half-written.

    Raises InputError for a file that has no results of promptfoo, or several prompts and no `select`.
    """
    tree = WorkTree(Path.cwd())
    results = read_results(tree.read(path.absolute().as_posix()), str(path), select)
    if results is None or not results.tool.startswith("promptfoo"):
        hint = "promptfoo eval -o results.json writes one"
        raise InputError("is no file of results of promptfoo", place=Place(path=str(path)), hint=hint)
    cases = promptfoo_results.make_cases(results) if wanted.cases is not None else None
    made = make_files(tree, wanted, cases, results)
    write_new_files(Path.cwd(), made.contents, replaced={})
    return made
