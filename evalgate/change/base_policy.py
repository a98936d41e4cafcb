"""Decide which files of a pull request are evaluated, and under which policy.

Prompts are read at the head of the change. Configuration, cases and recordings are read at the tip of the base branch,
so an author cannot choose the rules for their own change. All files are read from commits.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from evalgate.change.merge_base import Base, find_unchanged
from evalgate.change.merged_tree import MergedTree
from evalgate.change.path_twins import find_twins
from evalgate.change.pins import pins_path
from evalgate.change.registry_path import list_registry_files
from evalgate.change.renames import Moves, find_moved_match, find_moves, find_own_gate, find_ungated_files
from evalgate.change.versions import Versions
from evalgate.domain import Config, Gate, PolicyChange, PromptVersion
from evalgate.domain.langfuse_reference import is_langfuse
from evalgate.domain.lists import name_some
from evalgate.domain.numbers import show_count
from evalgate.errors import EvalgateError, Fault, GitError, InputError, Place
from evalgate.inputs.case_images import list_image_files, list_included_files
from evalgate.inputs.config import read_gate_names
from evalgate.inputs.formats.nodes import raise_faults
from evalgate.inputs.tree import CommitTree, Tree
from evalgate.services.git import Git
from evalgate.services.git_export import digest_code

_NAMED = 10
_NOTHING_MOVED = Moves(paths={}, names={}, is_all=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptFile:
    """The path of a gate's prompt at the head of a change and at the merge base (None: the file is new since then)."""

    head: str
    base: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The commits of a change, as full shas: `policy` is the tip of the base branch, `base` the merge base."""

    policy: str
    head: str
    base: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedChange:
    """The part of a change that is evaluated.

    `prompts` has the prompt files by gate; a gate that is missing there is not part of this change. `changes` are the
    edited policy files, which are not used for the verdict; `remarks` describe what is left unchecked because of that.
    `is_moved` is true if the change's own configuration names new paths of prompts.
    """

    sides: Sides
    prompts: Mapping[str, PromptFile]
    changes: tuple[PolicyChange, ...]
    remarks: tuple[str, ...]
    is_moved: bool = False

    @property
    def reason(self) -> tuple[str, ...]:
        """The reason why the change is MAJOR regardless of its prompts; empty if it edits no policy file."""
        if not self.changes:
            return ()
        paths = [change.path for change in self.changes]
        return (f"edits {name_some(paths, _NAMED)}; the base's version of the policy is used",)


def judge_change(config: Config, own: Config | None, git: Git, sides: Sides) -> JudgedChange:
    """Return the part of a change that is evaluated under `config`, the configuration of the base.

    `own` is the configuration of the change, or None if it has none that can be read. A prompt that the change moves
    is found at the path that `own` names. Naming the new path does not count as an edit of the policy.

    Raises InputError for prompts that the change deletes without removing them from its configuration, and for files
    whose path differs only in upper and lower case from that of a prompt, or of a file that a gate reads. Raises
    GitError for a policy file that is not a regular file at the head.
    """
    earlier = find_earlier_path(config.path, git, sides)
    judging = _list_judging_files(config, own, git, sides, earlier=earlier)
    changes = find_policy_changes(judging, git, sides)
    edits_config = not {config.path, earlier}.isdisjoint(change.path for change in changes)
    mine = own if own is not None and edits_config else None
    moved = find_moves(config, mine, git, base=sides.base, head=sides.head) if mine is not None else _NOTHING_MOVED
    if moved.is_all:
        changes = tuple(change for change in changes if change.path != config.path)
    before = _read_gate_names(CommitTree(git, sides.base), earlier)
    merged = MergedTree(git, base=sides.base, head=sides.head, tip=sides.policy, kept={config.path})
    gates = read_gate_names(merged, config.path)
    prompts: dict[str, PromptFile] = {}
    matches: dict[str, str] = {}
    remarks: list[str] = []
    faults: list[Fault] = []
    for gate in (one for one in config.gates if not is_langfuse(one.prompt)):  # no change edits those
        match = find_moved_match(gate, config, gates.values(), git, base=sides.base, head=sides.head)
        to = moved.paths.get(gate.name, match)
        try:
            found = find_prompt_file(gate, git, sides, before=before.get(gate.name), moved=to)
        except InputError as error:
            if gate.pattern is not None and _is_removed(gate, own, git, sides):
                # as with a gate that is taken out of the configuration, a person has to agree
                changes += (PolicyChange(path=gate.prompt, digest=""),)
                remarks.append(f'this change removes the gate "{gate.name}"')
                continue
            faults += error.faults if mine is None or find_own_gate(gate, config, mine) is not None else ()
            continue
        if found is not None:
            prompts[gate.name] = found
            if found.head == match and gate.name not in moved.paths:
                matches[gate.name] = match
        else:
            remarks.append(f'the gate "{gate.name}" was added after this change branched off; it has no {gate.prompt}')
    faults += find_twins(_list_pairs(config, prompts), judging, git, base=sides.base, head=sides.head)
    raise_faults(faults, config.path)
    aside = _find_aside(config, own, matches, gates.values(), git, sides)
    changes += tuple(PolicyChange(path=gate.prompt, digest="") for gate in config.gates if gate.name in aside)
    remarks += [_describe_move(name, matches[name], files) for name, files in aside.items()]
    if mine is not None:
        remarks += _find_unseen_edits(config, mine, moved, before)
    if not edits_config or moved.is_all:
        known = {gate.prompt for gate in config.gates} | {file.head for file in prompts.values()}
        new = {name: prompt for name, prompt in gates.items() if prompt not in known}
        # a prompt that only a pattern makes a gate is as new as one that the configuration names: a person has to agree
        changes += tuple(replace(one, is_new_prompt=True) for one in find_policy_changes(new.values(), git, sides))
        remarks += [_describe_new(name, prompt) for name, prompt in new.items()]
    return JudgedChange(
        sides=sides, prompts=prompts, changes=changes, remarks=tuple(remarks), is_moved=bool(moved.paths)
    )


def find_earlier_path(path: str, git: Git, sides: Sides) -> str:
    """Return the path at the merge base of a file of the base: the same, or the one that the base moved it from."""
    return next(iter(sorted(_list_earlier_paths([path], git, sides))), path)


def _list_earlier_paths(paths: Iterable[str], git: Git, sides: Sides) -> set[str]:
    """Return the paths at the merge base of files that the base has moved since: renamed, or rewritten as well.

    A file that is rewritten may be any of those of its name that are gone.
    """
    new = [path for path in paths if not git.exists(sides.base, path)]
    if not new:
        return set()
    renames = git.list_renames(sides.base, sides.policy)
    gone = git.added(sides.base, sides.policy, kinds="D")
    names = {posixpath.basename(path) for path in new if path not in renames}
    return {renames[path] for path in new if path in renames} | {
        path for path in gone if posixpath.basename(path) in names
    }


def _is_removed(gate: Gate, own: Config | None, git: Git, sides: Sides) -> bool:
    """Return whether a change removes a prompt of a pattern, and adds no file that may hold it and has no gate."""
    if own is None or git.exists(sides.head, gate.prompt):
        return False
    known = {own.path, *(other.prompt for other in own.gates)}
    return not find_ungated_files(known, (), git, base=sides.base, head=sides.head)


def _list_pairs(config: Config, prompts: Mapping[str, PromptFile]) -> list[tuple[Gate, str | None]]:
    """Return each gate of a change with its prompt at the head, and the prompt's path at the merge base."""
    files = [(gate, prompts[gate.name]) for gate in config.gates if gate.name in prompts]
    return [(replace(gate, prompt=file.head, baseline=None), file.base) for gate, file in files]


