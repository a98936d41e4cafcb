"""What GitHub knows, as plain rows: no object of a client library leaves services/. Times are UTC, ISO 8601 with a Z.

A login is the empty string where GitHub names nobody: a deleted account, a commit whose e-mail address nobody claims.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, cast

from evalgate.errors import ServiceError

if TYPE_CHECKING:
    import github.Artifact
    import github.Commit
    import github.CommitStatus
    import github.GitAuthor
    import github.Issue
    import github.IssueComment
    import github.NamedUser
    import github.Organization
    import github.PullRequest
    import github.PullRequestReview
    import github.Repository
    import github.TimelineEvent

ReviewState = Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED", "PENDING"]
StatusState = Literal["success", "failure", "pending", "error"]

FORCE_PUSHES = """
query ($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      timelineItems(first: 100, itemTypes: [HEAD_REF_FORCE_PUSHED_EVENT]) {
        pageInfo { hasNextPage }
        nodes { ... on HeadRefForcePushedEvent { beforeCommit { oid } } }
      }
    }
  }
}
"""
"""GraphQL: the commits that a pull request's head was at before each of its first 100 force pushes."""

COMMIT_AUTHORS = """
query ($owner: String!, $name: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      commits(first: 100, after: $after) {
        pageInfo { hasNextPage endCursor }
        nodes { commit { authors(first: 100) { nodes { name email user { login } } } } }
      }
    }
  }
}
"""
"""GraphQL: the authors of a pull request's commits, co-authors by trailer among them, with the logins GitHub knows."""

