"""`import inspect`: the logs of inspect_ai as cases and scores."""

from __future__ import annotations

from pathlib import Path

from evalgate.errors import InputError, Place
from evalgate.inputs.importers import inspect_logs
from evalgate.inputs.importers.imported_files import ImportedFiles, NewFiles, make_files
from evalgate.inputs.tree import WorkTree
from evalgate.store.new_files import write_new_files


def import_log(path: Path, wanted: NewFiles) -> ImportedFiles:
    """Write cases, scores, or both. No file is overwritten, and nothing is half-written.

    Raises InputError for a file that is not a log, and, if cases are wanted, for a log that did not end.
    """
    tree = WorkTree(Path.cwd())
    log = inspect_logs.load_log(tree.read(path.absolute().as_posix()), str(path))
    if wanted.cases is not None and log.get("status") != "success":
        message = f"the log did not end, so that cases are missing: its status is {log.get('status')}"
        raise InputError(message, place=Place(path=str(path)), hint="import the log of a run that ended")
    cases = inspect_logs.read_cases(log, str(path)) if wanted.cases is not None else None
    results = inspect_logs.read_log(log, str(path)) if wanted.scores is not None else None
    made = make_files(tree, wanted, cases, results)
    write_new_files(Path.cwd(), made.contents, replaced={})
    return made
