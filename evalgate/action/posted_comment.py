"""What a pull request is shown of a run: one comment for each key, found again, and never somebody else's."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from evalgate.action import comment_state
from evalgate.decide import sign_off
from evalgate.domain import Report, Verdict
from evalgate.report import comment, view
from evalgate.report.escape import line
from evalgate.report.status import Status

if TYPE_CHECKING:
    from evalgate.services.github import GitHub
    from evalgate.services.github_rows import Comment

When = Literal["auto", "on-change", "on-failure", "off"]
# A run that finds the same again has another address: that alone is no reason to write to anybody.
_RUN = re.compile(r"/actions/runs/\d+(?:/attempts/\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """The comment as it stands: what it remembers, and the others of its key that are too many."""

    shown: Comment
    state: comment_state.State
    duplicates: tuple[Comment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sticky:
    """The comment of one key on one pull request. `author` is the login its comments carry; None: the token's."""

    github: GitHub
    number: int
    key: str
    author: str | None

    def is_own(self, login: str) -> bool:
        """Whether this login is the one that wrote what evalgate wrote. Raises ServiceError."""
        return login.casefold() == (self.author or self.github.login()).casefold()

    def read(self) -> Posted | None:
        """The first comment that evalgate wrote for this key: by its marker at the very start, and by its author.

        A marker in somebody else's comment is text like any other. Raises ServiceError.
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
        """Puts the comment there, or in the place of the one that was; its address. Raises ServiceError.

        A body that says the same is not written again. Two jobs that wrote their first comment at once leave one.
        """
        if before is None:
            self.github.create_comment(self.number, body)
            before = self.read()
            if before is None:  # under another login than the one expected: the next run would not find it
                return ""
        for other in before.duplicates:
            self.github.delete_comment(other.id)
        if _same(before.shown.body, body):
            return before.shown.url
        return self.github.update_comment(before.shown.id, body).url


def update_comment(
    sticky: Sticky, report: Report, status: Status, *, when: When, head: str, links: comment.Links, now: str
) -> str:
    """Brings the comment of a pull request up to date; its address, empty where there is none. Raises ServiceError.

    A run that was overtaken by a newer push is silent: the newer one has the word.
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
    """One open issue for each key: opened when production has drifted, kept true as long as it is open; its address.

    What a later watch finds is a comment on it, which is written anew each time. `of` says whose issue it is, its
    number is not known yet. Raises ServiceError.
    """
    subject = sign_off.digest_subject(report)
    known = [i for i in of.github.issues() if of.is_own(i.author) and comment_state.read(i.body, of.key) is not None]
    if not known:
        if report.decision is not Verdict.FAIL:
            return ""
        state = comment_state.follow(None, report, head=head, subject=subject, now=now)
        return of.github.create_issue(
            line(title), comment_state.render(report, key=of.key, state=state, links=links)
        ).url
    first = min(known, key=lambda issue: issue.number)
    sticky = replace(of, number=first.number)
    before = sticky.read()
    state = comment_state.follow(before.state if before else None, report, head=head, subject=subject, now=now)
    sticky.write(comment_state.render(report, key=of.key, state=state, links=links), before)
    return first.url


def is_wanted(when: When, status: Status, report: Report, before: Posted | None) -> bool:
    """Whether there is something to tell. A comment that is there already is kept true, but with `on-change`.

    What is awaited of people is told in any case: a sign-off counts from the moment the report can be read.
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


def _same(one: str, other: str) -> bool:
    return _plain(one) == _plain(other)


def _plain(body: str) -> str:
    return _RUN.sub("", body).replace("\r\n", "\n").rstrip()
