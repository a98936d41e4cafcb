"""A change as its base judges it: the prompts of its head, the policy of the base, and what of the policy it edits.

Whoever proposes a change does not choose by which rules, cases and recordings it is judged. All is read from commits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from evalgate.domain import Config, Gate, PolicyChange, PromptVersion
from evalgate.errors import EvalgateError, GitError, InputError, Place
from evalgate.inputs.base import Base
from evalgate.inputs.pins import pins_path
from evalgate.inputs.prompts import parse_prompt
from evalgate.inputs.tree import CommitTree
from evalgate.services.git import Git


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
class Judged:
    """What of a change is judged: `prompts` by gate. A gate that is missing there is none of this change.

    `changes` are the policy files that it edits and that take no part; `remarks` say what that leaves open.
    """

    sides: Sides
    prompts: Mapping[str, PromptFile]
    changes: tuple[PolicyChange, ...]
    remarks: tuple[str, ...]

    @property
    def reason(self) -> tuple[str, ...]:
        """Why the change is MAJOR whatever its prompts say; nothing where it edits no policy file."""
        if not self.changes:
            return ()
        return (f"edits {', '.join(change.path for change in self.changes)}, judged by the base's edition",)


def prompt_file(gate: Gate, git: Git, sides: Sides) -> PromptFile | None:
    """The file at the head that holds what the base's configuration names as the gate's prompt; renames are followed.

    None where the merge base has none either: the gate is younger than the change's branch. Raises InputError where
    the change took it away.
    """
    path = gate.prompt
    was = path if git.exists(sides.base, path) else git.renamed_from(sides.base, path, commit=sides.policy)
    now = next((one for one in (path, was) if one is not None and git.exists(sides.head, one)), None)
    if now is None and was is not None:
        # the same rename, told backwards
        now = git.renamed_from(sides.head, was, commit=sides.base)
    if now is not None:
        return PromptFile(head=now, base=was)
    if was is None:
        return None
    raise InputError(
        f'gate "{gate.name}": {was} is gone at {sides.head[:7]}, and {sides.policy[:7]} gates it',
        place=Place(path=was),
        hint="keep the file, or take the gate out of the configuration as well",
    )


def read_prompt(git: Git, commit: str, file: str) -> PromptVersion:
    """The prompt in a file of a commit; its faults are placed in the file, which is that of the change's author."""
    return parse_prompt(git.read(commit, file), file, f"{commit[:7]}:{file}")


def edited_prompts(gates: Sequence[Gate], judged: Judged, git: Git) -> tuple[Gate, ...]:
    """The gates whose prompt has other content, or another version, than at the merge base; one that cannot be read."""
    return tuple(gate for gate in gates if _is_edited(judged.prompts[gate.name], judged.sides, git))


def policy_files(config: Config) -> set[str]:
    """Every file, besides the prompts, that the verdict of a gate can depend on."""
    recordings = [target.recordings for target in config.targets.values()]
    own = [path for gate in config.gates for path in (gate.dataset, *gate.files)]
    return {config.path, pins_path(config.path), *own, *(path for path in recordings if path is not None)}


def policy_changes(paths: Iterable[str], git: Git, sides: Sides) -> tuple[PolicyChange, ...]:
    """The files that the change itself edits: other at its head than at the merge base, and than at the base's tip.

    Raises GitError for what is no regular file at the head.
    """
    found = []
    for path in sorted(set(paths)):
        now = git.blob(sides.head, path)
        if now in (_blob(git, sides.base, path), _blob(git, sides.policy, path)):
            continue
        content = b"" if now is None else git.blobs([now])[now]
        found.append(PolicyChange(path=path, digest="" if now is None else hashlib.sha256(content).hexdigest()))
    return tuple(found)


def remarks_on(config: Config, own: Config | None, before: Config | None, absent: Sequence[Gate]) -> tuple[str, ...]:
    """What the base's edition of the configuration leaves open of a change, sentence by sentence.

    `own` and `before` are the configuration at the head and at the merge base, None where there is none to read;
    `absent` are gates without a prompt in the change.
    """
    said = [
        f'the gate "{gate.name}" is younger than this change: {gate.prompt} is not in it'
        for gate in absent
        if own is None or gate.name in {one.name for one in own.gates} or before is None
    ]
    if own is None:
        return tuple(said)
    known, mine = ({gate.name: gate for gate in one.gates} for one in (config, own))
    old = {gate.name for gate in before.gates} if before is not None else set()
    said += [f'the gate "{name}" is taken out by this change' for name in known if name not in mine and name in old]
    said += [
        f'the gate "{name}" is new in this change: nothing of it is judged before its policy is merged'
        for name in mine
        if name not in known and name not in old
    ]
    said += [
        f'the gate "{name}" names {mine[name].prompt} in this change: judged is the prompt the base names'
        for name in mine
        if name in known and mine[name].prompt != known[name].prompt and before is not None and own != before
    ]
    return tuple(said)


def policy_base(config: Config, git: Git, sides: Sides) -> Base:
    """The base for pins: its tip, where nothing of the policy differs from what judges."""
    return Base(commit=sides.policy, tree=CommitTree(git, sides.policy), config=config, now=config, edited=False)


def _is_edited(file: PromptFile, sides: Sides, git: Git) -> bool:
    if file.base is None:
        return True
    try:
        if git.blob(sides.head, file.head) == git.blob(sides.base, file.base):
            return False
        one, other = read_prompt(git, sides.head, file.head), read_prompt(git, sides.base, file.base)
    except EvalgateError:
        return True
    return (one.digest, one.version) != (other.digest, other.version)


def _blob(git: Git, commit: str, path: str) -> str | None:
    """The id of the regular file there; "" for something else."""
    try:
        return git.blob(commit, path)
    except GitError:
        return ""
