"""The sign-off of a fork's change: its own runs cannot notice a review, so the reporting workflow looks it up."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import TYPE_CHECKING

from evalgate.action import heads, publish
from evalgate.action import sign_off_lookup as approval
from evalgate.action.base_branch import open_branch
from evalgate.action.job import Job
from evalgate.action.posted_comment import Sticky
from evalgate.action.standing import find_standing
from evalgate.domain import Admission
from evalgate.report.status import Status

if TYPE_CHECKING:
    from evalgate.services.github import GitHub
    from evalgate.services.github_rows import CommitStatus, PullRequestRow


def update_sign_off(job: Job, hub: GitHub, pull: PullRequestRow, warn: Callable[[str], None]) -> Status | None:
    """Update the status of a pull request whose verdict awaits a sign-off, or was given one; return the new status.

    That it does is marked on evalgate's own status. Nothing is evaluated, and any other verdict stays as it is: then
    None is returned. Raises EvalgateError.
    """
    sticky, context = publish.make_sticky(job, hub, pull.number), job.context(pull.base_ref)
    standing = find_standing(sticky, context, pull.head_sha)
    mark = heads.read_sign_off(standing) if standing is not None else ""
    mode = job.settings.sign_off
    if standing is None or not mark or mode == "none":
        return None
    subject, published_at = approval.find_own_publication(sticky, job.context(job.event.default_branch), pull.head_sha)
    published_at = max(published_at, _find_request(sticky, context, pull.head_sha), key=datetime.datetime.fromisoformat)
    approvers = (*open_branch(job, hub, pull.base_ref).config.approvers, *job.settings.approvers)
    found = approval.look_up_approval(
        sticky,
        subject,
        published_at=published_at,
        head=pull.head_sha,
        mode=mode,
        approvers=approvers,
        warn=warn,
    )
    if found.met is not None:
        sentence = f"MAJOR, signed off by {found.met.by}"
        status = Status(verdict="PASS", state="success", sentence=sentence, code=Admission.PASS)
    else:
        sentence = f"MAJOR: {found.waiting_for}"
        status = Status(verdict="PENDING", state="pending", sentence=sentence, code=Admission.AWAITING_SIGN_OFF)
    if (status.state, status.description) == (standing.state, standing.description):
        return None
    _set(job, hub, pull, status, context, standing)
    return status


def _find_request(sticky: Sticky, context: str, sha: str) -> str:
    """Return when a status of a commit first asked for the sign-off; statuses cannot be edited."""
    own = heads.list_own_statuses(sticky, context, sha)
    return min(status.created_at for status in own if heads.read_sign_off(status))


def _set(  # noqa: PLR0917 - a status and the one that it replaces
    job: Job, hub: GitHub, pull: PullRequestRow, status: Status, context: str, standing: CommitStatus
) -> None:
    key = heads.read_key(standing)
    given = status.state == "success"
    publish.set_status(job, hub, pull.head_sha, status, context, key=key, sign_off="given" if given else "asked")
