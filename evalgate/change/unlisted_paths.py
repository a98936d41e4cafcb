"""Links and submodules that a change puts where a pattern of gates looks for prompts: trees list no file of them."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import replace

from evalgate.change.base_policy import JudgedChange
from evalgate.change.ungated_files import list_ungated
from evalgate.domain import Config, PolicyChange
from evalgate.domain.lists import name_some
from evalgate.errors import EvalgateError, Fault, Place
from evalgate.inputs.formats.nodes import raise_faults
from evalgate.inputs.path_patterns import matches_any, may_hold_match
from evalgate.inputs.tree import inside
from evalgate.services.git import Git
from evalgate.services.git_trees import LINK, SUBMODULE, TreeEntry, find_entry

_NAMED = 5


def add_unlisted(judged: JudgedChange, config: Config, git: Git) -> JudgedChange:
    """Add the submodules that a change adds or edits where the base's patterns look for prompts: a person has to agree.

    An application that looks for prompts there reads them, and no gate does. Raises InputError for a symbolic link
    there: what is behind it could be edited later without any gate.
    """
    patterns = sorted({gate.pattern for gate in config.gates if gate.pattern is not None})
    if not patterns and config.ungated != "fail":
        return judged
    sides, faults, modules = judged.sides, [], []
    for path in git.added(sides.base, sides.head, kinds="AMT"):
        entry = _find_entry(git, sides.head, path)
        if entry is None or entry.mode not in (LINK, SUBMODULE) or entry == _find_entry(git, sides.policy, path):
            continue
        is_folder = entry.mode == SUBMODULE or not _leads_to_file(git, sides.head, path, entry)
        where = next(_find_reasons(path, patterns, config, is_folder=is_folder), None)
        if where is not None and entry.mode == LINK:
            hint = "commit the file itself" if not is_folder else "commit the files themselves"
            faults.append(Fault(message=f"is a symbolic link, {where}", place=Place(path=path), hint=hint))
        elif where is not None:
            modules.append(PolicyChange(path=path, digest=hashlib.sha256(entry.oid.encode()).hexdigest()))
    raise_faults(faults, config.path)
    if not modules:
        return judged
    names = name_some([module.path for module in modules], _NAMED)
    remark = f"no gate reads the prompts in a submodule, and patterns of gates reach there: {names}"
    return replace(judged, changes=(*judged.changes, *modules), remarks=(*judged.remarks, remark))


def _find_reasons(path: str, patterns: Sequence[str], config: Config, *, is_folder: bool) -> Iterator[str]:
    """Yield why a file at a path, or in it, may be a prompt."""
    for pattern in patterns:
        if matches_any(path, [pattern]):
            yield f"which matches {pattern}"
        elif is_folder and may_hold_match(path, [pattern]):
            yield f"which may lead to files that match {pattern}"
    if config.ungated == "fail" and list_ungated(config, [path]):
        yield "which looks like a prompt, and no gate covers it"


def _find_entry(git: Git, commit: str, path: str) -> TreeEntry | None:
    return find_entry(git.read_tree, f"{git.resolve(commit)}^{{tree}}", path)


def _leads_to_file(git: Git, commit: str, path: str, link: TreeEntry) -> bool:
    """Return whether a link leads to a regular file of the commit."""
    try:
        target = git.blobs([link.oid])[link.oid].decode()
        found = inside(posixpath.join(posixpath.dirname(path), target))
        return git.blob(commit, found) is not None
    except (EvalgateError, ValueError):
        return False
