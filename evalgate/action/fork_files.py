"""Whether a fork's pull request edits a file of a gate: the API lists its files, the base names those of gates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from evalgate.change.base_policy import list_policy_files
from evalgate.change.ungated_files import list_ungated
from evalgate.change.workspace import Commit
from evalgate.inputs.case_images import list_image_files, list_included_files
from evalgate.inputs.config import load_config
from evalgate.inputs.path_patterns import matches_any, may_hold_match
from evalgate.inputs.recording_tree import RecordingTree
from evalgate.services.git_names import fold_path

if TYPE_CHECKING:
    from evalgate.domain import Config, Gate
    from evalgate.services.github import GitHub
    from evalgate.services.github_rows import PullRequestRow


def edits_no_gate(
    github: GitHub, pull: PullRequestRow, base: Commit, before: Commit | None, *, store: str | None = None
) -> bool:
    """Return True if it is known that a pull request edits no gated prompt and no rule, and adds no ungated prompt.

    `base` is the tip of the base branch, `before` the merge base, if it has a configuration. `store` is the path of the
    store, if it is in the repository: a change must not add it. A renamed file counts by both of its paths. False where
    GitHub may not list all files, or where the files of a gate are not known: a Python function can import any file.
    Raises ServiceError.
    """
    from evalgate.services.github import FILES_LISTED

    sides = [base] if before is None else [base, before]
    if any(target.kind == "python" for side in sides for target in side.config.targets.values()):
        return False
    files = github.files(pull.number)
    if len(files) >= FILES_LISTED or any(file.ref not in ("", pull.head_sha) for file in files):
        return False
    if github.pull_request(pull.number).head_sha != pull.head_sha:  # pushed meanwhile: the files may be another head's
        return False
    edited = {path for file in files for path in (file.path, file.previous) if path}
    if edits_attributes(edited) or edits_any(edited, list_gate_files(base, before)):
        return False
    if any(matches_pattern(edited, side.config.gates) for side in sides):
        return False
    left = [file.path for file in files if not file.is_removed]
    return not (adds_ungated(left, base.config) or (store is not None and adds_store(left, store)))


def list_gate_files(base: Commit, before: Commit | None = None) -> set[str]:
    """Return the paths of all files that the verdict of a gate depends on, and those that they had at the merge base.

    A merge brings an edit of a file to where the base has moved it. What the base still has and no longer reads does
    not count.
    """
    found = _list_files(base)
    if before is not None:
        found |= {path for path in _list_files(before) if not base.tree.exists(path)}
    return found


def _list_files(commit: Commit) -> set[str]:
    recorded = RecordingTree(commit.tree)
    load_config(recorded, commit.config.path)
    found = list_policy_files(commit.config) | recorded.paths
    for gate in commit.config.gates:
        found |= {gate.prompt, *list_image_files(commit.tree, gate), *list_included_files(commit.tree, gate)}
    return found


def adds_ungated(paths: Iterable[str], config: Config) -> bool:
    """Return True if one of these files of the head is a prompt without a gate, which the configuration refuses."""
    return config.ungated == "fail" and bool(list_ungated(config, paths))


def adds_store(paths: Iterable[str], store: str) -> bool:
    """Return True if one of these files of the head is in the place of the store, or in it: later runs would refuse it.

    Paths that many disks do not tell apart (`fold_path`) are the same.
    """
    of = fold_path(store)
    return any(place == of or place.startswith(f"{of}/") for place in map(fold_path, paths))


def matches_pattern(edited: Iterable[str], gates: Sequence[Gate]) -> bool:
    """Return True if an edited path matches the pattern of a gate, or may be a link or a submodule with such paths.

    It may be a new prompt. GitHub does not tell files and links apart.
    """
    patterns = [gate.pattern for gate in gates if gate.pattern is not None]
    return any(matches_any(path, patterns) or may_hold_match(path, patterns) for path in edited)


def edits_attributes(edited: Iterable[str]) -> bool:
    """Return True if an edited path is a `.gitattributes`, which may give a checkout another text of a prompt."""
    return any(fold_path(PurePosixPath(path).name) == ".gitattributes" for path in edited)


def edits_any(edited: Iterable[str], gated: Iterable[str]) -> bool:
    """Return True if an edited path is one of the gated files, or takes the place of a folder of one.

    Paths that many disks do not tell apart (`fold_path`) are the same.
    """
    places = {fold_path(str(place)) for path in gated for place in (path, *list(PurePosixPath(path).parents)[:-1])}
    return any(fold_path(path) in places for path in edited)