def _find_aside(  # noqa: PLR0917 - the change, and the prompts that it moves
    config: Config, own: Config | None, matches: Mapping[str, str], gated: Collection[str], git: Git, sides: Sides
) -> Mapping[str, tuple[str, ...]]:
    """Return the new or edited files without a gate beside prompts that a change moves within their patterns, by gate.

    `matches` are the new paths by gate, `gated` all prompts of the base's gates once the change is merged. An
    application may read one of these files in place of a prompt that moved, so a person has to agree.
    """
    if not matches:
        return {}
    known = {config.path, *gated, *(() if own is None else (gate.prompt for gate in own.gates))}
    moved = {gate.prompt for gate in config.gates if gate.name in matches} | set(matches.values())
    aside = find_ungated_files(known, moved, git, base=sides.base, head=sides.head)
    return dict.fromkeys(matches, aside) if aside else {}


def find_prompt_file(
    gate: Gate, git: Git, sides: Sides, *, before: str | None = None, moved: str | None = None
) -> PromptFile | None:
    """Return the file at the head that corresponds to the gate's prompt in the base's configuration.

    `before` is the gate's prompt in the configuration of the merge base. `moved` is its path in the change's own
    configuration, used if the file is gone. A rename made on the base branch is detected by content. A rename made by
    the change is not: otherwise an author could leave the old content elsewhere and so choose the evaluated file.

    Returns None if the merge base has no such file either: the gate was added after the change branched off. Raises
    InputError if the change deleted the file.
    """
    path = gate.prompt
    was = next((one for one in (path, before) if one is not None and git.exists(sides.base, one)), None)
    was = was or git.find_renamed_from(sides.base, path, commit=sides.policy)
    now = next((one for one in (path, was) if one is not None and git.exists(sides.head, one)), moved)
    if now is not None:
        return PromptFile(head=now, base=was)
    if was is None:
        return None
    # look for the same rename in the opposite direction, to suggest a path
    likely = git.find_renamed_from(sides.head, was, commit=sides.base)
    looks = f"; a file with similar content is {likely}" if likely is not None else ""
    raise InputError(
        f'gate "{gate.name}": {was} does not exist at {sides.head[:7]}, but {sides.policy[:7]} gates it',
        place=Place(path=was),
        hint=f"name the new path under `prompt:` in the configuration{looks}; or remove the gate from it as well",
    )


