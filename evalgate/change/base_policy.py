"""A change as its base judges it: the prompts of its head, the policy of the base, and what of the policy it edits.

Whoever proposes a change does not choose by which rules, cases and recordings it is judged. All is read from commits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from evalgate.change.merge_base import Base, find_unchanged
from evalgate.change.pins import pins_path
from evalgate.change.renames import Moves, find_moves, find_own_gate
from evalgate.change.versions import Versions, load_prompt_at
from evalgate.domain import Config, Gate, PolicyChange, PromptVersion
from evalgate.domain.lists import name_some
from evalgate.errors import EvalgateError, Fault, GitError, InputError, Place
from evalgate.inputs.config import read_gate_names
from evalgate.inputs.formats.nodes import raise_faults
from evalgate.inputs.tree import CommitTree
from evalgate.services.git import Git
from evalgate.services.git_names import fold_path

_NAMED = 10
_NOTHING_MOVED = Moves(paths={}, names={}, is_all=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptFile:
    """Where a gate's prompt lies at the head of a change, and at the merge base (None: it is new since)."""

    head: str
    base: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The commits of a change, as full shas: the tip of the branch it goes to, its own tip, and their merge base."""

    policy: str
    head: str
    base: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedChange:
    """What of a change is judged: `prompts` by gate. A gate that is missing there is none of this change.

    `changes` are the policy files that it edits and that take no part; `remarks` say what that leaves open. `is_moved`:
    its own configuration names new paths of prompts.
    """

    sides: Sides
    prompts: Mapping[str, PromptFile]
    changes: tuple[PolicyChange, ...]
    remarks: tuple[str, ...]
    is_moved: bool = False

    @property
    def reason(self) -> tuple[str, ...]:
        """Why the change is MAJOR whatever its prompts say; nothing where it edits no policy file."""
        if not self.changes:
            return ()
        paths = [change.path for change in self.changes]
        return (f"edits {name_some(paths, _NAMED)}, judged by the base's edition",)


def judge_change(config: Config, own: Config | None, git: Git, sides: Sides) -> JudgedChange:
    """What of a change is judged by `config`, the base's; `own` is the change's, None where it has none to read.

    A prompt that the change moves is where its own configuration says; to say so is no edit of the rules.

    Raises InputError for prompts that the change takes away and does not take out of its configuration, and for files
    that differ from them in capitals alone; GitError for a policy file that is none at the head.
    """
    changes = find_policy_changes(
        list_policy_files(config) | (list_policy_files(own) if own is not None else set()), git, sides
    )
    edits_config = config.path in {change.path for change in changes}
    mine = own if own is not None and edits_config else None
    moved = find_moves(config, mine, git, base=sides.base, head=sides.head) if mine is not None else _NOTHING_MOVED
    if moved.is_all:
        changes = tuple(change for change in changes if change.path != config.path)
    before = _read_gate_names(sides.base, config.path, git)
    prompts: dict[str, PromptFile] = {}
    remarks: list[str] = []
    faults: list[Fault] = []
    for gate in config.gates:
        try:
            found = find_prompt_file(gate, git, sides, before=before.get(gate.name), moved=moved.paths.get(gate.name))
        except InputError as error:
            faults += error.faults if mine is None or find_own_gate(gate, config, mine) is not None else ()
            continue
        if found is not None:
            prompts[gate.name] = found
            faults += _twins(found, git, sides)
        else:
            remarks.append(f'the gate "{gate.name}" is younger than this change, which has no {gate.prompt}')
    raise_faults(faults, config.path)
    if mine is not None:
        remarks += _find_unseen_edits(config, mine, moved, before)
    return JudgedChange(
        sides=sides, prompts=prompts, changes=changes, remarks=tuple(remarks), is_moved=bool(moved.paths)
    )


def find_prompt_file(
    gate: Gate, git: Git, sides: Sides, *, before: str | None = None, moved: str | None = None
) -> PromptFile | None:
    """The file at the head that holds what the base's configuration names as the gate's prompt.

    `before` is the gate's prompt in the configuration of the merge base, `moved` the one in the change's own where the
    file is gone. What the base has renamed since is followed by its content, what the change renames is not: whoever
    leaves the old content elsewhere would choose which file is judged.

    None where the merge base has none either: the gate is younger than the change's branch. Raises InputError where
    the change took it away.
    """
    path = gate.prompt
    was = next((one for one in (path, before) if one is not None and git.exists(sides.base, one)), None)
    was = was or git.renamed_from(sides.base, path, commit=sides.policy)
    now = next((one for one in (path, was) if one is not None and git.exists(sides.head, one)), moved)
    if now is not None:
        return PromptFile(head=now, base=was)
    if was is None:
        return None
    # the same rename, told backwards
    likely = git.renamed_from(sides.head, was, commit=sides.base)
    looks = f"; by its content that may be {likely}" if likely is not None else ""
    raise InputError(
        f'gate "{gate.name}": {was} is gone at {sides.head[:7]}, and {sides.policy[:7]} gates it',
        place=Place(path=was),
        hint=f"the configuration has to name the new path under `prompt:`{looks}; or take the gate out of it as well",
    )


def _twins(file: PromptFile, git: Git, sides: Sides) -> Iterator[Fault]:
    """A new file that a disk which does not tell capitals or accents apart would put in the place of a gated prompt.

    It may also stand where a folder of the prompt does: a link of that name leads to another file.
    """
    folders = [str(folder) for folder in PurePosixPath(file.head).parents][:-1]
    places = {fold_path(place): place for place in (file.head, *folders)}
    for path in git.added(sides.base, sides.head):
        if path not in places.values() and fold_path(path) in places:
            place = places[fold_path(path)]
            what = f"{file.head}, which is gated" if place == file.head else f"{place}, which holds a gated prompt"
            message = f"differs in capitals alone from {what}: many disks hold only one of them"
            if path.casefold() != place.casefold():
                message = f"is written in other characters than {what}, that look the same: many disks hold only one"
            yield Fault(message=message, place=Place(path=path), hint="give it another name")


def find_edited_prompts(gates: Sequence[Gate], judged: JudgedChange, git: Git) -> tuple[Gate, ...]:
    """The gates whose prompt has other content, or another version, than at the merge base; one that cannot be read.

    On the branch that judges it is what the last commit brought. Raises GitError where a shallow clone lacks that.
    """
    sides = judged.sides
    parent = git.parent(sides.head) if sides.base == sides.head else None
    if parent is not None:
        sides = replace(sides, base=parent)
    return tuple(gate for gate in gates if _is_edited(judged.prompts[gate.name], sides, git))


def list_policy_files(config: Config) -> set[str]:
    """Every file, besides the prompts, that the verdict of a gate can depend on."""
    recordings = [target.recordings for target in config.targets.values()]
    own = [path for gate in config.gates for path in (gate.dataset, *gate.files)]
    return {config.path, pins_path(config.path), *own, *(path for path in recordings if path is not None)}


def find_policy_changes(paths: Iterable[str], git: Git, sides: Sides) -> tuple[PolicyChange, ...]:
    """The files that the change itself edits: other at its head than at the merge base, and than at the base's tip.

    Raises GitError for what is no regular file at the head.
    """
    found = []
    for path in sorted(set(paths)):
        now = git.blob(sides.head, path)
        if now in (_find_blob(git, sides.base, path), _find_blob(git, sides.policy, path)):
            continue
        content = b"" if now is None else git.blobs([now])[now]
        found.append(PolicyChange(path=path, digest="" if now is None else hashlib.sha256(content).hexdigest()))
    return tuple(found)


def refuse_functions(gates: Sequence[Gate], config: Config) -> None:
    """A function is code, and that of the working tree may be the change's own. Raises InputError."""
    named = {name for gate in gates for name in (gate.candidate_target, gate.baseline_target)}
    named |= {judge.target for gate in gates for judge in gate.judges}
    faults = [
        Fault(
            message=f'target "{name}" is a function, {config.targets[name].location}: the change could edit its code',
            place=Place(path=config.path),
            hint="only with policy-ref: head, where whoever can push is trusted",
        )
        for name in sorted(named)
        if config.targets[name].kind == "python"
    ]
    if faults:
        raise InputError(faults=faults)


