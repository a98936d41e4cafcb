"""Commit statuses of versions in Langfuse, on the default branch: the record of which version has a verdict.

A status names the gate and the version, and its target URL has the key of what was decided (see `heads`). A verdict is
found again on the commits before, and repeated on the newest one, as long as its key is the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from evalgate.action import heads
from evalgate.action.action_inputs import shorten_context
from evalgate.action.posted_comment import Sticky
from evalgate.errors import GitError
from evalgate.report.status import Status
from evalgate.services.git import Git
from evalgate.services.github_rows import CommitStatus

MOST_COMMITS = 50
"""Commits of the default branch whose statuses are read at most: a job's token has 1,000 requests per hour."""

_LONGEST = 200


def make_version_context(context: str, gate: str, source: str) -> str:
    """Return the name of the status of a version: `evalgate: support, langfuse:support@7`.

    `context` is the name of the status of a change, which is never the same: this one has a colon after it.
    """
    return shorten_context(f"{context}: {gate}, {source}", most=_LONGEST)


class VersionStatuses:
    """The statuses on `head`, the newest commit of the default branch, and on the commits before it.

    Those of a commit are read once. `git` is the checkout; None: only `head` is looked at.
    """

    def __init__(self, sticky: Sticky, git: Git | None, head: str) -> None:
        self._sticky = sticky
        self._git = git
        self._head = head
        self._known: dict[str, tuple[CommitStatus, ...]] = {}

    def find(self, context: str, key: str) -> CommitStatus | None:
        """Return the verdict of a key, the newest one; None if there is none. Raises ServiceError."""
        for sha in self._list_commits():
            for one in self._list_own(sha, context):
                if heads.read_key(one) == key and one.state != "error":
                    return one
        return None

    def repeat(self, context: str, verdict: CommitStatus) -> None:
        """Set a verdict that was found on the head, unless it is the last one there. Raises ServiceError."""
        last = next(iter(self._list_own(self._head, context)), None)
        if last is None or (last.state, last.target_url) != (verdict.state, verdict.target_url):
            self._sticky.github.set_status(
                self._head,
                state=verdict.state,
                description=verdict.description,
                context=context,
                target_url=verdict.target_url,
            )

    def set(
        self, context: str, status: Status, url: str, *, key: str = "", sign_off: Literal["", "asked"] = ""
    ) -> None:
        """Set the status of a version. GitHub keeps a number of them, so one like the last one is not added.

        Raises ServiceError.
        """
        last = next(iter(self._list_own(self._head, context)), None)
        if last is not None and not key and (last.state, last.description) == (status.state, status.description):
            return
        marked = heads.add_marks(url, key=key, sign_off=sign_off)
        self._sticky.github.set_status(
            self._head, state=status.state, description=status.description, context=context, target_url=marked
        )

    def has_any(self, context: str) -> bool:
        """Return whether the head has a status of this version. Raises ServiceError."""
        return bool(self._list_own(self._head, context))

    def _list_own(self, sha: str, context: str) -> list[CommitStatus]:
        """Return the statuses of this name that evalgate set, newest first."""
        if sha not in self._known:
            self._known[sha] = self._sticky.github.statuses(sha)
        named = (one for one in self._known[sha] if one.context == context)
        return [one for one in named if self._sticky.is_own(one.creator)]

    def _list_commits(self) -> Iterator[str]:
        """Yield the head and its first parents, as far as the checkout has them."""
        sha: str | None = self._head
        for _ in range(MOST_COMMITS):
            if sha is None:
                return
            yield sha
            try:
                sha = None if self._git is None else self._git.parent(sha)
            except GitError:  # a shallow checkout
                return
