"""Compare the gates with the merge base: changed gates, removed gates and changed cases."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from evalgate.change.merge_base import Base, config_path_at, find_base, find_base_commit, find_unchanged, read_base
from evalgate.change.ungated_files import refuse_moved_out
from evalgate.domain import (
    Case,
    CaseChanges,
    Config,
    Gate,
    GoldenDataset,
    Json,
    PromptSettings,
    PromptVersion,
    Target,
    applies,
    digest,
)
from evalgate.domain.property_order import keep_order
from evalgate.domain.report_criteria import list_criteria
from evalgate.errors import GitError, InputError
from evalgate.inputs.case_images import (
    find_edited_images,
    list_image_files,
    list_included_files,
    load_gate_prompts,
    load_images,
)
from evalgate.inputs.config import derive_name, load_config, read_gate_names
from evalgate.inputs.datasets import load_dataset
from evalgate.inputs.gate_entries import name_gate
from evalgate.inputs.prompts import load_prompt
from evalgate.inputs.tree import CommitTree, Tree
from evalgate.services.git import Git
from evalgate.services.git_objects import UnavailableError


def find_changed_gates(
    gates: Sequence[Gate], tree: Tree, git: Git | None, config: Config, default_branch: str | None = None
) -> tuple[Gate, ...]:
    """Return the gates that differ from the merge base of HEAD and the default branch, in order.

    Compared is everything that a verdict depends on: the prompt's content and version, cases, rubrics, schemas,
    criteria, thresholds, samples, targets (with what they replay) and policy. Paths are not compared: moving a file
    changes nothing. `tree` is the working tree, with the repository's top as its root.

    On the default branch itself, if nothing differs, the comparison is with the parent of the last commit.

    A gate that cannot be compared (a configuration or a file that is missing or broken at the merge base) counts as
    changed. Raises GitError if there is no repository or no merge base, or if a shallow clone lacks the parent commit.
    """
    if git is None:
        raise GitError("--changed needs a git repository to compare with", hint="omit --changed to run every gate")
    base = find_base_commit(git, default_branch)
    if base is None:
        return tuple(gates)
    found = _find_changed_since(gates, tree, git, config, base)
    if not found and base == git.head() and git.is_on(default_branch):
        parent = git.parent(base)
        found = () if parent is None else _find_changed_since(gates, tree, git, config, parent)
    return found


def _find_changed_since(gates: Sequence[Gate], tree: Tree, git: Git, config: Config, base: str) -> tuple[Gate, ...]:
    files = {gate.name: _list_all_files(gate, tree, config) for gate in gates}
    same = find_unchanged(dict.fromkeys(path for paths in files.values() for path in paths), tree, git, base)
    suspects = [gate for gate in gates if not same.issuperset(files[gate.name])]
    if not suspects:
        return ()
    before = CommitTree(git, base)
    try:
        old = load_config(before, config.path, environment=config.environment)
    except (InputError, GitError):
        return tuple(suspects)
    return tuple(gate for gate in suspects if _differs(gate, config, tree, old, before))


def is_edited(gate: Gate, tree: Tree, git: Git, config: Config, commit: str) -> bool:
    """Return True if a file of the gate, or the configuration, differs between the working tree and a commit."""
    files = _list_all_files(gate, tree, config)
    return not find_unchanged(files, tree, git, commit).issuperset(files)


def find_removed_gates(tree: Tree, git: Git, config: Config, default_branch: str | None = None) -> tuple[str, ...]:
    """Return the gates that only the merge base's configuration names, in order; none if that cannot be determined.

    A renamed gate is not removed if its prompt is still the same file. A gate that is named after the path of its
    prompt is not removed if the prompt was moved. Only the names are read from the old configuration, and only when
    the file differs: so the names are known even if the rest of that file is invalid.
    """
    try:
        base = find_base_commit(git, default_branch)
        if base is None:
            return ()
        if not config.has_patterns and config.path in find_unchanged([config.path], tree, git, base):
            return ()
        before = read_gate_names(CommitTree(git, base), config_path_at(base, config.path, git))
    except (InputError, GitError):
        return ()
    names = {gate.name for gate in config.gates}
    renamed = {gate.prompt for gate in config.gates if gate.name not in before}
    gone = [name for name, prompt in before.items() if name not in names and prompt not in renamed]
    found = find_base(tree, git, config, default_branch) if gone else None
    moved = {
        earlier.name for gate in config.gates if found is not None and (earlier := found.gate_at_base(gate)) is not None
    }
    folder = posixpath.dirname(config.path)
    named = {name for name in moved if name in before}
    named = {name for name in named if name in (derive_name(before[name]), name_gate(before[name], folder))}
    moved = {name for name in named if not tree.exists(before[name])}
    return tuple(name for name in gone if name not in moved)


def refuse_moved_out_of_patterns(tree: Tree, git: Git, config: Config, default_branch: str | None = None) -> None:
    """Raise InputError for a prompt of a pattern that was moved since the merge base to where no gate covers it."""
    try:
        found = find_base(tree, git, config, default_branch) if config.has_patterns else None
    except GitError:
        return
    if found is None or found.config is None:
        return
    kept = {gate.prompt for gate in config.gates}
    gone = [gate for gate in found.config.gates if gate.pattern is not None and gate.prompt not in kept]
    refuse_moved_out(gone, config, tree, git, found.commit)


def compare_cases_since(  # noqa: PLR0917 - both sides of a gate meet here
    gate: Gate,
    dataset: GoldenDataset,
    base: Base | None,
    named: str | None,
    tree: Tree,
    git: Git,
    config: Config,
) -> CaseChanges:
    """Count the lost and edited cases since the merge base, and since the commit `named` that the run compares with.

    A commit older than the merge base is ignored: cases retired in between were not retired by this change.
    """
    bases = [] if base is None else [base]
    if named is not None and (base is None or base.commit == git.head() or not git.is_ancestor(named, base.commit)):
        bases.append(read_base(named, tree, git, config))
    return compare_cases(gate, dataset, bases, tree, git)


def compare_cases(gate: Gate, dataset: GoldenDataset, bases: Sequence[Base], tree: Tree, git: Git) -> CaseChanges:
    """Count the lost, kept and edited cases relative to the datasets that the gate had at some commits.

    Each case counts once. A criterion is narrowed by a case to which it applied at one of the commits and no longer
    applies, as configured there and here. A case is untagged by a tag that is critical or blocking there or here, and
    that it had at one of the commits and no longer has. An edited case has another content, or an image of another
    content, than at the first of the commits that contains it. A dataset that is missing or broken at a commit counts
    as having no cases there. Raises UnavailableError for one whose content is not here.
    """
    now = {case.id: _digest_content(case) for case in dataset.cases}
    pictured = [case for case in dataset.cases if case.images]
    lost: dict[str, None] = {}
    kept: dict[str, bool] = {}
    narrowed: dict[str, dict[str, None]] = {}
    untagged: dict[str, dict[str, None]] = {}
    tags = {case.id: case.tags for case in dataset.cases}
    for base in bases:
        protecting = _list_protecting_tags(base)
        for name, lacking in _find_narrowed(gate, dataset, base):
            narrowed.setdefault(name, {})[lacking] = None
        redrawn = find_edited_images(base.tree, (base.gate_at_base(gate) or gate).dataset, pictured)
        for case in _load_cases(gate, base, tree, git, are_same=not redrawn):
            if case.id in now:
                kept.setdefault(case.id, now[case.id] != _digest_content(case) or case.id in redrawn)
                for tag in case.tags:
                    if tag in protecting and tag not in tags[case.id]:
                        untagged.setdefault(tag, {})[case.id] = None
            else:
                lost[case.id] = None
    return CaseChanges(
        lost=tuple(lost),
        kept=len(kept),
        edited=sum(kept.values()),
        narrowed={name: tuple(cases) for name, cases in narrowed.items()},
        untagged={tag: tuple(cases) for tag, cases in untagged.items()},
    )


def _list_protecting_tags(base: Base) -> set[str]:
    """Return the tags by which a case is critical, or by which a fall of its kind blocks, at the commit or now."""
    configs = [base.now] if base.config is None else [base.now, base.config]
    return {tag for config in configs for tag in (*config.policy.critical_tags, *config.policy.blocking_tags)}


def _find_narrowed(gate: Gate, dataset: GoldenDataset, base: Base) -> Iterator[tuple[str, str]]:
    """Yield criterion and case where a criterion applied to the case at a commit and no longer does.

    A criterion that is new has nothing to lose. A file that cannot be read counts as having no cases.
    """
    now = [c for c in gate.criteria if c.when is not None or c.unless is not None]
    before = base.gate_at_base(gate) if now else None
    if before is None:
        return
    old = {criterion.name: criterion for criterion in before.criteria}
    try:
        cases = {case.id: case for case in load_dataset(base.tree, before.dataset, before.columns).cases}
    except UnavailableError:
        raise
    except (InputError, GitError):
        return
    for criterion in now:
        earlier = old.get(criterion.name)
        if earlier is None:
            continue
        for case in dataset.cases:
            was = cases.get(case.id)
            if was is not None and not applies(criterion, case) and applies(earlier, was):
                yield criterion.name, case.id


def _load_cases(gate: Gate, base: Base, tree: Tree, git: Git, *, are_same: bool) -> Sequence[Case]:
    """Return the cases at a commit; empty if the file is the same there, because then no case has changed.

    `are_same` says whether the images are the same as well.
    """
    before = base.gate_at_base(gate) or gate
    path = before.dataset
    are_same = are_same and path == gate.dataset and before.columns == gate.columns
    try:
        if not base.tree.exists(path) or (are_same and path in find_unchanged([path], tree, git, base.commit)):
            return ()
        return load_dataset(base.tree, path, before.columns).cases
    except UnavailableError:
        raise
    except (InputError, GitError):
        return ()


def _digest_content(case: Case) -> str:
    return digest([dict(case.fields), list(case.tags), case.cluster])


def _list_files(gate: Gate, config: Config) -> set[str]:
    """Return every file that a gate's verdict can depend on."""
    recordings = [config.targets[name].recordings for name in _list_targets(gate)]
    return {path for path in (config.path, gate.prompt, gate.dataset, *gate.files, *recordings) if path}


