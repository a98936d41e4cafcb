"""Loaders of a prompt at commits: one version, or all that a file had. Included files are read at the same commit."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import replace

from evalgate.domain import PromptSettings, PromptVersion
from evalgate.errors import Fault, InputError, Place
from evalgate.inputs.prompts import parse_prompt
from evalgate.services.git import INSTEAD, Git


def load_prompt_at(git: Git, commit: str, file: str, settings: PromptSettings) -> PromptVersion:
    """Load the prompt in a file at a commit; faults name the file, so that the author of the change finds them."""
    return parse_state(git, commit, git.read(commit, file), file, settings)


def resolve_at_commit(git: Git, commit: str, file: str, settings: PromptSettings) -> PromptVersion:
    """Load the prompt in a file at a commit; faults name the commit, not the working tree's file of that name."""
    source = f"{commit[:7]}:{file}"
    try:
        return load_prompt_at(git, commit, file, settings)
    except InputError as error:
        faults = [
            Fault(
                message=fault.message,
                place=replace(fault.place, path=source) if fault.place else Place(path=source),
                hint=fault.hint or f"a commit cannot be edited: {INSTEAD}",
            )
            for fault in error.faults
        ]
        raise type(error)(faults=faults) from None


def list_states(
    git: Git, version: PromptVersion, files: Sequence[str], tips: Sequence[str], *, first_parent: bool
) -> list[tuple[str, str | None]]:
    """Return the commits that changed a prompt, oldest first, with the blob of its file.

    `files` are the names of the prompt's file, the present one first. A commit that changed only a file which the
    version includes has None; one that lacks the prompt is left out.
    """
    rows = git.history(list(files) if len(files) > 1 else files[0], tips, first_parent=first_parent)
    folder = posixpath.dirname(files[0])
    included = [posixpath.normpath(posixpath.join(folder, name)) for name, _ in version.template.files]
    if not included:
        return [*rows]
    own = dict(rows)
    commits = [commit for commit, _ in git.history([*files, *included], tips, first_parent=first_parent)]
    return [(c, own.get(c)) for c in dict.fromkeys(commits) if c in own or git.exists(c, files[0])]


def read_state(git: Git, commit: str, oid: str | None, file: str) -> bytes:
    """Return the content of a prompt's file at a commit of `list_states`. Raises EvalgateError if it is not there."""
    return git.read(commit, file) if oid is None else git.read_blob(oid, commit, file)


def parse_state(git: Git, commit: str, data: bytes, file: str, settings: PromptSettings) -> PromptVersion:
    """Return the version of a content at a commit. Raises EvalgateError if it is not a prompt."""
    return parse_prompt(data, file, f"{commit[:7]}:{file}", settings, read=lambda path: git.read(commit, path))