def list_policy_files(config: Config) -> set[str]:
    """Return every file, besides the prompts, that the verdict of a gate can depend on."""
    recordings = [target.recordings for target in config.targets.values()]
    own = [path for gate in config.gates for path in (gate.dataset, *gate.files)]
    named = {path for path in recordings if path is not None} | list_registry_files(config)
    return {config.path, pins_path(config.path), *own, *named}


def _list_policy_files_at(config: Config, git: Git, commit: str) -> set[str]:
    """Return the policy files at a commit, with the images of the cases, and what files of baselines include."""
    tree = CommitTree(git, commit)
    found = list_policy_files(config)
    for gate in config.gates:
        found |= list_image_files(tree, gate)
        if gate.baseline is not None:
            fixed = replace(gate, prompt=gate.baseline, settings=gate.baseline_settings, baseline=None)
            found |= list_included_files(tree, fixed)
    return found


def _list_judging_files(config: Config, own: Config | None, git: Git, sides: Sides, *, earlier: str) -> set[str]:
    """Return the paths at which a change may edit the policy: those of the base, and those that they had before.

    A merge brings an edit of a file to where the base has moved it. What only the change's own configuration names
    counts as well, unless the base no longer reads it and the change leaves the configuration as it was. `earlier` is
    the configuration's path at the merge base.
    """
    present = _list_policy_files_at(config, git, sides.policy)
    before = _list_earlier_paths(present, git, sides) | {earlier, pins_path(earlier)}
    mine = set() if own is None else _list_policy_files_at(own, git, sides.head)
    if not find_policy_changes({config.path, earlier}, git, sides):
        mine = {path for path in mine if not git.exists(sides.policy, path)}
    return present | before | mine


