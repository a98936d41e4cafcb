"""Which commits a hook looks at: those that git or pre-commit names, else what the current branch has to push."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evalgate.errors import GitError
from evalgate.services import local_branches
from evalgate.services.git import Git
from evalgate.services.git_hooks import Push, read_pushes
from evalgate.services.git_names import shorten_name

_MOST_NAMES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """The refs to look at, and what the user has to know about their choice."""

    refs: tuple[Push, ...]
    said: tuple[str, ...] = ()


def find_pushed(git: Git, environment: Mapping[str, str], lines: str | None) -> Pushed:
    """Find the refs of a push.

    `lines` is the standard input, to which git writes a line for each ref; None if that is a terminal. pre-commit
    gives a hook one ref of the push in its variables, and no input or any. Raises GitError for lines that are not
    git's where git itself calls the hook.
    """
    if "PRE_COMMIT" not in environment and "PRE_COMMIT_TO_REF" not in environment:
        named = read_pushes(lines or "")
        return Pushed(refs=named) if named else _take_current(git)
    try:
        named = read_pushes(lines or "")
    except GitError:  # the input is not git's
        named = ()
    # for a first push pre-commit gives the branch and no commit
    local = environment.get("PRE_COMMIT_TO_REF") or environment.get("PRE_COMMIT_LOCAL_BRANCH")
    if not local:
        return Pushed(refs=named) if named else _take_current(git)
    remote = environment.get("PRE_COMMIT_REMOTE_BRANCH") or local
    said = () if named else _name_others(git, local, shorten_name(remote))
    return Pushed(refs=(Push(local=local, sha=local, remote=remote), *named), said=said)


def _take_current(git: Git) -> Pushed:
    """Take the commits that the current branch has and its upstream lacks."""
    branch = local_branches.find_current(git)
    name = "HEAD" if branch is None else shorten_name(branch)
    if git.head() is None:
        return Pushed(refs=(), said=("no pushed ref is named, and there is no commit: nothing was looked at",))
    if branch is not None and local_branches.is_pushed(git, branch):
        message = f"no pushed ref is named, and the upstream of {name} has all its commits: nothing was looked at"
        return Pushed(refs=(), said=(message,))
    return Pushed(
        refs=(Push(local="HEAD", sha="HEAD", remote=name),),
        said=(f"no pushed ref is named on standard input: looking at {name}",),
    )


def _name_others(git: Git, local: str, name: str) -> tuple[str, ...]:
    """Name the branches that may be in the same push."""
    others = local_branches.list_unpushed(git, local) if git.knows(local) else []
    if not others:
        return ()
    more = f" and {len(others) - _MOST_NAMES} more" if len(others) > _MOST_NAMES else ""
    shown = ", ".join(others[:_MOST_NAMES])
    return (f"pre-commit names one ref of a push, {name}; not looked at, if also pushed: {shown}{more}",)