def refuse_recorded(gate: Gate, config: Config, candidate: PromptVersion, baseline: PromptVersion | None) -> None:
    """Recorded outputs are the base's, like all cases: of a prompt that a change edits they say nothing.

    Raises InputError.
    """
    target = config.targets[gate.candidate_target]
    is_same = baseline is not None and baseline.normalized_digest == candidate.normalized_digest
    if target.kind == "recorded" and not is_same:
        raise InputError(
            f'gate "{gate.name}": {target.location} is read from the base, so it holds no outputs of the edited prompt',
            place=Place(path=config.path),
            hint="only with policy-ref: head, where whoever can push is trusted; or let the gate ask an endpoint",
        )


def note_recorded(gate: Gate, config: Config, found: Versions, base: Base | None) -> tuple[str, ...]:
    """What to say where a prompt was edited, and the recorded outputs that stand for its answers were not."""
    target = config.targets[gate.candidate_target]
    if base is None or found.baseline is None or target.kind != "recorded":
        return ()
    if found.baseline.normalized_digest == found.candidate.normalized_digest or found.since is not None:
        return ()
    path = target.location
    if not base.git.exists(base.commit, path) or path not in find_unchanged([path], base.here, base.git, base.commit):
        return ()
    return (
        f"{path} is what it was at {base.commit[:7]}, before the prompt was edited: "
        "unless it was recorded beforehand, it holds no outputs of this version",
    )


