"""`cases split`: divide a dataset into files, by tag, into parts, or with a share held out. Clusters stay together."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalgate.change.workspace import WorkingTree
from evalgate.domain import Case, digest
from evalgate.domain.langfuse_reference import is_langfuse
from evalgate.domain.numbers import show_count
from evalgate.errors import InputError
from evalgate.gate.dataset_gates import find_dataset_gates, load_dataset_gates
from evalgate.inputs.case_files import read_case_rows, write_case_rows
from evalgate.plan.case_lint import list_asked_fields, number_case_units
from evalgate.store.new_files import find_obstacle, write_new_files

UNTAGGED = "untagged"
_NAME = re.compile(r"[^\w.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """How a dataset is divided: exactly one of `tags`, `parts` (their number) and `holdout` (a share) is set."""

    tags: bool = False
    parts: int | None = None
    holdout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartFile:
    """A file that was written, with its number of cases."""

    path: str
    cases: int


def split_cases(
    workspace: WorkingTree, gate: str | None, division: Division, folder: Path | None
) -> tuple[PartFile, ...]:
    """Write the cases of a dataset to several new files, each case to exactly one. No file is overwritten.

    Cases of one unit (a cluster, or equal requests) go to one file. Which file that is depends on the unit alone: on
    its cluster's name, else on the content of its first case. So other cases stay where they are when some are added.
    By tag, a unit goes to the file of the first tag of its first case. `folder` is the dataset's by default.

    Raises InputError: for a dataset in Langfuse, for files that exist, and if fewer than two files would have cases.
    """
    chosen = find_dataset_gates(workspace.config, gate)[:1]
    path = chosen[0].dataset
    if is_langfuse(path):
        raise InputError(f"{path} is in Langfuse", hint="split datasets that are files")
    group = load_dataset_gates(workspace, chosen)[0]
    names = list_asked_fields(group.dataset, group.versions)
    cases = group.dataset.cases
    members: dict[int, list[int]] = {}
    for position, unit in enumerate(number_case_units(cases, names)):
        members.setdefault(unit, []).append(position)
    choose = _make_choice(division)
    parts: dict[str, list[int]] = {}
    for positions in members.values():
        parts.setdefault(choose([cases[position] for position in positions]), []).extend(positions)
    if len(parts) < 2:
        only = next(iter(parts))
        message = f"{show_count(len(members), 'independent unit')} would be in one file, {only}"
        raise InputError(message, hint="bring more cases, or divide in another way")
    return _write(workspace, path, parts, folder)


def _make_choice(division: Division) -> Callable[[Sequence[Case]], str]:
    """Return the function that names the part of a unit."""
    if division.tags:
        return lambda cases: next((tag for case in cases for tag in case.tags), UNTAGGED)
    if division.parts is not None:
        parts = division.parts
        return lambda cases: f"part-{int(_place(cases) * parts) + 1}"
    share = division.holdout or 0.0
    return lambda cases: "holdout" if _place(cases) < share else "rest"


def _place(cases: Sequence[Case]) -> float:
    """Return a number in [0, 1) that depends on a unit alone."""
    clusters = sorted(case.cluster for case in cases if case.cluster is not None)
    key = f"cluster {clusters[0]}" if clusters else min(digest(dict(case.fields)) for case in cases)
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:6], "big") / 2**48


def _write(
    workspace: WorkingTree, path: str, parts: Mapping[str, Sequence[int]], folder: Path | None
) -> tuple[PartFile, ...]:
    """Write the parts, given as positions of cases, in order of their names. Cases keep the order of the dataset."""
    rows = read_case_rows(workspace.tree, path)
    stem, suffix = posixpath.splitext(posixpath.basename(path))
    inner = posixpath.dirname(path) if folder is None else ""
    root = Path(workspace.tree.root) if folder is None else folder
    files: dict[str, bytes] = {}
    made: list[PartFile] = []
    for name in sorted(parts):
        file = posixpath.join(inner, f"{stem}.{_NAME.sub('-', name)}{suffix}")
        if file.lower() in {other.lower() for other in files}:
            raise InputError(f'the tag "{name}" gives the same file name as another one: {file}')
        if obstacle := find_obstacle(root, file):
            raise InputError(f"{obstacle}; nothing was written")
        files[file] = write_case_rows(workspace.tree, path, [rows[position] for position in sorted(parts[name])])
        made.append(PartFile(path=file if folder is None else (folder / file).as_posix(), cases=len(parts[name])))
    root.mkdir(parents=True, exist_ok=True)
    write_new_files(root, files, replaced={})
    return tuple(made)
