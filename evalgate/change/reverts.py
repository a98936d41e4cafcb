"""Find the prompts that a change takes back to the version that the present one replaced."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from evalgate.change import base_policy, pins
from evalgate.change.commit_prompts import load_prompt_at, parse_state
from evalgate.change.merge_base import find_unchanged
from evalgate.change.workspace import PullRequest, Workspace
from evalgate.domain import Gate, PromptVersion, Revert
from evalgate.domain.prompt_version import PromptSettings
from evalgate.errors import EvalgateError
from evalgate.inputs.case_images import list_image_files
from evalgate.inputs.prompts import load_prompt
from evalgate.inputs.tree import CommitTree
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
    first-parent history of its file. A version that was taken back once, in this history or in that of the pins, is no
    longer one to go back to.

    A change that edits anything else of the gates (a prompt, a dataset, a rule) has no reverts. Nor has one whose
    history is not known, as in a shallow clone.
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
        same = all(git.blob(tip, edit.file) == git.blob(base, edit.file) for edit in edits.values())
        if not same or _edits_policy(workspace, base, git):
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
    """Return the gates whose prompt differs from the merge base; None if a prompt is new, moved or gone."""
    tree, found = workspace.tree, {}
    if isinstance(workspace, PullRequest):
        files = workspace.change.prompts
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
    settings = {gate.name: gate.settings for gate in workspace.config.gates}
    for name, file in files.items():
        if name in same:
            continue
        if file.base != file.head or not git.exists(base, file.head):
            return None
        if isinstance(workspace, PullRequest):
            now = load_prompt_at(git, workspace.change.sides.head, file.head, settings[name])
        else:
            now = load_prompt(tree, file.head, settings[name])
        was = load_prompt_at(git, base, file.head, settings[name])
        found[name] = _Edit(file=file.head, settings=settings[name], now=now, was=was)
    return found


def _find_revert(workspace: Workspace, name: str, edit: _Edit, base: str, git: Git) -> Revert | None:
    """Return the revert if the edit takes back the change that brought the present version."""
    standing, withdrawn = take_back(
        (one.version.digest, one) for one in _read_states(edit.file, base, edit.settings, git)
    )
    if len(standing) < 2 or standing[-1][0] != edit.was.digest:
        return None
    earlier = standing[-2][1]
    if earlier.version.digest != edit.now.digest or edit.now.digest in withdrawn | _find_unpinned(
        workspace, name, base, git
    ):
        return None
    return _make_revert(earlier, edit.was)


def _find_merged(workspace: Workspace, gates: Sequence[Gate], head: str, git: Git) -> dict[str, Revert]:
    """Return the gates whose present prompt came to the default branch by a revert."""
    found = {}
    for gate in gates:
        states = list(_read_states(gate.prompt, head, gate.settings, git))
        while len(states) > 1 and states[-1].version.digest == states[-2].version.digest:
            states.pop()
        standing, withdrawn = take_back((one.version.digest, one) for one in states[:-1])
        if len(standing) < 2 or standing[-2][0] != states[-1].version.digest:
            continue
        if load_prompt_at(git, head, gate.prompt, gate.settings).digest != states[-1].version.digest:
            continue  # a file that the prompt includes has changed since
        now, was, earlier = states[-1], standing[-1][1], standing[-2][1]
        before = git.parent(now.commit)
        if before is None or now.version.digest in withdrawn | _find_unpinned(workspace, gate.name, before, git):
            continue
        paths = {*_list_policy_files(workspace, before, git), *(one.prompt for one in workspace.config.gates)}
        edited = {path for path in paths if git.blob(before, path) != git.blob(now.commit, path)}
        if edited == {gate.prompt}:
            found[gate.name] = _make_revert(earlier, was.version)
    return found


def _make_revert(earlier: _State, present: PromptVersion) -> Revert:
    version = earlier.version
    replaced = present.version or f"digest {present.digest[:12]}"
    return Revert(version=version.version, digest=version.digest, source=version.source, replaced=replaced)


def _read_states(file: str, commit: str, settings: PromptSettings, git: Git) -> Iterator[_State]:
    """Yield the states of a prompt on the first-parent history of a commit, oldest first."""
    for at, oid in git.history(file, [commit], first_parent=True):
        try:
            version = parse_state(git, at, git.blobs([oid])[oid], file, settings)
        except EvalgateError:  # it was not a prompt then
            continue
        yield _State(version=version, commit=at)


def _find_unpinned(workspace: Workspace, gate: str, commit: str, git: Git) -> set[str]:
    """Return the digests that the pin of a gate was taken back from."""
    path, pinned = pins.pins_path(workspace.config.path), []
    for at, _ in git.history(path, [commit], first_parent=True):
        try:
            pin = pins.load_pins(CommitTree(git, at), path).get(gate)
        except EvalgateError:
            continue
        if pin is not None:
            pinned.append((pin.digest, pin))
    return take_back(pinned)[1]


def _edits_policy(workspace: Workspace, base: str, git: Git) -> bool:
    """Return True if the change edits any file, besides prompts, that a verdict can depend on."""
    if isinstance(workspace, PullRequest):
        return bool(workspace.change.changes) or workspace.change.is_moved
    paths = _list_policy_files(workspace, base, git)
    return not find_unchanged(paths, workspace.tree, git, base).issuperset(paths)


def _list_policy_files(workspace: Workspace, base: str, git: Git) -> set[str]:
    """Return the policy files of the workspace, with the images of its cases on both sides."""
    config, before = workspace.config, CommitTree(git, base)
    images = {
        path for tree in (workspace.tree, before) for gate in config.gates for path in list_image_files(tree, gate)
    }
    return base_policy.list_policy_files(config) | images
