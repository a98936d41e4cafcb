"""Earlier verdicts on the heads of a pull request, recorded in the target URLs of evalgate's commit statuses.

A status cannot be changed or removed, and the API names its creator. The comment is not used: people with write
permission can edit it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from evalgate.action.action_inputs import is_same_context
from evalgate.action.posted_comment import Sticky
from evalgate.decide import attempts
from evalgate.decide.attempts import PastVerdict
from evalgate.domain import Attempts, Report
from evalgate.errors import ServiceError
from evalgate.report.status import EVALUATING

if TYPE_CHECKING:
    from evalgate.services.github import GitHub
    from evalgate.services.github_rows import CommitStatus, PullRequestRow

MOST_HEADS = 300
"""Limit of commits per pull request whose statuses are read: a job's token is limited to 1,000 requests per hour."""

_MARK = re.compile(
    r"#(?:evalgate-sign-off=(?P<sign_off>asked|given))?&?(?:evalgate-key=(?P<key>[0-9a-f]{32}))?&?"
    r"(?:evalgate-blocked=(?P<blocked>[fi][0-9a-f]{12}(?:,[fi][0-9a-f]{12})*))?\Z"
)


def add_marks(
    url: str, *, key: str = "", sign_off: Literal["", "asked", "given"] = "", blocked: Sequence[str] = ()
) -> str:
    """Add to the target URL of a status the key of the decided content, and whether a sign-off is asked for or given.

    `blocked` are the marks of gates that block (`recorded_verdicts.list_blocked`). The description is not used: it is
    cut to 140 characters, and contains names that a change can choose.
    """
    marks = {"evalgate-sign-off": sign_off, "evalgate-key": key, "evalgate-blocked": ",".join(blocked)}
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


def read_blocked(status: CommitStatus) -> tuple[str, ...]:
    """Return the marks of the gates that a status says to block."""
    found = _MARK.search(status.target_url)
    return tuple((found["blocked"] or "").split(",")) if found and found["blocked"] else ()


def remove_marks(status: CommitStatus) -> str:
    """Return the address of the page that a status links."""
    found = _MARK.search(status.target_url)
    return status.target_url[: found.start()] if found else status.target_url


def count_attempts(
    report: Report,
    sticky: Sticky,
    *,
    key: str,
    context: str,
    name: str,
    head: str,
    base: str,
    queued: bool,
    known: Mapping[str, Sequence[CommitStatus]],
) -> Attempts:
    """Count the attempts on a pull request, of which the report of the content `key` is one. Raises ServiceError.

    `context` is the name of the commit status, `name` the one on the way to the default branch; `head` is the evaluated
    commit, `base` the tip of its target branch. `queued` is true for a commit of a merge queue. `known` are the
    statuses of `list_statuses_to_any` that were read already, by commit.
    """
    found = read_verdicts(sticky, context, head, base, name=name, present="" if queued else key, known=known)
    return attempts.count_attempts(found, key, alpha=attempts.compute_alpha(report.gates), queued=queued)


def read_verdicts(
    sticky: Sticky,
    context: str,
    head: str,
    base: str,
    *,
    name: str,
    present: str = "",
    known: Mapping[str, Sequence[CommitStatus]] | None = None,
) -> tuple[PastVerdict, ...]:
    """Read the verdicts on all commits that a pull request has or had. Raises ServiceError.

    Those of this context count, and those on the way to any other branch: `name` is the status' name on the way to the
    default branch. A commit that went to several branches was tried once, by whatever rules: what was decided elsewhere
    then has the key of this context, on `head` the `present` one.

    Only statuses that evalgate set count, not those of this name by other users. evalgate sets one on `head` before it
    evaluates it. If that one is not found, earlier ones cannot be found either, and ServiceError is raised.
    """
    heads = list_heads(sticky.github, sticky.number, base)
    read = known or {}
    named = {
        sha: read[sha] if sha in read else list_statuses_to_any(sticky, name, context, sha)
        for sha in dict.fromkeys((head, *heads))
    }
    if not any(is_same_context(status.context, context) for status in named[head]):
        raise _make_unknown_error(context, head)
    keyed = {sha: [status for status in named[sha] if read_key(status)] for sha in heads}
    same = _join_keys(keyed, context, {head: present} if present else {})
    return tuple(
        PastVerdict(key=same.get(read_key(status), read_key(status)), blocked=status.state == "failure")
        for sha in heads
        for status in keyed[sha]
    )


def _join_keys(keyed: Mapping[str, Sequence[CommitStatus]], context: str, present: Mapping[str, str]) -> dict[str, str]:
    """Return the key that each key of another context counts as: that of this context on one of its commits, if any.

    Keys of other contexts on one commit are one, and so are those of all commits that share one of them.
    """
    same: dict[str, str] = {}
    own = {
        sha: [read_key(status) for status in found if is_same_context(status.context, context)]
        for sha, found in keyed.items()
    }
    # commits that were tried in this context come first, so that their keys are the ones that others count as
    for sha in sorted(keyed, key=lambda sha: not (own[sha] or sha in present)):
        others = [read_key(status) for status in keyed[sha] if not is_same_context(status.context, context)]
        mine = present.get(sha) or next(iter(own[sha]), None)
        known = mine or next((same[key] for key in others if key in same), next(iter(others), ""))
        for key in others:
            same.setdefault(key, known)
    kept = {key for keys in own.values() for key in keys}
    return {key: to for key, to in same.items() if key not in kept}


def find_first_verdict(sticky: Sticky, context: str, sha: str) -> str:
    """Return when a run of evalgate first published a verdict on a commit (ISO 8601); empty where there is none.

    `context` is the name of the status on the way to the default branch; those to others count as well. Raises
    ServiceError where no status is known to be evalgate's own.
    """
    own = list_statuses_to_any(sticky, context, context, sha)
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
    named = (status for status in sticky.github.statuses(sha) if is_same_context(status.context, context))
    return [status for status in named if sticky.is_own(status.creator)]


def list_statuses_to_any(sticky: Sticky, name: str, context: str, sha: str) -> list[CommitStatus]:
    """Return the statuses that evalgate set on a commit, on the way to any branch, newest first. Raises ServiceError.

    `name` is the one on the way to the default branch; names of branches have no spaces.
    """
    to_any = re.compile(rf"{re.escape(name.casefold())} \(to [^ ]+\)")
    named = [
        one
        for one in sticky.github.statuses(sha)
        if is_same_context(one.context, name)
        or is_same_context(one.context, context)
        or to_any.fullmatch(one.context.casefold())
    ]
    return [status for status in named if sticky.is_own(status.creator)]


def find_open_pull_requests(github: GitHub, head: str) -> tuple[PullRequestRow, ...]:
    """Return the open pull requests that have this commit as their head. Raises ServiceError."""
    return tuple(one for one in github.pull_requests_of(head) if (one.state, one.head_sha) == ("open", head))


def list_heads(github: GitHub, number: int, base: str) -> tuple[str, ...]:
    """List the commits of a pull request, and those that a force push removed. Raises ServiceError if too many."""
    heads = dict.fromkeys(commit.sha for commit in github.commits(number))
    for head in github.list_overwritten_heads(number):
        if head not in heads:
            heads |= dict.fromkeys(github.commits_since(base, head))
    if len(heads) > MOST_HEADS:
        raise ServiceError(f"#{number} had {len(heads)} commits; the statuses of at most {MOST_HEADS} are read")
    return tuple(heads)
