"""Lookup of sign-offs on GitHub: reviews and labels of a pull request, and the permissions of their authors."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from evalgate.action import heads
from evalgate.action.event import LABEL, GitHubEvent
from evalgate.action.posted_comment import Sticky
from evalgate.decide import sign_off
from evalgate.decide.sign_off import CoAuthor, Labelling, Opinion, SignOffRequest, SignOffState
from evalgate.domain import Report
from evalgate.errors import ServiceError

if TYPE_CHECKING:
    from evalgate.services.github import GitHub
    from evalgate.services.github_rows import CommitRow, Review

_MAY_WRITE = frozenset({"admin", "maintain", "write"})
_NOT_YET = "9999-12-31T23:59:59+00:00"
# allowed difference between the runner's clock and GitHub's
_SKEW = datetime.timedelta(minutes=5)


def look_up_sign_off(
    sticky: Sticky,
    report: Report,
    *,
    context: str,
    head: str | None,
    mode: Literal["review", "label"],
    approvers: Sequence[str],
    warn: Callable[[str], None],
) -> SignOffState:
    """Look up the sign-off of a report on `head`, by default the pull request's current head. Raises ServiceError.

    Who approved, when, and on which commit is what the API says of the reviews and labels, never what a comment says.
    `sticky` is the comment before this run writes to it: it tells since when the report could be read, and that is
    never before the first verdict among the commit's statuses (named `context`, see `heads`), which cannot be
    edit. `warn` hears of a team that the token may not read, since its members are not known, and of co-authors that
    cannot be looked up.
    """
    subject = sign_off.digest_subject(report)
    head = sticky.github.pull_request(sticky.number).head_sha if head is None else head
    published_at = _find_publication(sticky, context, head, subject)
    return look_up_approval(
        sticky, subject, published_at=published_at, head=head, mode=mode, approvers=approvers, warn=warn
    )


def look_up_approval(
    sticky: Sticky,
    subject: str,
    *,
    published_at: str,
    head: str,
    mode: Literal["review", "label"],
    approvers: Sequence[str],
    warn: Callable[[str], None],
) -> SignOffState:
    """Look up the sign-off of the report on this subject, which was published at this time. Raises ServiceError."""
    from evalgate.services.github import COMMITS_LISTED

    github, number = sticky.github, sticky.number
    pull = github.pull_request(number)
    reviews = github.reviews(number)
    events = github.labels_history(number) if mode == "label" else ()
    logins = {review.author for review in reviews if review.state in ("APPROVED", "CHANGES_REQUESTED")}
    logins |= {event.actor for event in events if event.label.casefold() == LABEL}
    logins.discard("")
    commits = github.commits(number)
    asked = SignOffRequest(
        head=head if pull.head_sha == head else "",  # after a newer push, the approved commit is not the head
        subject=subject,
        published_at=published_at,
        author=pull.author,
        commits=tuple(commit.authors for commit in commits),
        most_commits=COMMITS_LISTED,
        coauthors=_find_coauthors(github, number, commits, warn),
        writers=frozenset(login for login in logins if github.permission(login) in _MAY_WRITE),
        approvers=tuple(approvers),
        members=frozenset(_find_members(github, approvers, logins, warn)),
    )
    opinions = [_make_opinion(review) for review in reviews]
    if mode == "review":
        return sign_off.check_reviews(asked, opinions)
    labellings = [Labelling(label=e.label, by=e.actor, added=e.added, at=e.at) for e in events]
    return sign_off.check_label(asked, LABEL, present=pull.labels, events=labellings, opinions=opinions)


def find_own_publication(sticky: Sticky, context: str, head: str) -> tuple[str, str]:
    """Return the subject of the report that the comment shows of a head, and since when it can be read.

    This is for a job that has no report: the subject is only named, and what was decided is what the status says.
    """
    posted = sticky.read()
    subject = posted.state.subject if posted is not None and posted.state.head == head else ""
    return subject, _find_publication(sticky, context, head, subject)


def find_queued_pull_requests(github: GitHub, event: GitHubEvent) -> tuple[int, ...]:
    """Find the pull requests that a merge queue's commit merges. Raises ServiceError.

    The name of the queue's branch has the number of the pull request. If it does not, the open pull requests of the
    queue's commits are used.
    """
    if event.pull is not None:
        return (event.pull,)
    if event.base is None or event.head is None:
        return ()
    found = [pull for sha in github.commits_since(event.base, event.head) for pull in github.pull_requests_of(sha)]
    return tuple(sorted({pull.number for pull in found if (pull.state, pull.base_ref) == ("open", event.branch)}))


def _find_coauthors(
    github: GitHub, number: int, commits: Sequence[CommitRow], warn: Callable[[str], None]
) -> tuple[CoAuthor, ...]:
    """List the co-authors in the trailers of the commits, with their logins if GitHub knows them."""
    logins = {email: login for commit in commits for email, login in commit.emails if email and login}
    named = {one for commit in commits for one in commit.coauthors}
    known = [CoAuthor(name=name, email=email, login=logins.get(email.casefold(), "")) for name, email in sorted(named)]
    if all(one.login for one in known):  # a login that the API gave with an address is kept
        return tuple(known)
    try:
        authors = github.commit_authors(number)
    except ServiceError as error:
        warn(f"co-authors are identified only by names and addresses: {error.faults[0].message}")
        return tuple(known)
    return (*known, *(CoAuthor(name=one.name, email=one.email, login=one.login) for one in authors if one.login))


def _find_publication(sticky: Sticky, context: str, head: str, subject: str) -> str:
    """Since when this report can be read: by the comment, where it is about just this, and no older than itself.

    People with write permission can edit the comment: a time before the first verdict on the head is not believed. A
    report that is about to be published comes after every approval there is. Raises ServiceError.
    """
    posted = sticky.read()
    if posted is None or (posted.state.head, posted.state.subject) != (head, subject) or not posted.state.sign_off:
        return _NOT_YET
    created, since = map(datetime.datetime.fromisoformat, (posted.shown.created_at, posted.state.at))
    if since < created - _SKEW:
        return _NOT_YET
    told = heads.find_first_verdict(sticky, context, head)
    return max(posted.state.at, told, key=datetime.datetime.fromisoformat) if told else _NOT_YET


def _find_members(
    github: GitHub, approvers: Iterable[str], logins: Iterable[str], warn: Callable[[str], None]
) -> Iterable[str]:
    people = sorted(logins)
    for approver in approvers:
        org, _, team = approver.removeprefix("@").partition("/")
        if not team:
            continue
        try:
            yield from [login for login in people if github.is_member(org, team, login)]
        except ServiceError as error:
            warn(f"{approver}: {error.faults[0].message}")


def _make_opinion(review: Review) -> Opinion:
    return Opinion(by=review.author, state=review.state, commit=review.commit, at=review.submitted_at, url=review.url)
