"""Whether a fork's pull request edits a file of a gate: the API lists its files, and the base names those of gates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from evalgate.change.base_policy import list_policy_files
from evalgate.change.workspace import Commit
from evalgate.inputs.case_images import list_image_files
from evalgate.inputs.path_patterns import matches_any
from evalgate.services.git_names import fold_path

if TYPE_CHECKING:
    from evalgate.domain import Gate
    from evalgate.services.github import GitHub
    from evalgate.services.github_rows import PullRequestRow


def edits_no_gate(github: GitHub, pull: PullRequestRow, base: Commit) -> bool:
    """Return True if it is known that a pull request edits no gated prompt and no rule of its base.

    A renamed file counts by both of its paths. False where GitHub may not list all files, or where the files of a gate
    are not known: a Python function can import any file. Raises ServiceError.
    """
    from evalgate.services.github import FILES_LISTED

    if any(target.kind == "python" for target in base.config.targets.values()):
        return False
    files = github.files(pull.number)
    if len(files) >= FILES_LISTED or any(file.ref not in ("", pull.head_sha) for file in files):
        return False
    if github.pull_request(pull.number).head_sha != pull.head_sha:  # pushed meanwhile: the files may be another head's
        return False
    edited = {path for file in files for path in (file.path, file.previous) if path}
    return not (edits_any(edited, list_gate_files(base)) or matches_pattern(edited, base.config.gates))


def list_gate_files(base: Commit) -> set[str]:
    """Return the paths of all files that the verdict of a gate depends on."""
    gates = base.config.gates
    prompts = {path for gate in gates for path in (gate.prompt, gate.baseline) if path is not None}
    images = {path for gate in gates for path in list_image_files(base.tree, gate)}
    return list_policy_files(base.config) | prompts | images


def matches_pattern(edited: Iterable[str], gates: Sequence[Gate]) -> bool:
    """Return True if an edited path matches the pattern of a gate: it may be a new prompt."""
    patterns = [gate.pattern for gate in gates if gate.pattern is not None]
    return any(matches_any(path, patterns) for path in edited)


def edits_any(edited: Iterable[str], gated: Iterable[str]) -> bool:
    """Return True if an edited path is one of the gated files, or takes the place of a folder of one.

    Paths that many disks do not tell apart (`fold_path`) are the same.
    """
    places = {fold_path(str(place)) for path in gated for place in (path, *list(PurePosixPath(path).parents)[:-1])}
    return any(fold_path(path) in places for path in edited)
