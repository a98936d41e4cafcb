"""`import promptfoo`: a configuration as a project of evalgate, and results as cases and scores."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from evalgate.commands.init import CONFIG, KEY, NewProject, begin_project, encode_config, write_project
from evalgate.errors import InputError, Place
from evalgate.inputs.formats.data_file import decode
from evalgate.inputs.formats.nodes import Node
from evalgate.inputs.importers import promptfoo_results
from evalgate.inputs.importers.imported_files import ImportedFiles, NewFiles, make_files
from evalgate.inputs.importers.promptfoo_file import parse_data
from evalgate.inputs.importers.promptfoo_project import ImportedProject, import_config
from evalgate.inputs.importers.result_files import read_results
from evalgate.inputs.tree import Tree, WorkTree
from evalgate.score.patterns import validate_pattern
from evalgate.store.new_files import write_new_files

_CODE = (".js", ".cjs", ".mjs", ".ts", ".py")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedConfig:
    """What was written, what was there already, and what the import has to tell, in sentences.

    `left_out` is missing in the result, `changed` decides in another way, and `remaining` is left to do.
    """

    written: tuple[str, ...]
    kept: tuple[str, ...]
    left_out: tuple[str, ...]
    changed: tuple[str, ...]
    remaining: tuple[str, ...]
    cases: int
    run: str


def is_config(source: str) -> bool:
    """Return whether a name is that of a configuration of promptfoo."""
    return posixpath.basename(source.replace(os.sep, "/")).startswith("promptfooconfig.")


def import_promptfoo(
    folder: Path, source: str, environment: Mapping[str, str], *, workflow: bool = False
) -> ImportedConfig:
    """Write `evalgate.yml` and its files to `folder` for the configuration `source`, with or without a workflow.

    No code of the configuration is run, nothing is written before the whole is valid, and no file is overwritten.
    Raises InputError for a configuration that cannot be read, or that has nothing to gate.
    """
    project = begin_project(folder, environment, workflow=workflow)
    tree = WorkTree(project.root)
    path = _find_path(project.root, source)
    if path.endswith(_CODE):
        message = "is code, which is not run"
        raise InputError(message, place=Place(path=source), hint="write it as YAML or JSON first")
    root = parse_data(decode(tree.read(path), path), path)
    project, imported = make_valid(project, tree, path, root)
    started = write_project(project, (), ())
    remarks = imported.remarks
    return ImportedConfig(
        written=started.written,
        kept=(*started.kept, *imported.kept),
        left_out=tuple(map(str, remarks.left_out)),
        changed=tuple(map(str, remarks.changed)),
        remaining=(*map(str, remarks.open), *started.remaining, *_list_remaining(project, imported)),
        cases=imported.cases,
        run=started.run,
    )


def import_results(path: Path, wanted: NewFiles, *, select: str | None) -> ImportedFiles:
    """Write the results of one prompt and provider. No file is overwritten, and nothing is half-written.

    Raises InputError for a file that has no results of promptfoo, or several prompts and no `select`.
    """
    tree = WorkTree(Path.cwd())
    results = read_results(tree.read(path.absolute().as_posix()), str(path), select)
    if results is None or not results.tool.startswith("promptfoo"):
        hint = "promptfoo eval -o results.json writes one"
        raise InputError("is not a file of results of promptfoo", place=Place(path=str(path)), hint=hint)
    cases = promptfoo_results.make_cases(results) if wanted.cases is not None else None
    made = make_files(tree, wanted, cases, results)
    write_new_files(Path.cwd(), made.contents, replaced={})
    return made


def make_valid(project: NewProject, tree: Tree, path: str, root: Node) -> tuple[NewProject, ImportedProject]:
    """Return the project with the imported files, so that it is valid.

    A prompt that evalgate cannot read becomes a placeholder, which the remarks name. Raises InputError for faults of
    another kind.
    """
    unreadable: dict[str, str] = {}
    while True:
        imported = import_config(tree, path, root, find_pattern_fault, unreadable)
        files = {name: text.encode() for name, text in imported.files.items()}
        made = project.add({**files, CONFIG: encode_config(imported.config)})
        try:
            made.validate()
        except InputError as error:
            prompts = {*imported.prompts, *imported.kept} - unreadable.keys()
            found = [each for each in error.faults if each.place is not None and each.place.path in prompts]
            in_cases = [each for each in error.faults if each.place is not None and each.place.path in files]
            if not found and prompts and len(in_cases) == len(error.faults):
                unreadable |= dict.fromkeys(prompts, str(in_cases[0]))  # such as an image that the prompts cannot show
                continue
            if not found:
                raise
            unreadable |= {each.place.path: each.message for each in reversed(found) if each.place is not None}
            continue
        return made, imported


def _find_path(root: Path, source: str) -> str:
    """Return the path of the configuration below the folder."""
    absolute = Path(os.path.normpath(root / source))
    near = next((parent for parent in absolute.parents if parent.resolve() == root), None)
    if near is None:
        hint = "change to a folder that contains it, such as the top of the repository"
        raise InputError("is outside of this folder", place=Place(path=source), hint=hint)
    return absolute.relative_to(near).as_posix()


def find_pattern_fault(pattern: str) -> str | None:
    """Return why a pattern cannot be that of a check; None for one that can."""
    try:
        validate_pattern(pattern)
    except ValueError as error:
        return str(error)
    return None


def _list_remaining(project: NewProject, imported: ImportedProject) -> list[str]:
    lacking = f"api_key_env: {KEY}" in imported.config and not project.environment.get(KEY, "").strip()
    return [f"set {KEY}: without it the prompts have no answers"] if lacking else []
