"""The configuration of a target branch and of a merge base, also for a job without a checkout of them."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evalgate.action.job import Job
from evalgate.change.base_policy import Sides, find_earlier_path
from evalgate.change.workspace import Commit, open_commit
from evalgate.inputs.tree import inside
from evalgate.services.commit_view import CommitView
from evalgate.services.git import Git
from evalgate.services.git_fetch import create, fetch

if TYPE_CHECKING:
    from evalgate.services.github import GitHub
    from evalgate.services.github_rows import PullRequestRow


def open_branch(job: Job, hub: GitHub, branch: str) -> Commit:
    """Open the present commit of a branch; it is fetched where the workspace has no repository with it.

    Only commits of the repository itself are read. Raises EvalgateError.
    """
    tip = hub.tip(branch)
    return open_commit(CommitView(_open_repository(job, [tip]), tip), _find_name(job), verify=None)


def open_merge_base(job: Job, hub: GitHub, pull: PullRequestRow, tip: str) -> Commit | None:
    """Open the merge base of a pull request and the commit `tip` of its base branch; None if it has no configuration.

    A configuration that the branch has moved since is found where it was. Raises EvalgateError.
    """
    base = _find_merge_base(job, hub, pull.head_sha, tip)
    git, name = _open_repository(job, [tip, base]), _find_name(job)
    name = find_earlier_path(name, git, Sides(policy=tip, head=pull.head_sha, base=base))
    return open_commit(CommitView(git, base), name, verify=None) if git.exists(base, name) else None


def _find_merge_base(job: Job, hub: GitHub, head: str, tip: str) -> str:
    """Return the merge base; GitHub is asked where the workspace has not the whole history of both."""
    git = _find_own_repository(job.workspace)
    if git is not None and not git.shallow and git.knows(head) and git.knows(tip):
        return git.merge_base(head, tip)
    return hub.merge_base(tip, head)


def _open_repository(job: Job, commits: Sequence[str]) -> Git:
    """Open the workspace's repository, or one of its own for commits that it lacks."""
    git = _find_own_repository(job.workspace)
    if git is not None and all(map(git.knows, commits)):
        return git
    folder = job.temp / f"evalgate-base-{commits[0][:12]}"
    if not (folder / ".git").exists():
        create(folder)
    git = Git.open(folder)
    missing = [commit for commit in commits if not git.knows(commit)]
    if missing:
        fetch(folder, job.repository_url, missing, token=job.settings.github_token, depth=1)
    return Git.open(folder)


def _find_name(job: Job) -> str:
    return inside(posixpath.normpath(posixpath.join(job.settings.working_directory, job.settings.config)))


def _find_own_repository(workspace: Path) -> Git | None:
    """Return the repository that the workspace is the top of; None for any other."""
    return Git.find(workspace) if (workspace / ".git").exists() else None
