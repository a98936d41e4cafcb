"""Open the workspace of a run: the working tree, a commit, or a pull request under the policy of its base."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from evalgate.change import base_policy, checkout_texts, pins, prompt_edits, unlisted_paths
from evalgate.change.merged_tree import MergedTree
from evalgate.domain import DEFAULT_LEVELS, Check, Config, Judge, Limits, Policy
from evalgate.errors import EvalgateError, InputError, Place
from evalgate.inputs.config import load_config
from evalgate.inputs.langfuse_access import attach_langfuse
from evalgate.inputs.tree import CommitTree, Tree, WorkTree
from evalgate.services.commit_view import CommitView
from evalgate.services.git import Git
from evalgate.services.git_merge import merge_texts
from evalgate.services.user_files import resolve_path

Verify: TypeAlias = Callable[[Check | Judge], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingTree:
    """The files on disk; `git` is the repository around them, or None if there is none.

    `folder` is that of the configuration. `pins` are those of the tree, which apply once they are merged.
    """

    tree: Tree
    git: Git | None
    config: Config
    folder: Path
    pins: Mapping[str, pins.Pin]


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit, regardless of the working tree; `git` shows the repository with that commit checked out."""

    tree: Tree
    git: CommitView
    config: Config
    folder: Path
    pins: Mapping[str, pins.Pin]


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """A pull request under the policy of its base: prompts are read at its head, all else at the tip of the base.

    `git` shows the repository with the head checked out; `tree` is the base's. `merged` has the files as they are once
    the change is merged, with the configuration that applies then; None if there is none then.
    """

    tree: Tree
    git: CommitView
    config: Config
    folder: Path
    pins: Mapping[str, pins.Pin]
    change: base_policy.JudgedChange
    merged: Commit | None


Workspace: TypeAlias = WorkingTree | Commit | PullRequest
"""The files that a run reads."""


def open_workspace(
    config_path: Path, *, verify: Verify | None, environment: Mapping[str, str] | None = None
) -> WorkingTree:
    """Read the configuration; the tree is the repository's, or the folder's if there is no repository.

    `verify` is `score.criterion.validate_criterion`. With None, patterns and schemas are not compiled, which takes a
    while; that is sufficient for finding out which gates have changed. `environment` has the variables that the
    configuration names as `${NAME}`; None: they are left as they are, which is sufficient where no target counts.
    """
    resolved = resolve_path(config_path)
    folder = resolved.parent
    git = Git.find(folder)
    here = Path.cwd().resolve()
    root = git.root.resolve() if git else (here if folder.is_relative_to(here) else folder)
    tree = WorkTree(root)
    name = resolved.relative_to(root).as_posix()
    config = load_config(tree, name, verify=verify, environment=environment)
    pinned = pins.load_pins(tree, pins.pins_path(name), [gate.name for gate in config.gates])
    return WorkingTree(tree=attach_langfuse(tree, config), git=git, config=config, folder=folder, pins=pinned)


def open_commit(
    view: CommitView, name: str, *, verify: Verify | None, environment: Mapping[str, str] | None = None
) -> Commit:
    """Open a commit as the workspace, regardless of the working tree; `name` is the configuration's path in it."""
    tree = CommitTree(view, view.commit)
    config = load_config(tree, name, verify=verify, environment=environment)
    pinned = pins.load_pins(tree, pins.pins_path(name), [gate.name for gate in config.gates])
    folder = (view.root / name).parent
    return Commit(tree=attach_langfuse(tree, config), git=view, config=config, folder=folder, pins=pinned)


def open_pull_request(
    git: Git, name: str, *, policy: str, head: str, verify: Verify, environment: Mapping[str, str] | None = None
) -> PullRequest:
    """Open a pull request: prompts are read at `head`, a commit of the change, everything else at the commit `policy`.

    The configuration must also be valid once the change is merged. If the base has no configuration, there are no
    gates, and the change's configuration counts as an edited policy file.
    """
    tips = git.resolve(policy), git.resolve(head)
    sides = base_policy.Sides(policy=tips[0], head=tips[1], base=git.merge_base(tips[1], policy, sole=True))
    view = CommitView(git, sides.head)
    tree, own_tree = CommitTree(view, sides.policy), CommitTree(view, sides.head)
    if tree.exists(name):
        with _place_faults_at(sides.policy):
            config, pinned = _load(tree, name, verify, environment)
        config = base_policy.add_code_digest(config, git, sides.policy)
        own = _load_own(own_tree, config, view, sides)
        change = base_policy.judge_change(config, own, view, sides)
        change = prompt_edits.add_unread_edits(change, config, view)
        change = unlisted_paths.add_unlisted(change, config, view)
        change = checkout_texts.add_attribute_edits(change, config, view)
        merged = _open_merged(config, own, view, sides, verify)
    elif own_tree.exists(name):
        merged = open_commit(view, name, verify=verify, environment=environment)
        config, pinned = (
            Config(path=name, gates=(), targets={}, policy=Policy(levels=DEFAULT_LEVELS), limits=Limits()),
            {},
        )
        remark = f"{sides.policy[:7]} has no {name}: there are no gates before one is merged"
        changes = base_policy.find_policy_changes([name], view, sides)
        change = base_policy.JudgedChange(sides=sides, prompts={}, changes=changes, remarks=(remark,))
    else:
        raise InputError("no such file", place=Place(path=name), hint=f"neither {policy} nor {head} has it")
    folder = (view.root / name).parent
    return PullRequest(
        tree=attach_langfuse(tree, config),
        git=view,
        config=config,
        folder=folder,
        pins=pinned,
        change=change,
        merged=merged,
    )