_TRAILER = re.compile(r"^[ \t]*co-authored-by[ \t]*:[ \t]*(.+?)[ \t]*$", re.IGNORECASE | re.MULTILINE)
_ADDRESSED = re.compile(r"(.*?)\s*<([^<>]*)>.*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """A comment of an issue or of a pull request's conversation."""

    id: int
    author: str
    body: str
    created_at: str
    updated_at: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A review of a pull request. `commit` is the sha it was given for; a pending one has no `submitted_at`: ""."""

    id: int
    author: str
    state: ReviewState
    commit: str
    submitted_at: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitRow:
    """A commit of a pull request. `authors`: the logins of author and committer, "" for one GitHub cannot name.

    `emails` are pairs of their addresses (small letters) and logins, `coauthors` names and addresses of its trailers.
    """

    sha: str
    authors: tuple[str, ...]
    emails: tuple[tuple[str, str], ...] = ()
    coauthors: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """An author or co-author of a commit as GitHub tells it; `login` is empty where the address is nobody's."""

    name: str
    email: str
    login: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitStatus:
    """One status that a commit was given; `target_url` is empty where it leads nowhere."""

    id: int
    state: StatusState
    context: str
    description: str
    target_url: str
    creator: str
    created_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequestRow:
    """A pull request. `state` is open or closed; `head_repository_id` is None where the fork has been deleted."""

    number: int
    state: str
    author: str
    head_sha: str
    head_repository_id: int | None
    head_ref: str
    base_sha: str
    base_ref: str
    labels: tuple[str, ...]
    draft: bool
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelEvent:
    """A label put on (`added`) or taken off, and by whom."""

    label: str
    actor: str
    added: bool
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """An issue that is not a pull request. `state` is open or closed."""

    number: int
    title: str
    body: str
    author: str
    state: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """What a workflow run uploaded; `size` in bytes, as GitHub says it, of the zip archive."""

    id: int
    name: str
    size: int
    expired: bool


def read_moment(when: datetime | None) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if when else ""


def _login(user: github.NamedUser.NamedUser | github.Organization.Organization | None) -> str:
    from github import IncompletableObject

    try:
        return (user.login or "") if user else ""
    except IncompletableObject:  # an empty object, which GitHub's description allows for a commit's author
        return ""


def read_comment(each: github.IssueComment.IssueComment) -> Comment:
    return Comment(
        id=each.id,
        author=_login(each.user),
        body=each.body or "",
        created_at=read_moment(each.created_at),
        updated_at=read_moment(each.updated_at),
        url=each.html_url,
    )


def read_review(each: github.PullRequestReview.PullRequestReview) -> Review:
    return Review(
        id=each.id,
        author=_login(each.user),
        state=cast("ReviewState", each.state),
        commit=each.commit_id or "",
        submitted_at=read_moment(each.submitted_at),
        url=each.html_url,
    )


def read_commit(each: github.Commit.Commit) -> CommitRow:
    authors = (_login(each.author), _login(each.committer))
    written = cast("tuple[github.GitAuthor.GitAuthor | None, ...]", (each.commit.author, each.commit.committer))
    emails = [(who.email or "").casefold() if who else "" for who in written]
    return CommitRow(
        sha=each.sha,
        authors=authors,
        emails=tuple(zip(emails, authors, strict=True)),
        coauthors=tuple(read_coauthors(each.commit.message or "")),
    )


def read_coauthors(message: str) -> Iterator[tuple[str, str]]:
    """Name and address of everybody whom a line `Co-authored-by:` names, wherever in the message it stands."""
    for found in _TRAILER.finditer(message.replace("\r", "\n")):
        addressed = _ADDRESSED.fullmatch(found.group(1))
        yield (addressed.group(1).strip(), addressed.group(2).strip()) if addressed else (found.group(1), "")


def read_authors(page: Callable[..., Mapping[str, Any]]) -> tuple[Author, ...]:
    """The authors in all answers to `COMMIT_AUTHORS`; `page` asks for the one that begins `after` a place."""
    authors: list[Author] = []
    after = None
    while True:
        found = page(after=after)["data"]["repository"]["pullRequest"]["commits"]
        people = [each for node in found["nodes"] for each in node["commit"]["authors"]["nodes"]]
        authors += [
            Author(name=one["name"] or "", email=one["email"] or "", login=(one["user"] or {}).get("login") or "")
            for one in people
        ]
        before, after = after, found["pageInfo"]["endCursor"]
        if not found["pageInfo"]["hasNextPage"] or after == before:
            return tuple(authors)


def read_commit_status(each: github.CommitStatus.CommitStatus) -> CommitStatus:
    return CommitStatus(
        id=each.id,
        state=cast("StatusState", each.state),
        context=each.context,
        description=each.description or "",
        target_url=each.target_url or "",
        creator=_login(each.creator),
        created_at=read_moment(each.created_at),
    )


def read_overwritten_heads(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """The heads in the answer to `FORCE_PUSHES`. Raises ServiceError where it does not name all of them."""
    found = answer["data"]["repository"]["pullRequest"]["timelineItems"]
    if found["pageInfo"]["hasNextPage"]:
        raise ServiceError("the pull request was pushed to by force more than 100 times")
    before = [node["beforeCommit"] for node in found["nodes"]]
    if not all(before):
        raise ServiceError("GitHub does not know any more what was pushed over by force")
    return tuple(str(commit["oid"]) for commit in before)


def read_compared(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """The commits in a comparison. Raises ServiceError where it does not name all of them."""
    commits = tuple(str(each["sha"]) for each in answer["commits"])
    if len(commits) < int(answer["total_commits"]):
        raise ServiceError(f"GitHub names {len(commits)} of {answer['total_commits']} commits only")
    return commits


def read_pull_request(each: github.PullRequest.PullRequest) -> PullRequestRow:
    fork = cast("github.Repository.Repository | None", each.head.repo)  # null once it is deleted
    return PullRequestRow(
        number=each.number,
        state=each.state,
        author=_login(each.user),
        head_sha=each.head.sha,
        head_repository_id=fork.id if fork else None,
        head_ref=each.head.ref,
        base_sha=each.base.sha,
        base_ref=each.base.ref,
        labels=tuple(label.name for label in each.labels),
        draft=bool(each.draft),
        url=each.html_url,
    )


def read_label_event(each: github.TimelineEvent.TimelineEvent) -> LabelEvent | None:
    """None for an event that is not about a label."""
    if each.event not in ("labeled", "unlabeled"):
        return None
    return LabelEvent(
        label=str(each.raw_data["label"]["name"]),
        actor=_login(each.actor),
        added=each.event == "labeled",
        at=read_moment(each.created_at),
    )


def read_issue(each: github.Issue.Issue) -> Issue | None:
    """None for a pull request, which GitHub lists among the issues.

    It is told by its address: asking an issue for its `pull_request` would cost a call for each that has none.
    """
    if f"/pull/{each.number}" in each.html_url:
        return None
    return Issue(
        number=each.number,
        title=each.title,
        body=each.body or "",
        author=_login(each.user),
        state=each.state,
        url=each.html_url,
    )


def read_artifact(each: github.Artifact.Artifact) -> Artifact:
    return Artifact(id=each.id, name=each.name, size=each.size_in_bytes, expired=each.expired)