def _list_all_files(gate: Gate, tree: Tree, config: Config) -> set[str]:
    """Return these files, with the images of the cases and the files that the prompts include."""
    return _list_files(gate, config) | list_image_files(tree, gate) | list_included_files(tree, gate)


def _list_targets(gate: Gate) -> list[str]:
    return [gate.candidate_target, gate.baseline_target, *(judge.target for judge in gate.judges)]


def _differs(gate: Gate, config: Config, tree: Tree, old: Config, before: Tree) -> bool:
    try:
        prompt = load_prompt(tree, gate.prompt, gate.settings)
        earlier = _find_gate_at_base(gate, prompt, old, before)
        return earlier is None or _digest_gate(gate, config, tree) != _digest_gate(earlier, old, before)
    except (InputError, GitError):
        return True


def _find_gate_at_base(gate: Gate, prompt: PromptVersion, old: Config, before: Tree) -> Gate | None:
    """Return the gate with the same name at the base, else the first with the same prompt content."""
    for candidate in old.gates:
        if candidate.name == gate.name:
            return candidate
    for candidate in old.gates:
        try:
            if load_prompt(before, candidate.prompt, candidate.settings).digest == prompt.digest:
                return candidate
        except (InputError, GitError):
            continue
    return None


def _digest_gate(gate: Gate, config: Config, tree: Tree) -> str:
    return digest(
        {
            "prompt": _digest_prompt(tree, gate.prompt, gate.settings),
            "baseline": None if gate.baseline is None else _digest_prompt(tree, gate.baseline, gate.baseline_settings),
            "dataset": load_images(
                tree, load_dataset(tree, gate.dataset, gate.columns), load_gate_prompts(tree, gate)
            ).digest,
            "criteria": [asdict(criterion) for criterion in list_criteria(gate, gate.judges, config.targets)],
            "judges": [_digest_target(config.targets[judge.target], tree) for judge in gate.judges],
            "thresholds": {name: asdict(threshold) for name, threshold in gate.thresholds.items()},
            "samples": [gate.candidate_samples, gate.baseline_samples, gate.wavering_samples],
            "answered": gate.cut_answers,
            "targets": [_digest_target(config.targets[n], tree) for n in (gate.candidate_target, gate.baseline_target)],
            "policy": config.policy.as_json(),
        }
    )


def _digest_prompt(tree: Tree, path: str, settings: PromptSettings) -> Json:
    version = load_prompt(tree, path, settings)
    return [version.digest, version.version, version.has_front_matter]


def _digest_target(target: Target, tree: Tree) -> Json:
    """Return a target as JSON without its name and the name of its key; recorded outputs are identified by content."""
    recordings = target.recordings
    replayed = recordings is not None and tree.exists(recordings)
    return {
        "kind": target.kind,
        "location": None if target.kind == "recorded" else target.location,
        "identity": target.identity,
        "model": target.model,
        "recordings": hashlib.sha256(tree.read(recordings)).hexdigest() if recordings and replayed else None,
        "prices": None if target.prices is None else asdict(target.prices),
        "options": dict(target.options),
        "strip_reasoning": target.strip_reasoning,
        "parameters": keep_order(dict(target.parameters)),
        "response_format": target.response_format,
        "headers": sorted(target.headers),
        "stream": target.stream,
    }
