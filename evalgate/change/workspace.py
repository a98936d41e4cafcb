"""What a run looks at: the working tree, a commit, or a pull request as its base judges it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from evalgate.change import base_policy, pins
from evalgate.domain import DEFAULT_LEVELS, Check, Config, Judge, Limits, Policy
from evalgate.errors import EvalgateError, InputError, Place
from evalgate.inputs.config import load_config
from evalgate.inputs.tree import CommitTree, Tree, WorkTree
from evalgate.services.commit_view import CommitView
from evalgate.services.git import Git

Verify: TypeAlias = Callable[[Check | Judge], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingTree:
    """The files as they lie on the disk; `git` is the repository around them, None where there is none.

    `folder` is that of the configuration. `pins` are those of the tree, which count once they are merged.
    """

    tree: Tree
    git: Git | None
    config: Config
    folder: Path
    pins: Mapping[str, pins.Pin]


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit, whatever lies in the working tree; `git` shows the repository with that commit checked out."""

    tree: Tree
    git: CommitView
    config: Config
    folder: Path
    pins: Mapping[str, pins.Pin]


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """A change as its base judges it: prompts are those of its head, everything else is that of the base's tip.

    `git` shows the repository with the head checked out, `tree` is the base's.
    """

    tree: Tree
    git: CommitView
    config: Config
    folder: Path
    pins: Mapping[str, pins.Pin]
    change: base_policy.JudgedChange


Workspace: TypeAlias = WorkingTree | Commit | PullRequest
"""What a run looks at."""


def open_workspace(config_path: Path, *, verify: Verify | None) -> WorkingTree:
    """Reads the configuration; the tree is the repository's, or the folder's where there is no repository.

    `verify` is `score.criterion.validate_criterion`. None: patterns and schemas are not compiled, which takes a while;
    that is enough to see what has changed.
    """
    folder = config_path.resolve().parent
    git = Git.find(folder)
    here = Path.cwd().resolve()
    root = git.root.resolve() if git else (here if folder.is_relative_to(here) else folder)
    tree = WorkTree(root)
    name = config_path.resolve().relative_to(root).as_posix()
    config = load_config(tree, name, verify=verify)
    pinned = pins.load_pins(tree, pins.pins_path(name), [gate.name for gate in config.gates])
    return WorkingTree(tree=tree, git=git, config=config, folder=folder, pins=pinned)


def open_commit(view: CommitView, name: str, *, verify: Verify | None) -> Commit:
    """A commit as the workspace, whatever lies in the working tree; `name` is the configuration's path in it."""
    tree = CommitTree(view, view.commit)
    config = load_config(tree, name, verify=verify)
    pinned = pins.load_pins(tree, pins.pins_path(name), [gate.name for gate in config.gates])
    return Commit(tree=tree, git=view, config=config, folder=(view.root / name).parent, pins=pinned)


def open_pull_request(git: Git, name: str, *, policy: str, head: str, verify: Verify) -> PullRequest:
    """A change as its base judges it: everything but the prompts is read at `policy`, a commit; `head` is the change's.

    The change's own configuration has to be sound, too, where it edits a policy file. Where the base has no
    configuration there are no gates, and the change's is what it edits.
    """
    tips = git.resolve(policy), git.resolve(head)
    sides = base_policy.Sides(policy=tips[0], head=tips[1], base=git.merge_base(tips[1], policy, sole=True))
    view = CommitView(git, sides.head)
    tree, own_tree = CommitTree(view, sides.policy), CommitTree(view, sides.head)
    if tree.exists(name):
        with _place_faults_at(sides.policy):
            config, pinned = _load(tree, name, verify)
        change = base_policy.judge_change(config, _load_own(own_tree, config, view, sides, verify), view, sides)
    elif own_tree.exists(name):
        _load(own_tree, name, verify)
        config, pinned = (
            Config(path=name, gates=(), targets={}, policy=Policy(levels=DEFAULT_LEVELS), limits=Limits()),
            {},
        )
        remark = f"{sides.policy[:7]} has no {name}: nothing is gated before one is merged"
        changes = base_policy.find_policy_changes([name], view, sides)
        change = base_policy.JudgedChange(sides=sides, prompts={}, changes=changes, remarks=(remark,))
    else:
        raise InputError("no such file", place=Place(path=name), hint=f"neither {policy} nor {head} has it")
    folder = (view.root / name).parent
    return PullRequest(tree=tree, git=view, config=config, folder=folder, pins=pinned, change=change)


def find_name(git: Git, config_path: Path) -> str:
    """A configuration's path from the repository's top, by its name alone.

    Links inside of the repository are not followed: what a change puts there must not lead to another configuration.
    Raises InputError when it lies outside.
    """
    top = git.root.resolve()
    full = _make_absolute(config_path)
    for parent in reversed(full.parents):
        if parent.resolve() == top:
            return full.relative_to(parent).as_posix()
    raise InputError(f"{config_path} lies outside of the repository at {top}")


def find_repository(config_path: Path) -> Git:
    """The repository of a configuration: the outermost on the way to it from what it has in common with this folder.

    So a link, or a submodule, that a change puts on this way leads to no other one. Raises GitError when there is none.
    """
    full = _make_absolute(config_path)
    start = Path(os.path.commonpath([full.parent, Path.cwd()]))
    below = [folder for folder in reversed(full.parents) if folder.is_relative_to(start) and folder.is_dir()]
    found = (git for git in map(Git.find, below) if git is not None)
    return next(found, None) or Git.open(below[-1])


def _make_absolute(path: Path) -> Path:
    """With `..` taken out of the name; no link is followed."""
    return Path(os.path.normpath(path.absolute()))


def _load(tree: CommitTree, name: str, verify: Verify) -> tuple[Config, dict[str, pins.Pin]]:
    config = load_config(tree, name, verify=verify)
    return config, pins.load_pins(tree, pins.pins_path(name), [gate.name for gate in config.gates])


def _load_own(tree: CommitTree, config: Config, git: Git, sides: base_policy.Sides, verify: Verify) -> Config | None:
    """The change's own configuration; None where it has none, or a broken one that it did not touch."""
    if not tree.exists(config.path):
        return None
    try:
        own, _ = _load(tree, config.path, verify)
    except EvalgateError:
        if base_policy.find_policy_changes(base_policy.list_policy_files(config), git, sides):
            raise
        return None
    return own


@contextlib.contextmanager
def _place_faults_at(commit: str) -> Iterator[None]:
    """Faults of a file at a commit are placed there, not in the working tree's file of that name."""
    try:
        yield
    except InputError as error:
        raise InputError(
            faults=[
                replace(
                    fault,
                    place=fault.place and replace(fault.place, path=f"{commit[:7]}:{fault.place.path}"),
                    hint=fault.hint or "the base itself has to be mended before a change can be judged by it",
                )
                for fault in error.faults
            ]
        ) from None
