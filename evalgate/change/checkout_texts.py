"""Prompts of which a checkout has another text than the commit, since a change edits `.gitattributes` or a pointer."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import replace

from evalgate.change.base_policy import JudgedChange, PromptFile, find_policy_changes
from evalgate.domain import Config
from evalgate.errors import Fault, Place
from evalgate.inputs.case_images import list_included_files
from evalgate.inputs.formats.nodes import raise_faults
from evalgate.inputs.tree import CommitTree
from evalgate.services import git_lfs
from evalgate.services.git import Git
from evalgate.services.git_attributes import read_attributes
from evalgate.services.git_trees import find_entry

_FILE = ".gitattributes"
_UNTRACKED = "is a pointer of Git LFS, and no .gitattributes says `filter=lfs` for it: a checkout has the pointer"


def add_attribute_edits(judged: JudgedChange, config: Config, git: Git) -> JudgedChange:
    """Add the edits of `.gitattributes` by which a checkout gets another text of a prompt: a person has to agree.

    Prompts are read from commits, and an application reads those of a checkout. Raises InputError for a prompt, or a
    file that it includes, that the change makes a pointer of Git LFS which no checkout replaces by its content.
    """
    sides = judged.sides
    edited = set(git.added(sides.base, sides.head, kinds="ADMT"))
    rules = sorted(path for path in edited if posixpath.basename(path) == _FILE)
    files = _list_files(judged.prompts, config, git, sides.head)
    paths = sorted(path for path in files if rules or path in edited)
    paths = [path for path in paths if find_entry(git.read_tree, f"{sides.head}^{{tree}}", path) is not None]
    pointers = [path for path in paths if _is_pointer(git, sides.head, path)]
    if not (pointers or (rules and paths)):
        return judged
    now = read_attributes(git, sides.head, paths)
    raise_faults(
        [
            Fault(
                message=_UNTRACKED, place=Place(path=path), hint=f"git lfs track {path}; or commit the content itself"
            )
            for path in pointers
            if now[path]["filter"] != "lfs"
        ],
        config.path,
    )
    before = read_attributes(git, sides.base, paths)
    moved = [path for path in paths if rules and now[path] != before[path]]
    changes = find_policy_changes(rules, git, sides) if moved else ()
    if not changes:
        return judged
    what = f"another text of {moved[0]} than the commit has, which is evaluated"
    remark = f"{rules[0]} gives a checkout or an archive {what}"
    return replace(judged, changes=(*judged.changes, *changes), remarks=(*judged.remarks, remark))


def _list_files(prompts: Mapping[str, PromptFile], config: Config, git: Git, head: str) -> set[str]:
    """Return the prompts of a change at its head, with the files that they include."""
    tree = CommitTree(git, head)
    gates = [replace(one, prompt=prompts[one.name].head, baseline=None) for one in config.gates if one.name in prompts]
    return {gate.prompt for gate in gates} | {path for gate in gates for path in list_included_files(tree, gate)}


def _is_pointer(git: Git, commit: str, path: str) -> bool:
    oid = git.blob(commit, path)
    return oid is not None and git_lfs.is_pointer(git.blobs([oid])[oid])
