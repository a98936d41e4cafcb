"""Find the gates of a pull request whose prompt the change edits, by every file that the prompt is read from."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import replace

from evalgate.change.base_policy import JudgedChange, PromptFile, Sides, find_policy_changes
from evalgate.domain import Config, Gate, PromptVersion
from evalgate.errors import EvalgateError, GitError
from evalgate.inputs.case_images import list_included_files
from evalgate.inputs.prompts import load_prompt
from evalgate.inputs.recording_tree import RecordingTree
from evalgate.inputs.tree import CommitTree, Tree
from evalgate.services.git import Git


def find_edited_prompts(gates: Sequence[Gate], judged: JudgedChange, git: Git) -> tuple[Gate, ...]:
    """Return the gates whose prompt has another content or version than at the merge base, or cannot be read.

    A prompt that cannot be read is left out only if every file that was read for it is the same on both sides: then
    the change did not break it.

    On the base branch itself, the comparison is with the parent of the last commit. Raises GitError if a shallow clone
    lacks that commit.
    """
    sides = judged.sides
    parent = git.parent(sides.head) if sides.base == sides.head else None
    if parent is not None:
        sides = replace(sides, base=parent)
    return tuple(gate for gate in gates if _is_edited(gate, judged.prompts[gate.name], sides, git))


def add_unread_edits(judged: JudgedChange, config: Config, git: Git) -> JudgedChange:
    """Add the edits of files that only the base's version of a prompt includes, not the one at the head.

    The prompt is evaluated without them, so that they are treated as edits of the policy: a person has to agree.
    """
    sides = judged.sides
    if sides.policy == sides.base:
        return judged
    base, head = CommitTree(git, sides.policy), CommitTree(git, sides.head)
    changes, remarks = judged.changes, judged.remarks
    edited = git.added(sides.base, sides.head, kinds="ADMT")
    for gate in config.gates:
        file = judged.prompts.get(gate.name)
        folder = posixpath.join(posixpath.dirname(gate.prompt), "")
        if file is None or not any(path.startswith(folder) and path not in (file.head, file.base) for path in edited):
            continue  # a prompt includes files of its folder or below
        here = replace(gate, prompt=file.head)
        unread = list_included_files(base, gate) - list_included_files(head, here) - {edit.path for edit in changes}
        found = find_policy_changes(unread, git, sides)
        changes += found
        remarks += tuple(
            f'the gate "{gate.name}": {gate.prompt} includes {edit.path} since this change branched off: '
            "the edit is not evaluated before the base is merged into this change"
            for edit in found
        )
    return replace(judged, changes=changes, remarks=remarks)


def _is_edited(gate: Gate, file: PromptFile, sides: Sides, git: Git) -> bool:
    if file.base is None:
        return True
    read = RecordingTree(CommitTree(git, sides.head))
    now = _load(read, file.head, gate)
    if file.head == file.base and _are_same(read.paths, sides, git):
        return False
    before = _load(CommitTree(git, sides.base), file.base, gate)
    return now is None or before is None or _identify(now) != _identify(before)


def _identify(version: PromptVersion) -> tuple[str, str | None, bool]:
    return version.digest, version.version, version.has_front_matter


def _load(tree: Tree, path: str, gate: Gate) -> PromptVersion | None:
    """Return a prompt; None if it cannot be read."""
    try:
        return load_prompt(tree, path, gate.settings)
    except EvalgateError:
        return None


def _are_same(paths: Iterable[str], sides: Sides, git: Git) -> bool:
    """Return True if all files are the same or missing on both sides. What lies behind a link is not known."""
    try:
        return all(git.blob(sides.head, path) == git.blob(sides.base, path) for path in paths)
    except GitError:
        return False
