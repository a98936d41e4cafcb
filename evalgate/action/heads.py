"""The verdicts that evalgate recorded on the heads of a pull request: in the addresses of its commit statuses.

A status can neither be changed nor removed, and GitHub says who set it. The comment is not asked: people with write
permission can edit it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

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
"""Commits of one pull request that are asked for their statuses: a job's token may ask 1,000 things in an hour."""

_MARK = re.compile(r"#evalgate-key=([0-9a-f]{32})\Z")


def add_key(url: str, key: str) -> str:
    """The address of a status, with the key of the content that was decided.

    In the address and not in the description: that is cut to 140 characters, and repeats names that a change chooses.
    """
    return f"{url}#evalgate-key={key}"


def count_attempts(
    report: Report, sticky: Sticky, *, key: str, context: str, head: str, base: str, queued: bool
) -> Report:
    """The report of the content `key` with the attempts on its pull request counted. Raises ServiceError.

    `context` is the name of the status that the verdict gets, `head` the commit that was judged, `base` the one that
    it goes to. `queued`: the verdict is that of a merge queue.
    """
    found = read_verdicts(sticky, context, head, base)
    counted = attempts.count_attempts(found, key, alpha=attempts.compute_alpha(report.gates), queued=queued)
    return attempts.apply_attempts(report, counted)


def read_verdicts(sticky: Sticky, context: str, head: str, base: str) -> tuple[PastVerdict, ...]:
    """The verdicts of this context on all commits that a pull request has or had. Raises ServiceError.

    Only what evalgate set itself counts: a status of this name that anybody else sets says nothing. On `head` it has
    set one before it judged. Where that is not found, earlier ones cannot be, and their number is not known.
    """
    heads = _heads(sticky.github, sticky.number, base)
    own = {sha: _own(sticky, context, sha) for sha in dict.fromkeys((head, *heads))}
    if not own[head]:
        raise _unknown(context, head)
    found = []
    for status in (status for sha in heads for status in own[sha]):
        mark = _MARK.search(status.target_url)
        if mark:
            found.append(PastVerdict(key=mark.group(1), blocked=status.state == "failure"))
    return tuple(found)


def find_first_verdict(sticky: Sticky, context: str, sha: str) -> str:
    """When a run of evalgate first told what it found on a commit (ISO 8601); empty where it only began.

    `context` is the name of the status on the way to the default branch; those to others count as well. Raises
    ServiceError where no status is known to be evalgate's own.
    """
    statuses = sticky.github.statuses(sha)
    named = [one for one in statuses if one.context == context or one.context.startswith(f"{context} (to ")]
    own = [one for one in named if sticky.is_own(one.creator)]
    if not own:
        raise _unknown(context, sha)
    return min((one.created_at for one in own if one.description != EVALUATING.description), default="")


def _unknown(context: str, sha: str) -> ServiceError:
    return ServiceError(
        f"no status {context!r} on {sha[:12]} is known to be evalgate's own",
        hint="the job needs `statuses: write`, and with an app's token the input comment-author",
    )


def _own(sticky: Sticky, context: str, sha: str) -> list[CommitStatus]:
    named = (status for status in sticky.github.statuses(sha) if status.context == context)
    return [status for status in named if sticky.is_own(status.creator)]


def _heads(github: GitHub, number: int, base: str) -> tuple[str, ...]:
    """The commits of a pull request, and those that a force push took from it. Raises ServiceError for too many."""
    heads = dict.fromkeys(commit.sha for commit in github.commits(number))
    for head in github.overwritten_heads(number):
        if head not in heads:
            heads |= dict.fromkeys(github.commits_since(base, head))
    if len(heads) > MOST_HEADS:
        raise ServiceError(f"#{number} had {len(heads)} commits; at most {MOST_HEADS} are asked for their statuses")
    return tuple(heads)