def find_name(git: Git, config_path: Path) -> str:
    """Return a configuration's path from the repository's top, without resolving links below the top.

    Otherwise a link that a change adds inside the repository could lead to another configuration. Raises InputError if
    the path is outside of the repository.
    """
    top = git.root.resolve()
    full = _make_absolute(config_path)
    for parent in reversed(full.parents):
        if parent.resolve() == top:
            return full.relative_to(parent).as_posix()
    raise InputError(f"{config_path} is outside of the repository at {top}")


def find_repository(config_path: Path) -> Git:
    """Return the outermost repository between the current folder and a configuration.

    The search starts at the deepest folder that both paths share. So a link or a submodule that a change adds further
    down cannot lead to another repository. Raises GitError if there is none.
    """
    full = _make_absolute(config_path)
    start = Path(os.path.commonpath([full.parent, Path.cwd()]))
    below = [folder for folder in reversed(full.parents) if folder.is_relative_to(start) and folder.is_dir()]
    found = (git for git in map(Git.find, below) if git is not None)
    return next(found, None) or Git.open(below[-1])


def _make_absolute(path: Path) -> Path:
    """Return the absolute path with `..` resolved by name; no link is followed."""
    return Path(os.path.normpath(path.absolute()))


def _load(
    tree: Tree, name: str, verify: Verify | None, environment: Mapping[str, str] | None
) -> tuple[Config, dict[str, pins.Pin]]:
    config = load_config(tree, name, verify=verify, environment=environment)
    return config, pins.load_pins(tree, pins.pins_path(name), [gate.name for gate in config.gates])


def _load_own(tree: CommitTree, config: Config, git: Git, sides: base_policy.Sides) -> Config | None:
    """Load the change's own configuration; None if it has none, or a broken one that the change did not edit.

    If the base has moved the configuration since, that of the change is at the path where it was.
    """
    earlier = base_policy.find_earlier_path(config.path, git, sides)
    path = next((path for path in (config.path, earlier) if tree.exists(path)), None)
    if path is None:
        return None
    try:
        own, _ = _load(tree, path, None, config.environment)
    except EvalgateError:
        if base_policy.find_policy_changes({*base_policy.list_policy_files(config), earlier}, git, sides):
            raise
        return None
    return own


def _open_merged(
    config: Config, own: Config | None, view: CommitView, sides: base_policy.Sides, verify: Verify
) -> Commit | None:
    """Open the files as they are once a change is merged; None if the change removes the configuration.

    Where both sides have edited the configuration, or the base has moved it, its text is merged as git does it. If that
    conflicts, it is the change's own, with the files of its head.
    """
    name, earlier = config.path, base_policy.find_earlier_path(config.path, view, sides)
    kept, merged = {name, earlier}, {}
    if base_policy.find_policy_changes(kept, view, sides):
        if own is None:
            return None
        kept = set()
        if earlier != name or view.blob(sides.policy, name) != view.blob(sides.base, name):
            text = _merge_configuration(own.path, earlier, name, view, sides)
            if text is None:
                return open_commit(view, own.path, verify=verify, environment=config.environment)
            merged = {name: text}
    tree = MergedTree(view, base=sides.base, head=sides.head, tip=sides.policy, kept=kept, merged=merged)
    loaded, pinned = _load(tree, name, verify, config.environment)
    return Commit(tree=tree, git=view, config=loaded, folder=(view.root / name).parent, pins=pinned)


def _merge_configuration(own: str, earlier: str, name: str, git: Git, sides: base_policy.Sides) -> bytes | None:
    """Return the configuration with the edits of both sides; None if they conflict or the merge base has none."""
    if not git.exists(sides.base, earlier):
        return None
    return merge_texts(git.read(sides.base, earlier), git.read(sides.policy, name), git.read(sides.head, own))


@contextlib.contextmanager
def _place_faults_at(commit: str) -> Iterator[None]:
    """Change the place of faults to a file at a commit, so that they do not name the working tree's file."""
    try:
        yield
    except InputError as error:
        raise InputError(
            faults=[
                replace(
                    fault,
                    place=fault.place and replace(fault.place, path=f"{commit[:7]}:{fault.place.path}"),
                    hint=fault.hint or "fix the base before a change can be evaluated against it",
                )
                for fault in error.faults
            ]
        ) from None
