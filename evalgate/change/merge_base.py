"""The state of the repository at the merge base: its gates, and which files are unchanged since."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evalgate.domain import Config, Gate, digest
from evalgate.errors import GitError, InputError
from evalgate.inputs.config import load_config
from evalgate.inputs.datasets import load_dataset
from evalgate.inputs.tree import CommitTree, Tree
from evalgate.services.git import Git


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The commit that a change started from; `tree` has its files, `here` has the current ones.

    `config` is the commit's configuration, or None if it has none or a broken one. `now` is the current configuration.
    `edited` is true if the configuration file differs between the two.
    """

    commit: str
    git: Git
    tree: CommitTree
    here: Tree
    config: Config | None
    now: Config
    edited: bool

    def gate_at_base(self, gate: Gate) -> Gate | None:
        """Find a current gate in the configuration of the base; None if it was not there.

        The first match counts: 1. the gate of the same name; 2. the gate of the same prompt whose name is gone; 3. if
        name and prompt are both new, the gate of the same dataset whose name and prompt are both gone (several of them
        are matched in order); 4. if the dataset was moved too, the gate whose prompt git detects as renamed, or that
        shares a case. So a gate that is moved keeps its history.
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
        if gate.pattern is not None:  # many gates share a dataset, so that the file itself comes first
            was = self.git.find_renamed_from(self.commit, gate.prompt)
            renamed = next((before for before in old if before.prompt == was), None)
            if renamed is not None:
                return renamed
        gone, new = _exclude_matching(old, self.now.gates), _exclude_matching(self.now.gates, old)
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
        was = self.git.find_renamed_from(self.commit, gate.prompt)
        renamed = next((before for before in left if before.prompt == was), None)
        return renamed or next((before for before in left if self._shares_case(before, gate)), None)

    def _shares_case(self, before: Gate, gate: Gate) -> bool:
        """Return True if an old and a current gate share a case with the same content, under whatever id."""
        try:
            old = load_dataset(self.tree, before.dataset, before.columns)
            new = load_dataset(self.here, gate.dataset, gate.columns)
        except (InputError, GitError):
            return False
        contents = {digest(dict(case.fields)) for case in old.cases}
        return any(digest(dict(case.fields)) in contents for case in new.cases)


def _exclude_matching(gates: Sequence[Gate], others: Sequence[Gate]) -> list[Gate]:
    """Return the gates that share neither name nor prompt with any of the others."""
    names, prompts = {other.name for other in others}, {other.prompt for other in others}
    return [gate for gate in gates if gate.name not in names and gate.prompt not in prompts]


def find_base(tree: Tree, git: Git, config: Config, default_branch: str | None = None) -> Base | None:
    """Return the merge base of HEAD and the default branch, or None before the first commit.

    Its configuration is parsed only when the file differs. Raises GitError if there is no merge base.
    """
    commit = find_base_commit(git, default_branch)
    return None if commit is None else read_base(commit, tree, git, config)


def read_base(commit: str, tree: Tree, git: Git, config: Config) -> Base:
    """Read the gates at a commit, a full sha; `config` is the current configuration, which may have moved since."""
    before = CommitTree(git, commit)
    old: Config | None = config
    edited = config.path not in find_unchanged([config.path], tree, git, commit)
    if edited or config.has_patterns:  # what a pattern matches depends on the commit
        try:
            old = load_config(before, config_path_at(commit, config.path, git), environment=config.environment)
        except (InputError, GitError):
            old = None
    return Base(commit=commit, git=git, tree=before, here=tree, config=old, now=config, edited=edited)


def config_path_at(commit: str, path: str, git: Git) -> str:
    """Return the path of a configuration at a commit: its own path, else the one that it was renamed from."""
    return path if git.exists(commit, path) else git.find_renamed_from(commit, path) or path


def find_base_commit(git: Git, default_branch: str | None) -> str | None:
    """Return the sha of the merge base of HEAD and the default branch, or None before the first commit."""
    head = git.head()
    return None if head is None else git.merge_base(head, git.default_branch(default_branch))


def find_unchanged(paths: Iterable[str], tree: Tree, git: Git, base: str) -> set[str]:
    """Return the paths with the same content in the working tree and the commit; compares blob ids, parses nothing."""
    wanted = list(paths)
    here = git.working_blobs([path for path in wanted if tree.exists(path)])
    same = set()
    for path in wanted:
        try:
            # recordings that have not been made yet are absent on both sides
            if git.blob(base, path) == (None if not tree.exists(path) else here.get(path, "")):
                same.add(path)
        except GitError:
            continue
    return same
