"""`import csv`: a table as cases."""

from __future__ import annotations

from pathlib import Path

from evalgate.inputs.importers import case_tables
from evalgate.inputs.importers.case_tables import CaseColumns
from evalgate.inputs.importers.imported_files import ImportedFiles, NewFiles, make_files
from evalgate.inputs.tree import WorkTree
from evalgate.store.new_files import write_new_files


def import_table(path: Path, cases: Path, columns: CaseColumns) -> ImportedFiles:
    """Write the rows of a table as cases. No file is overwritten.

    Raises InputError for a column that the table does not have, a cell that is not what it was said to be, and what
    no dataset may have, such as two equal ids.
    """
    tree = WorkTree(Path.cwd())
    rows = case_tables.read_table(tree, path.absolute().as_posix(), str(path), columns)
    made = make_files(tree, NewFiles(cases=cases), rows, None)
    write_new_files(Path.cwd(), made.contents, replaced={})
    return made
