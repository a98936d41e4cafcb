"""The change to one gate: its versions, its baseline and its cases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from evalgate.change import base_policy, changed_gates, production, versions
from evalgate.change.langfuse_versions import find_named_baseline, is_in_langfuse, resolve_in_langfuse
from evalgate.change.merge_base import Base, config_path_at, find_base, find_unchanged
from evalgate.change.pins import Pin
from evalgate.change.production import BaselineArm
from evalgate.change.versions import Versions
from evalgate.change.workspace import PullRequest, Workspace
from evalgate.domain import CaseChanges, Config, Criterion, Gate, GoldenDataset, PolicyChange, PromptSettings, Revert
from evalgate.domain.answering import list_answering
from evalgate.domain.report_criteria import list_criteria
from evalgate.errors import EvalgateError, GitError
from evalgate.inputs.config import load_config
from evalgate.inputs.tree import CommitTree
from evalgate.services.commit_view import CommitView


@dataclass(frozen=True, slots=True, kw_only=True)
class GateChange:
    """Both versions of a gate, and the version used as the baseline.

    `reasons` say why the change is MAJOR regardless of its prompts; empty if it edits no policy file. `revert` is set
    if the change goes back to the version before; its PASS is known here if that version is the pinned release.
    """

    versions: Versions
    arm: BaselineArm
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    revert: Revert | None = None


def find_workspace_base(workspace: Workspace, gates: Sequence[Gate], default_branch: str | None) -> Base | None:
    """Return the commit that the gates of a workspace are compared with, or None if it is not known.

    Raises InputError for gates of a pull request whose targets would run code from the change.
    """
    if isinstance(workspace, PullRequest):
        base_policy.refuse_functions(gates, workspace.config)
        return base_policy.read_policy_base(workspace.config, workspace.git, workspace.change.sides)
    if workspace.git is None:
        return None
    try:
        return find_base(workspace.tree, workspace.git, workspace.config, default_branch)
    except GitError:
        return None  # a gate that needs the merge base reports the error when its versions are resolved


def compare_gate(
    workspace: Workspace,
    gate: Gate,
    base: Base | None,
    *,
    candidate: str | None,
    baseline: str | None,
    default_branch: str | None,
    is_beside: bool = False,
    revert: Revert | None = None,
    released: Callable[[str], Pin | None] | None = None,
) -> GateChange:
    """Resolve the versions of a gate. `candidate` and `baseline` name a file or a git ref; see `versions.resolve`.

    `revert` is that of the gate, if any (`reverts.find_reverts`). `released` finds the version in production by the
    name of a gate; None: the pins count.
    """
    tree, git, config = workspace.tree, workspace.git, workspace.config
    if isinstance(workspace, PullRequest):
        sides, file = workspace.change.sides, workspace.change.prompts[gate.name]
        registry = production.read_production(base, CommitView(workspace.git, sides.policy), released)
        before, at, reasons = file.base, (sides.head, file.head), workspace.change.reason
        default_branch = sides.policy
    else:
        registry = production.read_production(base, git, released)
        earlier = None if base is None else base.gate_at_base(gate)
        before, at, reasons = None if earlier is None else earlier.named_prompt, None, ()
    find_released = (lambda: None) if registry is None else partial(registry.find_version, gate)
    if not isinstance(workspace, PullRequest) and is_in_langfuse(gate, candidate):
        named: dict[str, str | None] = {"candidate": candidate, "baseline": baseline, "default_branch": default_branch}
        found = resolve_in_langfuse(gate, tree, git, production=find_released, **named)
        arm = production.choose_baseline(gate, found, registry, named=find_named_baseline(gate, baseline))
        return GateChange(versions=found, arm=arm)
    found = versions.resolve(
        gate,
        tree,
        git,
        candidate=candidate,
        baseline=baseline,
        default_branch=default_branch,
        immutability=config.policy.immutability,
        base_gate_prompt=before,
        at=at,
        production=find_released,
        is_edited=lambda commit: git is not None and changed_gates.is_edited(gate, tree, git, config, commit),
        is_beside=is_beside,
        settings_at=None if isinstance(workspace, PullRequest) else partial(_find_settings, workspace, gate, base, {}),
    )
    if isinstance(workspace, PullRequest):
        base_policy.refuse_recorded(gate, config, found.candidate, found.baseline)
    arm = production.choose_baseline(gate, found, registry, named=find_named_baseline(gate, baseline))
    notes = base_policy.note_recorded(gate, config, found, base)
    pin = None if registry is None or revert is None else registry.find_pin(gate)
    if (
        revert is not None
        and pin is not None
        and pin.digest == revert.digest
        and _is_run_alike(workspace, gate, pin.ref)
    ):
        revert = replace(revert, passed=f"it is {pin.kind}: {pin}")
    return GateChange(versions=found, arm=arm, reasons=reasons, notes=notes, revert=revert)


def _find_settings(
    workspace: Workspace, gate: Gate, base: Base | None, known: dict[str | None, PromptSettings], commit: str
) -> PromptSettings:
    """Return what the gate at a commit said about its prompt; what it says now, if it was not there or is not known.

    `known` has the settings by the blob of the configuration, which seldom changes.
    """
    git, path = workspace.git, workspace.config.path
    assert git is not None
    if base is not None and commit == base.commit:
        there = base.gate_at_base(gate)
        return gate.settings if there is None else there.settings
    if path in find_unchanged([path], workspace.tree, git, commit):
        return gate.settings
    blob = git.blob(commit, config_path_at(commit, path, git))
    if blob not in known:
        before = _find_gate_at(workspace, gate, commit)
        known[blob] = gate.settings if before is None else before[0].settings
    return known[blob]


def _find_gate_at(workspace: Workspace, gate: Gate, commit: str) -> tuple[Gate, Config] | None:
    """Return the gate at a commit with the configuration there; None if it was not there or cannot be read."""
    git, config = workspace.git, workspace.config
    assert git is not None
    tree = CommitTree(git, commit)
    try:
        then = load_config(tree, config_path_at(commit, config.path, git), environment=config.environment)
    except EvalgateError:
        return None
    base = Base(commit=commit, git=git, tree=tree, here=workspace.tree, config=then, now=config, edited=True)
    before = base.gate_at_base(gate)
    return None if before is None else (before, then)


def _is_run_alike(workspace: Workspace, gate: Gate, commit: str | None) -> bool:
    """Return True if the gate at a commit had the same targets, and every criterion that can decide now.

    The person who signed a release off saw it with these. A configuration that cannot be read there shows nothing.
    """
    git, config = workspace.git, workspace.config
    found = None if git is None or commit is None else _find_gate_at(workspace, gate, commit)
    if git is None or commit is None or found is None:
        return False
    before, then = found
    if isinstance(workspace, PullRequest):
        then = base_policy.add_code_digest(then, git, commit)
    if list_answering(before, then.targets) != list_answering(gate, config.targets):
        return False
    return _list_deciding(gate, config) <= _list_deciding(before, then)


def _list_deciding(gate: Gate, config: Config) -> set[tuple[str, str]]:
    """Return the names and digests of the criteria by which a gate can decide."""
    found = list_criteria(gate, gate.judges, config.targets)
    return {(one.name, one.digest) for one in found if _decides(gate, one)}


def _decides(gate: Gate, criterion: Criterion) -> bool:
    return criterion.kind == "judge" or criterion.blocking or criterion.name in gate.thresholds


def compare_gate_cases(
    workspace: Workspace, gate: Gate, dataset: GoldenDataset, base: Base | None, since: str | None
) -> CaseChanges:
    """Compare a gate's cases with the merge base, and with the commit `since` that the run compares with.

    A pull request uses the base's cases, so none are lost, unless the base is compared with itself.
    """
    git = workspace.git
    if git is None:
        return CaseChanges()
    if isinstance(workspace, PullRequest) and base is not None and base.commit != git.head():
        return CaseChanges()
    return changed_gates.compare_cases_since(gate, dataset, base, since, workspace.tree, git, workspace.config)


def list_policy_changes(workspace: Workspace) -> tuple[PolicyChange, ...]:
    """Return the policy files that a pull request edits; empty for a working tree or a commit, which use their own."""
    return workspace.change.changes if isinstance(workspace, PullRequest) else ()
