"""Reader of rubric files."""

from __future__ import annotations

from pathlib import Path

from evalgate.domain import VARIABLE, Rubric
from evalgate.errors import InputError
from evalgate.inputs.formats.data_file import front_matter
from evalgate.inputs.formats.nodes import Node, raise_faults
from evalgate.inputs.prompt_files.prompt_keys import read_version
from evalgate.inputs.schema_check import SchemaCheck, describe_unknown, load
from evalgate.inputs.tree import Tree

# the built-in rubrics are data files in score/, which this package may not import
_RUBRICS = Path(__file__).parent.parent / "score" / "rubrics"


def load_rubric(tree: Tree, name_or_path: str) -> Rubric:
    """Load a rubric by its built-in name, or from a Markdown file with front matter (name, version, scale, inputs).

    Raises InputError with all faults, each with its place. For an unknown name it suggests the closest one.
    """
    if not is_built_in(name_or_path):
        return parse_rubric(tree.read(name_or_path), name_or_path)
    known = {file.stem: file for file in sorted(_RUBRICS.glob("*.md"))}
    if name_or_path not in known:
        message, hint = describe_unknown("rubric", name_or_path, known)
        raise InputError(message, hint=hint or "name your own rubric by its path, such as rubrics/tone.md")
    return parse_rubric(known[name_or_path].read_bytes(), f"evalgate/score/rubrics/{name_or_path}.md")


def is_built_in(name_or_path: str) -> bool:
    """Return whether this is the name of a built-in rubric: it has no folder and no suffix."""
    return "/" not in name_or_path and "." not in name_or_path


def parse_rubric(data: bytes, path: str) -> Rubric:
    """Parse the bytes of a rubric file. Raises InputError with all faults, each with its place."""
    document, body, first_line = front_matter(data, path)
    root = document.root
    checker = SchemaCheck(load("rubric.schema.json"), path)
    checker.check(root, label="the front matter")
    version = read_version(root, checker)
    scale, inputs = root.get("scale"), root.get("inputs")
    if scale is not None and checker.is_valid(scale) and scale.data["min"] >= scale.data["max"]:
        checker.add_fault(scale, '"min" must be less than "max"')
    if inputs is not None and checker.is_valid(inputs):
        names = [name.removesuffix("?") for name in inputs.data]
        if "output" not in inputs.data:
            checker.add_fault(inputs, '"output" must be among the inputs (and not be optional)')
        elif len(set(names)) < len(names):
            checker.add_fault(inputs, "an input is given twice")
    instruction = body.strip()
    at = Node(data=body, line=first_line, column=1)
    if not instruction:
        checker.add_fault(at, "the rubric has no instruction below its front matter")
    for hit in VARIABLE.finditer(body):
        line = first_line + body.count("\n", 0, hit.start())
        column = hit.start() - body.rfind("\n", 0, hit.start())
        checker.add_fault(
            Node(data=None, line=line, column=column),
            f"a rubric cannot have variables: {hit.group()}",
            'name the field under "inputs"; the judge gets its value after the instruction',
        )
    raise_faults(checker.faults, path)
    return Rubric(
        name=root["name"].data,
        version=version or "",
        path=path,
        instruction=instruction,
        inputs=tuple(root["inputs"].data),
        minimum=root["scale"].data["min"],
        maximum=root["scale"].data["max"],
    )
