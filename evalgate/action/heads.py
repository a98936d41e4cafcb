"""Earlier verdicts on the heads of a pull request, recorded in the target URLs of evalgate's commit statuses.

A status cannot be changed or removed, and the API names its creator. The comment is not used: people with write
permission can edit it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from evalgate.action.posted_comment import Sticky
from evalgate.decide import attempts
from evalgate.decide.attempts import PastVerdict
from evalgate.domain import Report
from evalgate.errors import ServiceError
from evalgate.report.status import EVALUATING

if TYPE_CHECKING:
    from evalgate.services.github import GitHub
    from evalgate.services.github_rows import CommitStatus

MOST_HEADS = 300
"""Limit of commits per pull request whose statuses are read: a job's token is limited to 1,000 requests per hour."""

_MARK = re.compile(r"#(?:evalgate-sign-off=(?P<sign_off>asked|given))?&?(?:evalgate-key=(?P<key>[0-9a-f]{32}))?\Z")


def add_marks(url: str, *, key: str = "", sign_off: Literal["", "asked", "given"] = "") -> str:
    """Add to the target URL of a status the key of the decided content, and whether a sign-off is asked for or given.

    The description is not used: it is cut to 140 characters, and contains names that a change can choose.
    """
    marks = {"evalgate-sign-off": sign_off, "evalgate-key": key}
    text = "&".join(f"{name}={value}" for name, value in marks.items() if value)
    return f"{url}#{text}" if text else url


def read_key(status: CommitStatus) -> str:
    """Return the key of the content that a status decided, empty if it has none."""
    found = _MARK.search(status.target_url)
    return (found["key"] or "") if found else ""


def read_sign_off(status: CommitStatus) -> str:
    """Return whether a sign-off was asked for or given, empty if neither."""
    found = _MARK.search(status.target_url)
    return (found["sign_off"] or "") if found else ""


def add_attempts(
    report: Report, sticky: Sticky, *, key: str, context: str, head: str, base: str, queued: bool
) -> Report:
    """Count the attempts on a pull request, and apply them to the report of the content `key`. Raises ServiceError.

    `context` is the name of the commit status, `head` the evaluated commit, `base` the tip of its target branch.
    `queued` is true for a commit of a merge queue.
    """
    found = read_verdicts(sticky, context, head, base)
    counted = attempts.count_attempts(found, key, alpha=attempts.compute_alpha(report.gates), queued=queued)
    return attempts.apply_attempts(report, counted)


def read_verdicts(sticky: Sticky, context: str, head: str, base: str) -> tuple[PastVerdict, ...]:
    """Read the verdicts of this context on all commits that a pull request has or had. Raises ServiceError.

    Only statuses that evalgate set count, not those of this name by other users. evalgate sets one on `head` before it
    evaluates it. If that one is not found, earlier ones cannot be found either, and ServiceError is raised.
    """
    heads = _list_heads(sticky.github, sticky.number, base)
    own = {sha: list_own_statuses(sticky, context, sha) for sha in dict.fromkeys((head, *heads))}
    if not own[head]:
        raise _make_unknown_error(context, head)
    found = []
    for status in (status for sha in heads for status in own[sha]):
        key = read_key(status)
        if key:
            found.append(PastVerdict(key=key, blocked=status.state == "failure"))
    return tuple(found)


def find_first_verdict(sticky: Sticky, context: str, sha: str) -> str:
    """Return when a run of evalgate first published a verdict on a commit (ISO 8601); empty where there is none.

    `context` is the name of the status on the way to the default branch; those to others count as well. Raises
    ServiceError where no status is known to be evalgate's own.
    """
    statuses = sticky.github.statuses(sha)
    named = [one for one in statuses if one.context == context or one.context.startswith(f"{context} (to ")]
    own = [one for one in named if sticky.is_own(one.creator)]
    if not own:
        raise _make_unknown_error(context, sha)
    return min((one.created_at for one in own if one.description != EVALUATING.description), default="")


def _make_unknown_error(context: str, sha: str) -> ServiceError:
    return ServiceError(
        f"no status {context!r} on {sha[:12]} is known to be evalgate's own",
        hint="the job needs `statuses: write`, and with an app's token the input comment-author",
    )


def list_own_statuses(sticky: Sticky, context: str, sha: str) -> list[CommitStatus]:
    """Return the statuses of this context that evalgate set on a commit, newest first. Raises ServiceError."""
    named = (status for status in sticky.github.statuses(sha) if status.context == context)
    return [status for status in named if sticky.is_own(status.creator)]


def _list_heads(github: GitHub, number: int, base: str) -> tuple[str, ...]:
    """List the commits of a pull request, and those that a force push removed. Raises ServiceError if too many."""
    heads = dict.fromkeys(commit.sha for commit in github.commits(number))
    for head in github.list_overwritten_heads(number):
        if head not in heads:
            heads |= dict.fromkeys(github.commits_since(base, head))
    if len(heads) > MOST_HEADS:
        raise ServiceError(f"#{number} had {len(heads)} commits; the statuses of at most {MOST_HEADS} are read")
    return tuple(heads)
