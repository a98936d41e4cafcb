"""`import openai-evals`: samples of openai/evals as cases, the log of a run as scores."""

from __future__ import annotations

from pathlib import Path

from evalgate.inputs.importers import openai_evals_files
from evalgate.inputs.importers.foreign_json import ForeignPart, decode_text, load_lines
from evalgate.inputs.importers.imported_files import ImportedFiles, NewFiles, make_files
from evalgate.inputs.tree import WorkTree
from evalgate.store.new_files import write_new_files


def import_file(path: Path, wanted: NewFiles) -> ImportedFiles:
    """Write the cases of a file of samples, or the scores of a log. No file is overwritten.

    Raises InputError if cases are wanted of a log, or scores of samples.
    """
    tree = WorkTree(Path.cwd())
    lines = list(load_lines(decode_text(tree.read(path.absolute().as_posix()), str(path)), str(path)))
    whole = lines[0] if lines else ForeignPart(data={}, path=str(path))
    is_log = openai_evals_files.is_log(whole.data)
    if is_log and wanted.cases is not None:
        raise whole.refuse("a log has no cases", "import the file of samples that its eval names: `samples_jsonl`")
    if not is_log and wanted.scores is not None:
        raise whole.refuse("is not a log of openai/evals, so that it has no scores", "oaieval --record_path writes one")
    cases = openai_evals_files.read_samples(lines, str(path)) if wanted.cases is not None else None
    results = openai_evals_files.read_log(lines, str(path)) if is_log else None
    made = make_files(tree, wanted, cases, results)
    write_new_files(Path.cwd(), made.contents, replaced={})
    return made
