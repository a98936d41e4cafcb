"""Find the prompts that a change takes back to the version that the present one replaced."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from evalgate.change import base_policy, changed_gates, pins
from evalgate.change.commit_prompts import list_states, load_prompt_at, parse_state, read_state
from evalgate.change.merge_base import find_unchanged
from evalgate.change.registry_path import list_registry_files
from evalgate.change.workspace import PullRequest, Workspace
from evalgate.domain import Gate, PromptVersion, Revert
from evalgate.domain.prompt_version import PromptSettings
from evalgate.errors import EvalgateError
from evalgate.inputs.case_images import list_image_files, list_included_files
from evalgate.inputs.prompts import load_prompt
from evalgate.inputs.tree import CommitTree, Tree
from evalgate.services.git import Git

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """One state of a prompt on its branch."""

    version: PromptVersion
    commit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Edit:
    """The prompt of a gate on both sides of a change."""

    file: str
    settings: PromptSettings
    now: PromptVersion
    was: PromptVersion


def find_reverts(workspace: Workspace, gates: Sequence[Gate], default_branch: str | None = None) -> dict[str, Revert]:
    """Return the gates whose prompt goes back to the version that the present one replaced, by name.

    The present version is that of the merge base, which must also be that of the default branch's tip. On the default
    branch itself, it is the one that the last change of the prompt replaced. What a version replaced is read from the
    first-parent history of its file, and of the files that it includes. A version that was taken back once, in this
    history or in that of the pins, is no longer one to go back to.

    A change that edits anything else of the gates (a prompt, a file that it includes, a dataset, a rule) has no
    reverts. Nor has one whose history is not known, as in a shallow clone.
    """
    git = workspace.git
    if git is None or git.shallow:
        return {}
    try:
        head, tip = _find_head(workspace, git), _find_tip(workspace, git, default_branch)
        base = git.merge_base(head, tip)
        edits = _find_edits(workspace, base, git)
        if edits is None:
            return {}
        if not edits:
            return _find_merged(workspace, gates, base, git) if base == head else {}
        found = {name: _find_revert(workspace, name, edit, base, git) for name, edit in edits.items()}
        same = all(_is_at(edit, tip, git) for edit in edits.values())
        if not same or _edits_policy(workspace, base, git, default_branch):
            return {}
    except EvalgateError:  # a file that cannot be read is reported where it is needed
        return {}
    reverts = {name: revert for name, revert in found.items() if revert is not None}
    return reverts if len(reverts) == len(found) else {}


def take_back(states: Iterable[tuple[str, _T]]) -> tuple[list[tuple[str, _T]], set[str]]:
    """Follow states, each with the digest of its content, oldest first; a state that comes again takes back all since.

    Returns the states that stand on each other, and the digests of those that were taken back at any time.
    """
    standing: list[tuple[str, _T]] = []
    withdrawn: set[str] = set()
    for state in states:
        place = next((place for place, other in enumerate(standing) if other[0] == state[0]), None)
        if place is not None:
            withdrawn |= {other for other, _ in standing[place + 1 :]}
            del standing[place:]
        standing.append(state)
    return standing, withdrawn


def _find_head(workspace: Workspace, git: Git) -> str:
    return workspace.change.sides.head if isinstance(workspace, PullRequest) else git.resolve("HEAD")


def _find_tip(workspace: Workspace, git: Git, default_branch: str | None) -> str:
    if isinstance(workspace, PullRequest):
        return workspace.change.sides.policy
    return git.resolve(git.default_branch(default_branch))


def _find_edits(workspace: Workspace, base: str, git: Git) -> dict[str, _Edit] | None:
    """Return the gates whose prompt differs from the merge base; None if a prompt is new, moved, gone or unreadable.

    A prompt differs as well if only a file that it includes does.
    """
    tree, before, found = workspace.tree, CommitTree(git, base), {}
    if isinstance(workspace, PullRequest):
        tree, files = CommitTree(git, workspace.change.sides.head), workspace.change.prompts
        same = {
            name
            for name, file in files.items()
            if file.base is not None and git.blob(workspace.change.sides.head, file.head) == git.blob(base, file.base)
        }
    else:
        files = {
            gate.name: base_policy.PromptFile(head=gate.prompt, base=gate.prompt) for gate in workspace.config.gates
        }
        unchanged = find_unchanged(dict.fromkeys(file.head for file in files.values()), tree, git, base)
        same = {name for name, file in files.items() if file.head in unchanged}
    for gate in workspace.config.gates:
        file = files.get(gate.name)
        if file is None:
            continue
        now, was = (_load(side, path, gate.settings) for side, path in ((tree, file.head), (before, file.base)))
        if gate.name in same and (now is None or was is None or not (now.template.files or was.template.files)):
            if (now is None) is not (was is None):
                return None  # a file that it includes is new or gone
            continue
        if file.base != file.head or now is None or was is None:
            return None
        if (now.digest, now.version) != (was.digest, was.version):
            found[gate.name] = _Edit(file=file.head, settings=gate.settings, now=now, was=was)
    return found


def _load(tree: Tree, path: str | None, settings: PromptSettings) -> PromptVersion | None:
    """Return the prompt in a file of a tree; None if it is not there or cannot be read."""
    try:
        return None if path is None or not tree.exists(path) else load_prompt(tree, path, settings)
    except EvalgateError:
        return None


def _is_at(edit: _Edit, commit: str, git: Git) -> bool:
    """Return True if the prompt at a commit is the one before the edit."""
    there = load_prompt_at(git, commit, edit.file, edit.settings)
    return (there.digest, there.version) == (edit.was.digest, edit.was.version)


def _find_revert(workspace: Workspace, name: str, edit: _Edit, base: str, git: Git) -> Revert | None:
    """Return the revert if the edit takes back the change that brought the present version."""
    earlier = _find_earlier(list(_read_states(edit.file, base, edit.was, edit.settings, git)), edit.was, edit.now)
    if earlier is None or _was_unpinned(workspace, name, edit.now, edit.settings, base, git):
        return None
    return _make_revert(earlier, edit.was)


def _find_earlier(states: Sequence[_State], present: PromptVersion, back: PromptVersion) -> _State | None:
    """Return the last state before the present version if it is the one to go back to, and was never taken back.

    It is exactly that content. A version counts as taken back also if the content that came again, or the version that
    went, differed from it in white space alone.
    """
    exact, withdrawn = take_back((one.version.digest, one) for one in states)
    alike, withdrawn_alike = take_back((one.version.normalized_digest, one) for one in states)
    if back.digest in withdrawn or back.normalized_digest in withdrawn_alike:
        return None
    for standing in (exact, alike):
        if len(standing) < 2 or standing[-1][1].version.digest != present.digest:
            continue
        if standing[-2][1].version.digest == back.digest:
            return standing[-2][1]
    return None


def _find_merged(workspace: Workspace, gates: Sequence[Gate], head: str, git: Git) -> dict[str, Revert]:
    """Return the gates whose present prompt came to the default branch by a revert."""
    found = {}
    for gate in gates:
        present = load_prompt_at(git, head, gate.prompt, gate.settings)
        states = list(_read_states(gate.prompt, head, present, gate.settings, git))
        while len(states) > 1 and states[-1].version.digest == states[-2].version.digest:
            states.pop()
        if len(states) < 2 or states[-1].version.digest != present.digest:
            continue
        now, was = states[-1], states[-2]
        earlier = _find_earlier(states[:-1], was.version, now.version)
        before = git.parent(now.commit)
        if earlier is None or before is None:
            continue
        if _was_unpinned(workspace, gate.name, now.version, gate.settings, before, git):
            continue
        own = {gate.prompt, *_list_included([gate], before, now.commit, git)}
        others = [one for one in workspace.config.gates if one.prompt != gate.prompt]
        paths = _list_policy_files(workspace, before, now.commit, git)
        paths |= {one.prompt for one in others} | _list_included(others, before, now.commit, git)
        edited = {path for path in own | paths if git.blob(before, path) != git.blob(now.commit, path)}
        if edited and edited <= own - paths:
            found[gate.name] = _make_revert(earlier, was.version)
    return found


def _list_included(gates: Iterable[Gate], one: str, other: str, git: Git) -> set[str]:
    """Return the files that the prompts of gates include at either of two commits."""
    trees = (CommitTree(git, one), CommitTree(git, other))
    return {path for gate in gates for tree in trees for path in list_included_files(tree, gate)}


def _make_revert(earlier: _State, present: PromptVersion) -> Revert:
    version = earlier.version
    replaced = present.version or f"digest {present.digest[:12]}"
    return Revert(version=version.version, digest=version.digest, source=version.source, replaced=replaced)


def _read_states(
    file: str, commit: str, present: PromptVersion, settings: PromptSettings, git: Git
) -> Iterator[_State]:
    """Yield the states of a prompt on the first-parent history of a commit, oldest first."""
    for at, oid in list_states(git, present, [file], [commit], first_parent=True):
        try:
            version = parse_state(git, at, read_state(git, at, oid, file), file, settings)
        except EvalgateError:  # it was not a prompt then
            continue
        yield _State(version=version, commit=at)


def _was_unpinned(  # noqa: PLR0917 - a version of a gate, and where its pins are
    workspace: Workspace, gate: str, version: PromptVersion, settings: PromptSettings, commit: str, git: Git
) -> bool:
    """Return True if the pin of a gate was taken back from a version, or from one that differs in white space."""
    path, pinned = pins.pins_path(workspace.config.path), []
    files = [one.prompt for one in workspace.config.gates if one.name == gate]
    for at, _ in git.history(path, [commit], first_parent=True):
        try:
            pin = pins.load_pins(CommitTree(git, at), path).get(gate)
        except EvalgateError:
            continue
        if pin is not None:
            pinned.append((pin.digest, _find_normalized(pin, files, settings, git)))
    if version.digest in take_back((exact, exact) for exact, _ in pinned)[1]:
        return True
    return version.normalized_digest in take_back((alike, alike) for _, alike in pinned)[1]


def _find_normalized(pin: pins.Pin, files: Sequence[str], settings: PromptSettings, git: Git) -> str:
    """Return the normalised digest of a pinned version; its own digest if the version cannot be read any more."""
    try:
        return pins.load_pinned_prompt(pin, files, git, settings).normalized_digest
    except EvalgateError:
        return pin.digest


def _edits_policy(workspace: Workspace, base: str, git: Git, default_branch: str | None) -> bool:
    """Return True if the change edits any file, besides prompts, that a verdict can depend on, or removes a gate."""
    if isinstance(workspace, PullRequest):
        return bool(workspace.change.changes) or workspace.change.is_moved
    # the registry of a working tree is the one on the disk, whatever a commit has
    paths = _list_policy_files(workspace, base, None, git) - list_registry_files(workspace.config)
    if not find_unchanged(paths, workspace.tree, git, base).issuperset(paths):
        return True
    return bool(changed_gates.find_removed_gates(workspace.tree, git, workspace.config, default_branch))


def _list_policy_files(workspace: Workspace, base: str, commit: str | None, git: Git) -> set[str]:
    """Return the policy files of the workspace, with the images of its cases at the base and at a commit.

    Without a commit, the other side is the tree of the workspace.
    """
    trees = (CommitTree(git, base), workspace.tree if commit is None else CommitTree(git, commit))
    images = {path for tree in trees for gate in workspace.config.gates for path in list_image_files(tree, gate)}
    return base_policy.list_policy_files(workspace.config) | images
