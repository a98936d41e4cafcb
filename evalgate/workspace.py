"""Where a run finds its inputs: the configuration in the working tree, or in a commit, and the repository around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from evalgate.domain import Check, Config, Judge
from evalgate.inputs import pins
from evalgate.inputs.config import load_config
from evalgate.inputs.tree import CommitTree, Tree, WorkTree
from evalgate.score import checks, judges
from evalgate.services.commit_view import CommitView
from evalgate.services.git import Git


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """Where the configuration was found: the tree all inputs are read from, and the repository around it, if any.

    `pins` are those of that tree, which count once they are merged.
    """

    tree: Tree
    git: Git | None
    config: Config
    folder: Path
    pins: Mapping[str, pins.Pin]


def open_workspace(config_path: Path, *, verify: bool = True) -> Workspace:
    """Reads the configuration; the tree is the repository's, or the folder's where there is no repository.

    Without `verify` patterns and schemas are not compiled, which takes a while: enough to see what has changed.
    """
    folder = config_path.resolve().parent
    git = Git.find(folder)
    here = Path.cwd().resolve()
    root = git.root.resolve() if git else (here if folder.is_relative_to(here) else folder)
    tree = WorkTree(root)
    name = config_path.resolve().relative_to(root).as_posix()
    config = load_config(tree, name, verify=_verify if verify else None)
    pinned = pins.load_pins(tree, pins.pins_path(name), [gate.name for gate in config.gates])
    return Workspace(tree=tree, git=git, config=config, folder=folder, pins=pinned)


def workspace_at(view: CommitView, name: str, *, verify: bool = True) -> Workspace:
    """A commit as the workspace, whatever lies in the working tree; `name` is the configuration's path in it."""
    tree = CommitTree(view, view.commit)
    config = load_config(tree, name, verify=_verify if verify else None)
    pinned = pins.load_pins(tree, pins.pins_path(name), [gate.name for gate in config.gates])
    return Workspace(tree=tree, git=view, config=config, folder=(view.root / name).parent, pins=pinned)


def _verify(criterion: Check | Judge) -> None:
    match criterion:
        case Check():
            checks.validate(criterion)
        case Judge():
            judges.validate(criterion)
