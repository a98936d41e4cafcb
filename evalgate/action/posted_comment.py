"""The comment of a run on a pull request: one for each key, written by evalgate's login and updated by later runs."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from evalgate.action import comment_state
from evalgate.decide import sign_off
from evalgate.domain import Report, Verdict
from evalgate.report import comment, view
from evalgate.report.escape import line, prose
from evalgate.report.status import Status

if TYPE_CHECKING:
    from evalgate.services.github import GitHub
    from evalgate.services.github_rows import Comment

_TITLE = 200  # of the 256 characters that GitHub takes as the title of an issue
When = Literal["auto", "on-change", "on-failure", "off"]
# a repeated run with the same result differs only in its URL: that alone is not a reason to update the comment
_RUN = re.compile(r"/actions/runs/\d+(?:/attempts/\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """The existing comment, its state, and duplicates of the same key, which are to be deleted."""

    shown: Comment
    state: comment_state.State
    duplicates: tuple[Comment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sticky:
    """The comment of one key on one pull request. `author` is the login that wrote it; None is the token's login."""

    github: GitHub
    number: int
    key: str
    author: str | None

    def is_own(self, login: str) -> bool:
        """Return True if this login is the one that evalgate writes with. Raises ServiceError."""
        return login.casefold() == (self.author or self.github.login()).casefold()

    def read(self) -> Posted | None:
        """Find the first comment that evalgate wrote for this key, by the marker at its start and by its author.

        A marker in a comment of another author is ignored. Raises ServiceError.
        """
        own = []
        for found in self.github.comments(self.number):
            state = comment_state.read(found.body, self.key) if self.is_own(found.author) else None
            if state is not None:
                own.append((found, state))
        if not own:
            return None
        own.sort(key=lambda pair: pair[0].id)
        (first, state), *others = own
        return Posted(shown=first, state=state, duplicates=tuple(other for other, _ in others))

    def write(self, body: str, before: Posted | None) -> str:
        """Create or update the comment; return its URL. Raises ServiceError.

        An unchanged body is not written again. If two jobs created the first comment at once, one is deleted.
        """
        if before is None:
            self.github.create_comment(self.number, body)
            before = self.read()
            if before is None:  # written by another login than expected: the next run will not find it either
                return ""
        for other in before.duplicates:
            self.github.delete_comment(other.id)
        if _is_same(before.shown.body, body):
            return before.shown.url
        return self.github.update_comment(before.shown.id, body).url


def update_comment(
    sticky: Sticky, report: Report, status: Status, *, when: When, head: str, links: comment.Links, now: str
) -> str:
    """Update the comment of a pull request; return its URL, empty if there is none. Raises ServiceError.

    Nothing is written if the pull request has a newer head: the run of that head writes the comment.
    """
    before = sticky.read()
    if not is_wanted(when, status, report, before) or sticky.github.pull_request(sticky.number).head_sha != head:
        return before.shown.url if before else ""
    state = comment_state.follow(
        before.state if before else None, report, head=head, subject=sign_off.digest_subject(report), now=now
    )
    standing = status.sentence if status.verdict == "PENDING" else ""
    return sticky.write(
        comment_state.render(report, key=sticky.key, state=state, standing=standing, links=links), before
    )


def update_drift_issue(of: Sticky, report: Report, title: str, *, head: str, links: comment.Links, now: str) -> str:
    """Open or update the issue of a drift; return its URL, empty if there is none. Raises ServiceError.

    There is one open issue for each key. It is opened when production has drifted. Later runs update one comment on it
    as long as it is open. `of` gives the key and the author; its number is not used.
    """
    subject = sign_off.digest_subject(report)
    known = [i for i in of.github.issues() if of.is_own(i.author) and comment_state.read(i.body, of.key) is not None]
    if not known:
        if report.decision is not Verdict.FAIL:
            return ""
        state = comment_state.follow(None, report, head=head, subject=subject, now=now)
        return of.github.create_issue(
            line(prose(title, most=_TITLE)), comment_state.render(report, key=of.key, state=state, links=links)
        ).url
    first = min(known, key=lambda issue: issue.number)
    sticky = replace(of, number=first.number)
    before = sticky.read()
    state = comment_state.follow(before.state if before else None, report, head=head, subject=subject, now=now)
    sticky.write(comment_state.render(report, key=of.key, state=state, links=links), before)
    return first.url


def is_wanted(when: When, status: Status, report: Report, before: Posted | None) -> bool:
    """Return True if the comment is to be written. An existing one is always updated, except with `on-change`.

    A pending status is written unless `when` is `off`: a sign-off counts only after the report was published.
    """
    if when == "off":
        return False
    if status.verdict == "PENDING":
        return True
    if before is not None:
        return when != "on-change" or before.state.verdict != view.verdict(report)
    if when == "on-failure":
        return status.state != "success"
    return bool(report.gates or report.policy_changes)


def _is_same(one: str, other: str) -> bool:
    return _remove_run_urls(one) == _remove_run_urls(other)


def _remove_run_urls(body: str) -> str:
    return _RUN.sub("", body).replace("\r\n", "\n").rstrip()
