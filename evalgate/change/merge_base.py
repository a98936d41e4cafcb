"""The merge base as a whole: what was gated there, and whether a file is still what it was."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evalgate.domain import Config, Gate
from evalgate.errors import GitError, InputError
from evalgate.inputs.config import load_config
from evalgate.inputs.datasets import load_dataset
from evalgate.inputs.tree import CommitTree, Tree
from evalgate.services.git import Git


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The commit a change started from, with the `tree` of its files; `here` is that of today's.

    `config` is None where the commit has none, or a broken one; `now` is today's.
    """

    commit: str
    git: Git
    tree: CommitTree
    here: Tree
    config: Config | None
    now: Config
    edited: bool

    def gate_at_base(self, gate: Gate) -> Gate | None:
        """The gate as it was: the one of its name; for a new name, the gate of the same prompt whose name is gone.

        Where name and prompt are both new, it is the one of the same cases whose name and prompt are both gone: a gate
        that is moved keeps its past, wherever its old content lies. Several such gates keep their order. Where its
        cases lie elsewhere, too, it is the one whose prompt git sees renamed, or that has a case in common.
        """
        if self.config is None:
            return None
        for before in self.config.gates:
            if before.name == gate.name:
                return before
        kept = {other.name for other in self.now.gates}
        same = next((b for b in self.config.gates if b.name not in kept and b.prompt == gate.prompt), None)
        return same or self._follow_rename(gate, self.config.gates)

    def _follow_rename(self, gate: Gate, old: Sequence[Gate]) -> Gate | None:
        gone, new = _without(old, self.now.gates), _without(self.now.gates, old)
        twins: dict[str, Gate] = {}
        for dataset in dict.fromkeys(other.dataset for other in new):
            names = [other.name for other in new if other.dataset == dataset]
            twins |= dict(zip(names, [before for before in gone if before.dataset == dataset], strict=False))
        if gate.name in twins:
            return twins[gate.name]
        taken = {before.name for before in twins.values()}
        left = [before for before in gone if before.name not in taken]
        if not left or gate.name not in {other.name for other in new}:
            return None
        was = self.git.renamed_from(self.commit, gate.prompt)
        renamed = next((before for before in left if before.prompt == was), None)
        return renamed or next((before for before in left if self._has_case_of(before, gate)), None)

    def _has_case_of(self, before: Gate, gate: Gate) -> bool:
        """Whether two gates of then and now have a case in common, with the same id and the same content."""
        try:
            old, new = load_dataset(self.tree, before.dataset), load_dataset(self.here, gate.dataset)
        except (InputError, GitError):
            return False
        fields = {case.id: dict(case.fields) for case in old.cases}
        return any(fields.get(case.id) == dict(case.fields) for case in new.cases)


def _without(gates: Sequence[Gate], others: Sequence[Gate]) -> list[Gate]:
    """The gates that have neither name nor prompt in common with any of the others."""
    names, prompts = {other.name for other in others}, {other.prompt for other in others}
    return [gate for gate in gates if gate.name not in names and gate.prompt not in prompts]


def find_base(tree: Tree, git: Git, config: Config, default_branch: str | None = None) -> Base | None:
    """The merge base of HEAD and the default branch; None before the first commit.

    The configuration there is parsed only when the file differs. Raises GitError when there is no merge base.
    """
    commit = find_base_commit(git, default_branch)
    return None if commit is None else read_base(commit, tree, git, config)


def read_base(commit: str, tree: Tree, git: Git, config: Config) -> Base:
    """What was gated at a commit, a full sha; `config` is today's, which may have been moved since."""
    before = CommitTree(git, commit)
    old: Config | None = config
    edited = config.path not in find_unchanged([config.path], tree, git, commit)
    if edited:
        try:
            old = load_config(before, config_path_at(commit, config.path, git))
        except (InputError, GitError):
            old = None
    return Base(commit=commit, git=git, tree=before, here=tree, config=old, now=config, edited=edited)


def config_path_at(commit: str, path: str, git: Git) -> str:
    """Where a configuration lay at a commit: at its own path, else at the one that it was renamed from."""
    return path if git.exists(commit, path) else git.renamed_from(commit, path) or path


def find_base_commit(git: Git, default_branch: str | None) -> str | None:
    """The sha of the merge base of HEAD and the default branch; None before the first commit."""
    head = git.head()
    return None if head is None else git.merge_base(head, git.default_branch(default_branch))


def find_unchanged(paths: Iterable[str], tree: Tree, git: Git, base: str) -> set[str]:
    """The paths at which the working tree has just what the commit has: told by blob ids, nothing is parsed."""
    wanted = list(paths)
    here = git.working_blobs([path for path in wanted if tree.exists(path)])
    same = set()
    for path in wanted:
        try:
            # recordings that are still to be made are absent on both sides
            if git.blob(base, path) == (None if not tree.exists(path) else here.get(path, "")):
                same.add(path)
        except GitError:
            continue
    return same