def find_policy_changes(paths: Iterable[str], git: Git, sides: Sides) -> tuple[PolicyChange, ...]:
    """Return the files that the change itself edits.

    An edited file differs at the head from the merge base and from the tip of the base branch. Raises GitError if a
    file is not a regular file at the head.
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
    """Raise InputError if a target is a Python function, whose code the change could edit, unless the base trusts it.

    With `trust_code` in the base's configuration, functions are imported from an export of the base's tree.
    """
    if config.trust_code:
        return
    named = {name for gate in gates for name in (gate.candidate_target, gate.baseline_target)}
    named |= {judge.target for gate in gates for judge in gate.judges}
    faults = [
        Fault(
            message=f'target "{name}" is a function, {config.targets[name].location}: the change could edit its code',
            place=Place(path=config.path),
            hint="set `policy: {trust_code: true}` in the base's configuration, so that the base's code runs; or use "
            "policy-ref: head, and only where everyone who can push is trusted",
        )
        for name in sorted(named)
        if config.targets[name].kind == "python"
    ]
    if faults:
        raise InputError(faults=faults)


def add_code_digest(config: Config, git: Git, commit: str) -> Config:
    """Return the base's configuration with the digest of the base's code as an option of each trusted function."""
    names = {name for name, target in config.targets.items() if target.kind == "python"}
    if not (names and config.trust_code):
        return config
    code = digest_code(git, commit)
    targets = {
        name: replace(target, options={**target.options, "code": code}) if name in names else target
        for name, target in config.targets.items()
    }
    return replace(config, targets=targets)


def list_code_variants(config: Config, git: Git) -> tuple[Config, ...]:
    """Return a configuration as it is, and as pull requests of HEAD and of its first parent use it.

    A report of a pull request names the code that its functions were loaded from. The variants are equal, and there is
    one of them, unless the configuration trusts functions.
    """
    found = [config]
    for commit in ("HEAD", "HEAD^1"):
        if git.knows(commit):
            found.append(add_code_digest(config, git, git.resolve(commit)))
    return tuple(one for number, one in enumerate(found) if one not in found[:number])


def refuse_recorded(gate: Gate, config: Config, candidate: PromptVersion, baseline: PromptVersion | None) -> None:
    """Raise InputError for a gate with recorded outputs whose prompt the change edits.

    Recorded outputs are read from the base, so they hold no answers of the edited prompt.
    """
    target = config.targets[gate.candidate_target]
    is_same = baseline is not None and baseline.normalized_digest == candidate.normalized_digest
    if target.kind == "recorded" and not is_same:
        raise InputError(
            f'gate "{gate.name}": {target.location} is read from the base, so it holds no outputs of the edited prompt',
            place=Place(path=config.path),
            hint="use policy-ref: head, if everyone who can push is trusted, or let the gate call an endpoint",
        )


def note_recorded(gate: Gate, config: Config, found: Versions, base: Base | None) -> tuple[str, ...]:
    """Return a note where a prompt was edited and the recorded outputs of its target were not."""
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
    """Return the tip of the base branch as the base for pins; its policy is the one in use, so nothing is edited."""
    tree = CommitTree(git, sides.policy)
    return Base(commit=sides.policy, git=git, tree=tree, here=tree, config=config, now=config, edited=False)


def _find_unseen_edits(config: Config, own: Config, moved: Moves, before: Mapping[str, str]) -> Iterator[str]:
    """Describe edits that the base's configuration does not cover; `before` has the merge base's prompts by gate."""
    now = {gate.name: gate.prompt for gate in config.gates}
    mine = {gate.name: gate.prompt for gate in own.gates}
    for name, prompt in now.items():
        if name in moved.paths:
            if moved.aside:
                yield _describe_move(name, moved.paths[name], moved.aside)
        elif name not in mine and name in before:
            yield f'this change removes the gate "{name}"'
        elif name in mine and mine[name] != prompt and mine[name] != before.get(name):
            yield f'the gate "{name}" gets another prompt, {mine[name]}: the base\'s prompt {prompt} is evaluated'
    for name, prompt in mine.items():
        if name not in now and name not in before and name not in moved.names.values():
            yield _describe_new(name, prompt)


def _describe_move(name: str, path: str, aside: Sequence[str]) -> str:
    more = f" and {show_count(len(aside) - 1, 'more file')}" if len(aside) > 1 else ""
    return f'the gate "{name}" moves to {path}; {aside[0]}{more} is new or edited, and no gate covers it'


def _describe_new(name: str, prompt: str) -> str:
    return f'the gate "{name}" is new: {prompt} is not evaluated before this change is merged'


def _read_gate_names(tree: Tree, path: str) -> Mapping[str, str]:
    """Return the prompts by gate in a configuration; empty if there is none or it cannot be read."""
    try:
        return read_gate_names(tree, path)
    except EvalgateError:
        return {}


def _find_blob(git: Git, commit: str, path: str) -> str | None:
    """Return the id of the regular file there, or "" for anything else."""
    try:
        return git.blob(commit, path)
    except GitError:
        return ""
