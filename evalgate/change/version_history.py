"""The history of a prompt: the contents released under its version numbers, and why its candidate was changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evalgate.change.commit_prompts import list_states, load_prompt_at, parse_state, read_state
from evalgate.domain import PromptSettings, PromptVersion, VersionAtCommit
from evalgate.errors import EvalgateError, GitError, InputError
from evalgate.services.git import Git


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundVersion:
    """A version with its file in the repository (None: it is in none) and its commit, or its place on the disk."""

    version: PromptVersion | None
    note: str = ""
    file: str | None = None
    commit: str | None = None
    place: Path | None = None


def read_history(
    candidate: FoundVersion,
    base: FoundVersion,
    git: Git | None,
    default_branch: str | None,
    settings: tuple[PromptSettings, PromptSettings],
    *,
    published: bool,
) -> tuple[tuple[VersionAtCommit, ...], str]:
    """Return the releases of the declared version numbers, and a remark if part of history could not be read.

    Only contents that include one of the numbers are parsed; contents that are not prompts are skipped. `settings` are
    those of the gate for the candidate, by which the contents of its number are read, and those for the baseline.
    """
    numbers = {found.version.version for found in (candidate, base) if found.version and found.version.version}
    if not numbers:
        return (), ""
    if git is None:
        return (), "no git repository: earlier versions were not checked"
    if candidate.file is None:
        return (), "the candidate is not in the repository: earlier versions were not checked"
    # a `baseline:` file is a file beside the prompt, not an earlier state of it
    files = [candidate.file, *([base.file] if base.file and base.commit else [])]
    tips = _list_tips(candidate, base, git, default_branch, published)
    releases: dict[tuple[str, str], VersionAtCommit] = {}
    seen: set[str] = set()
    assert candidate.version is not None
    names = list(dict.fromkeys(files))
    states = list_states(git, candidate.version, names, tips, first_parent=published) if tips else []
    for commit, oid in states:
        if oid is not None and oid in seen and not candidate.version.template.files:
            continue
        seen |= {oid} if oid is not None else set()
        data = read_state(git, commit, oid, candidate.file)
        if not any(number.encode() in data for number in numbers):
            continue
        try:
            version = parse_state(git, commit, data, candidate.file, settings[0])
            if version.version != candidate.version.version and settings[1] != settings[0]:
                version = parse_state(git, commit, data, candidate.file, settings[1])
        except EvalgateError:
            continue
        if version.version in numbers:
            release = VersionAtCommit(commit=commit, version=version.version, digest=version.digest)
            releases.setdefault((release.version, release.digest), release)
    remark = "this clone is shallow: older versions were not checked" if git.shallow else ""
    return tuple(releases.values()), remark


def find_reason(found: FoundVersion, baseline: PromptVersion | None, git: Git | None, settings: PromptSettings) -> str:
    """Return why a candidate was changed; a `change:` that the baseline has as well belongs to an earlier edit."""
    version = found.version
    assert version is not None
    if version.change and (baseline is None or version.change != baseline.change):
        return version.change
    if git is None or found.file is None or baseline is None or version.digest == baseline.digest:
        return ""
    commit = found.commit or git.head()
    if commit is None or (found.commit is None and _read_content(git, commit, found.file, settings) != version.digest):
        return ""  # it is not committed yet
    return git.subject(commit, found.file)


def _read_content(git: Git, commit: str, file: str, settings: PromptSettings) -> str | None:
    try:
        return load_prompt_at(git, commit, file, settings).digest
    except (GitError, InputError):
        return None


def _list_tips(
    candidate: FoundVersion, base: FoundVersion, git: Git, default_branch: str | None, published: bool
) -> Sequence[str]:
    """List the commits to walk history from; if published, only the default branch (else the baseline's commit)."""
    try:
        default = git.resolve(git.default_branch(default_branch))
    except GitError:
        default = None
    tips = [default or base.commit] if published else [git.head(), default, candidate.commit, base.commit]
    return list(dict.fromkeys(tip for tip in tips if tip))
