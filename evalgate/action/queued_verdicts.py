"""Verdicts of a merge queue's pull requests: of equal content, so that the queue pays and draws nothing twice.

The status on a pull request's head names the run that decided it. The report in the artifact of that run is put into
the store, as if it had been decided here. The run then finds it only under the key of the same content and rules, and
decides its evidence anew by the rules of the base.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from evalgate.action import fork, heads, publish
from evalgate.action.job import Job
from evalgate.action.standing import find_standing, is_decided
from evalgate.decide import attempts
from evalgate.domain import Report
from evalgate.errors import EvalgateError, GitError, InputError
from evalgate.gate import verdict_cache
from evalgate.gate.reports import verify_report
from evalgate.services.git import Git
from evalgate.services.git_fetch import fetch

if TYPE_CHECKING:
    from evalgate.services.github import GitHub
    from evalgate.services.github_rows import CommitStatus, PullRequestRow, WorkflowRun

_CODE = (".github/workflows/", ".github/actions/")
_RUN = re.compile(r"/actions/runs/([0-9]{1,18})(?:/attempts/[0-9]+)?(?:#|\Z)")


def add_verdicts(
    job: Job, hub: GitHub, git: Git, numbers: Sequence[int], *, base: str, say: Callable[[str], None]
) -> None:
    """Add the verdicts on the heads of these pull requests to the store; `base` is the tip of the target branch.

    A verdict that cannot be relied on is left out, with the reason told to `say`: it is then reached anew.
    """
    for number in numbers:
        try:
            pull, context = hub.pull_request(number), job.context(job.event.branch)
            report = find_report(job, hub, git, pull, base=base, context=context, path=job.workflow_path)
        except EvalgateError as error:
            say(f"the verdict on #{number} is not used: {error.faults[0].message}")
        else:
            verdict_cache.put_all(job.store, report)


def find_report(
    job: Job, hub: GitHub, git: Git, pull: PullRequestRow, *, base: str, context: str, path: str, awaiting: bool = False
) -> Report:
    """Return the report of the run that decided the head of a pull request, by the status of this context.

    `base` is a commit of the target branch. `path` is that of the workflow that has to have made it; empty: any that is
    the base's. With `awaiting`, a verdict that only waits for a sign-off counts. Raises EvalgateError with the reason
    for which there is none that can be relied on.
    """
    head = pull.head_sha
    standing = find_standing(publish.make_sticky(job, hub, pull.number), context, head)
    waits = awaiting and standing is not None and heads.read_sign_off(standing) == "asked"
    if standing is None or not (is_decided(standing) or waits) or not heads.read_key(standing):
        raise InputError("there is none that was drawn")
    run = _find_run(hub, standing)
    if run is None:
        raise InputError("its status names no run")
    if not git.knows(head):
        fetch(git.root, job.repository_url, [head], token=job.settings.github_token)
        git = Git.open(git.root)
    doubt = _find_doubt(path, run, head, base, git)
    if doubt:
        raise InputError(doubt)
    found = fork.find_artifact(hub, run.id, job.settings.artifact, since=run.started_at)
    report = verify_report(fork.download_report(hub, found), f"the report of run {run.id}")
    if attempts.compute_key(report) != heads.read_key(standing):
        raise InputError("the report is about other content than the status")
    return report


def _find_run(hub: GitHub, standing: CommitStatus) -> WorkflowRun | None:
    found = _RUN.search(standing.target_url)
    return hub.workflow_run(int(found[1])) if found else None


def _find_doubt(own: str, run: WorkflowRun, head: str, base: str, git: Git) -> str:
    """Return why the artifact of a run may come from code of the change; empty if it does not.

    The workflow of a pull request is that of its merge commit: so its file must be the base's, unedited.
    """
    if run.head_sha != head or run.is_of_fork:
        return f"the run {run.id} was not for {head[:12]} of this repository"
    if own and run.path != own:
        return f"the run {run.id} was of {run.path}, not of {own}"
    try:
        workflow, before = git.blob(head, run.path), git.merge_base(head, base)
        if workflow is None or workflow not in (git.blob(base, run.path), git.blob(before, run.path)):
            return f"{run.path} is not the base's"
        edited = git.added(before, head, kinds="AMTD")
    except GitError as error:
        return error.faults[0].message
    if any(path.startswith(_CODE) for path in edited):
        return "the change edits workflows or actions"
    return ""