def read_policy_base(config: Config, git: Git, sides: Sides) -> Base:
    """The base for pins: its tip, where nothing of the policy differs from what judges."""
    tree = CommitTree(git, sides.policy)
    return Base(commit=sides.policy, git=git, tree=tree, here=tree, config=config, now=config, edited=False)


def _find_unseen_edits(config: Config, own: Config, moved: Moves, before: Mapping[str, str]) -> Iterator[str]:
    """What the base's edition does not see of the change's own; `before` are the merge base's prompts by gate."""
    now = {gate.name: gate.prompt for gate in config.gates}
    mine = {gate.name: gate.prompt for gate in own.gates}
    for name, prompt in now.items():
        if name in moved.paths:
            if moved.aside:
                more = f" and {len(moved.aside) - 1} more files" if len(moved.aside) > 1 else ""
                new = f"{moved.aside[0]}{more}"
                yield f'the gate "{name}" moves to {moved.paths[name]}; nothing judges {new}, new or edited'
        elif name not in mine and name in before:
            yield f'the gate "{name}" is taken out by this change'
        elif name in mine and mine[name] != prompt and mine[name] != before.get(name):
            yield f'the gate "{name}" gets another prompt, {mine[name]}: judged is {prompt}, which the base names'
    for name, prompt in mine.items():
        if name not in now and name not in before and name not in moved.names.values():
            yield f'the gate "{name}" is new: nothing judges {prompt} before this change is merged'


def _read_gate_names(commit: str, path: str, git: Git) -> Mapping[str, str]:
    """The prompts by gate that the configuration of a commit names; none where it has none, or a broken one."""
    try:
        return read_gate_names(CommitTree(git, commit), path)
    except EvalgateError:
        return {}


def _is_edited(file: PromptFile, sides: Sides, git: Git) -> bool:
    if file.base is None:
        return True
    try:
        if git.blob(sides.head, file.head) == git.blob(sides.base, file.base):
            return False
        one, other = load_prompt_at(git, sides.head, file.head), load_prompt_at(git, sides.base, file.base)
    except EvalgateError:
        return True
    return (one.digest, one.version) != (other.digest, other.version)


def _find_blob(git: Git, commit: str, path: str) -> str | None:
    """The id of the regular file there; "" for something else."""
    try:
        return git.blob(commit, path)
    except GitError:
        return ""
