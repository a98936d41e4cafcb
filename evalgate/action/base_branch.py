"""The configuration of a target branch, read from the branch itself where a job has no checkout of it."""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import TYPE_CHECKING

from evalgate.action.job import Job
from evalgate.change.workspace import Commit, open_commit
from evalgate.inputs.tree import inside
from evalgate.services.commit_view import CommitView
from evalgate.services.git import Git
from evalgate.services.git_fetch import create, fetch

if TYPE_CHECKING:
    from evalgate.services.github import GitHub


def open_branch(job: Job, hub: GitHub, branch: str) -> Commit:
    """Open the present commit of a branch; it is fetched where the workspace has no repository with it.

    Only commits of the repository itself are read. Raises EvalgateError.
    """
    tip = hub.tip(branch)
    git = _find_own_repository(job.workspace)
    if git is None or not git.knows(tip):
        folder = job.temp / f"evalgate-base-{tip[:12]}"
        if not (folder / ".git").exists():
            create(folder)
            fetch(folder, job.repository_url, [tip], token=job.settings.github_token, depth=1)
        git = Git.open(folder)
    name = posixpath.normpath(posixpath.join(job.settings.working_directory, job.settings.config))
    return open_commit(CommitView(git, tip), inside(name), verify=None)


def _find_own_repository(workspace: Path) -> Git | None:
    """Return the repository that the workspace is the top of; None for any other."""
    return Git.find(workspace) if (workspace / ".git").exists() else None
