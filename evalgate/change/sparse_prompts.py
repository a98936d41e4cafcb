"""Prompts that match a pattern of gates, and that a sparse checkout leaves out: no gate would read them."""

from __future__ import annotations

from evalgate.domain import Config
from evalgate.errors import Fault, Place
from evalgate.inputs.added_tree import AddedTree
from evalgate.inputs.config import read_gate_names
from evalgate.inputs.formats.nodes import raise_faults
from evalgate.inputs.tree import CommitTree, Tree
from evalgate.services.git import Git
from evalgate.services.git_sparse import list_left_out

_HINT = "git sparse-checkout add FOLDER; in a workflow, add the folder to `sparse-checkout` of actions/checkout"


def refuse_left_out(tree: Tree, git: Git, config: Config) -> None:
    """Raise InputError for each prompt of HEAD that a pattern matches and that the checkout left out.

    The gates of a pattern are those of the files that are there, so that an edit of one that is not there would pass.
    """
    left_out = list_left_out(git.root) if config.has_patterns and git.head() is not None else set()
    if not left_out:
        return
    whole = AddedTree(CommitTree(git, "HEAD"), {config.path: tree.read(config.path)})
    prompts = sorted({*read_gate_names(whole, config.path).values()} - {gate.prompt for gate in config.gates})
    message = "is left out of this sparse checkout, and a pattern of gates matches it"
    faults = [
        Fault(message=message, place=Place(path=path), hint=_HINT)
        for path in prompts
        if path in left_out and not tree.exists(path)
    ]
    raise_faults(faults, config.path)
