"""`cases diff`: compare two datasets case by case: files, or one dataset at two revisions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from evalgate.change.workspace import WorkingTree
from evalgate.domain import Case, Column, GoldenDataset, Json, as_text
from evalgate.domain.case_ids import derive_case_id
from evalgate.domain.langfuse_reference import is_langfuse
from evalgate.domain.numbers import show_count
from evalgate.errors import InputError
from evalgate.gate.dataset_gates import find_dataset_gates
from evalgate.inputs.datasets import load_dataset
from evalgate.inputs.tree import CommitTree, Tree, WorkTree
from evalgate.services.git import Git
from evalgate.services.user_files import resolve_path

_LONGEST = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedField:
    """A field of a case in both datasets; `before` or `after` is None where it is missing."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetDiff:
    """The cases that only one of two datasets has, those that changed, and those that have another id, by id.

    `renamed` are pairs of ids with equal content. `kept` is the number of equal cases.
    """

    before: GoldenDataset
    after: GoldenDataset
    added: tuple[Case, ...]
    removed: tuple[Case, ...]
    renamed: tuple[tuple[Case, Case], ...]
    changed: tuple[tuple[Case, tuple[ChangedField, ...]], ...]
    kept: int

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.removed or self.renamed or self.changed)


def compare_datasets(
    first: str, second: str | None, open_project: Callable[[], WorkingTree], gate: str | None
) -> DatasetDiff:
    """Compare two datasets. Each is a file, or a git revision of the dataset of a gate; None: that in the working tree.

    The configuration is opened only if a revision, the working tree or a gate is named. Raises InputError and GitError.
    """
    workspace: WorkingTree | None = None
    columns: Mapping[str, Column] = {}
    path = ""
    if gate is not None or second is None or not all(Path(name).is_file() for name in (first, second)):
        workspace = open_project()
        chosen = find_dataset_gates(workspace.config, gate)[0]
        path, columns = chosen.dataset, chosen.columns
    before = _load(first, workspace, path, columns)
    after = _load(second, workspace, path, columns)
    return compare(before, after)


def compare(before: GoldenDataset, after: GoldenDataset) -> DatasetDiff:
    """Compare two datasets by the ids of their cases."""
    old, new = ({case.id: case for case in dataset.cases} for dataset in (before, after))
    added = [case for case in after.cases if case.id not in old]
    removed = [case for case in before.cases if case.id not in new]
    by_content: dict[str, list[Case]] = {}
    for case in removed:
        by_content.setdefault(derive_case_id(case.fields), []).append(case)
    renamed: list[tuple[Case, Case]] = []
    for case in added:
        same = by_content.get(derive_case_id(case.fields))
        if same:
            renamed.append((same.pop(0), case))
    gone = {was.id for was, _ in renamed}
    come = {now.id for _, now in renamed}
    pairs = [(old[case.id], case) for case in after.cases if case.id in old]
    changed = [(now, fields) for was, now in pairs if (fields := tuple(_compare_fields(was, now)))]
    return DatasetDiff(
        before=before,
        after=after,
        added=tuple(case for case in added if case.id not in come),
        removed=tuple(case for case in removed if case.id not in gone),
        renamed=tuple(renamed),
        changed=tuple(changed),
        kept=len(pairs) - len(changed),
    )


def describe_diff(diff: DatasetDiff) -> Iterator[str]:
    """Yield the lines about a comparison."""
    for case in diff.removed:
        yield f"- {case.id} ({diff.before.path}:{case.line})"
    for case in diff.added:
        yield f"+ {case.id} ({diff.after.path}:{case.line})"
    for was, now in diff.renamed:
        yield f"= {was.id} -> {now.id}: the same content ({diff.after.path}:{now.line})"
    for case, fields in diff.changed:
        yield f"~ {case.id} ({diff.after.path}:{case.line})"
        for one in fields:
            yield f"    {one.name}: {_show(one.before)} -> {_show(one.after)}"
    counts = (len(diff.added), len(diff.removed), len(diff.renamed), len(diff.changed), diff.kept)
    yield "{} added, {} removed, {} renamed, {} changed, {} the same".format(*counts)


def _compare_fields(was: Case, now: Case) -> Iterator[ChangedField]:
    for name in dict.fromkeys([*was.fields, *now.fields]):
        before, after = _read(was.fields, name), _read(now.fields, name)
        if before != after or type(was.fields.get(name)) is not type(now.fields.get(name)):
            yield ChangedField(name=name, before=before, after=after)
    if set(was.tags) != set(now.tags):
        yield ChangedField(name="tags", before="; ".join(was.tags), after="; ".join(now.tags))


def _read(fields: Mapping[str, Json], name: str) -> str | None:
    return as_text(fields[name]) if name in fields else None


def _show(text: str | None) -> str:
    if text is None:
        return "(none)"
    short = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({show_count(len(text), 'character')})"
    return f'"{short}"'


def _load(name: str | None, workspace: WorkingTree | None, path: str, columns: Mapping[str, Column]) -> GoldenDataset:
    """Load the dataset of a file, of a revision, or of the working tree."""
    if name is not None and Path(name).is_file():
        file = resolve_path(Path(name))
        found = load_dataset(WorkTree(file.parent), file.name, columns)
        return GoldenDataset(path=name, cases=found.cases)
    assert workspace is not None
    if is_langfuse(path) and name is not None:
        raise InputError(f"{path} is in Langfuse, and has no revisions in git", hint="compare two files")
    tree: Tree = workspace.tree
    if name is not None:
        git = workspace.git or Git.open(workspace.folder)
        tree = CommitTree(git, git.resolve(name))
    found = load_dataset(tree, path, columns)
    return found if name is None else GoldenDataset(path=f"{name}:{path}", cases=found.cases)
