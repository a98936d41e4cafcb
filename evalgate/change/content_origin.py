"""Find the commit that gave a prompt its content: who is its author, and why the content changed."""

from __future__ import annotations

from evalgate.change.commit_prompts import list_states, load_prompt_at
from evalgate.domain import PromptSettings, PromptVersion
from evalgate.errors import EvalgateError, GitError
from evalgate.services.git import Git
from evalgate.services.git_log import CommitNote, read_note


def find_origin(git: Git, version: PromptVersion, commit: str, settings: PromptSettings) -> tuple[CommitNote, str]:
    """Return the last commit, up to this one, that changed the content of a prompt, and the path that it had there.

    A commit that changed its name, its number or its comments alone does not count, and neither does one that moved the
    file. In a shallow clone that does not have the commit, it is the oldest that is known to have the content.
    """
    file, oldest, place = version.path, commit, version.path
    for at, _ in reversed(list_states(git, version, [file], [commit], first_parent=False)):
        if _read_digest(git, at, file, settings) != version.digest:
            continue  # another branch, or a state before an earlier one that was the same
        oldest, place = at, file
        before = _find_parent(git, at)
        if before is None:
            break
        earlier = file if git.exists(before, file) else git.find_renamed_from(before, file, commit=at)
        if earlier is None or _read_digest(git, before, earlier, settings) != version.digest:
            break
        file = earlier
    return read_note(git, oldest), place


def _find_parent(git: Git, commit: str) -> str | None:
    try:
        return git.parent(commit)
    except GitError:  # cut off by a shallow clone
        return None


def _read_digest(git: Git, commit: str, file: str, settings: PromptSettings) -> str | None:
    try:
        return load_prompt_at(git, commit, file, settings).digest
    except EvalgateError:
        return None
