"""GitHub's objects as plain rows: objects of PyGithub are used only in services/. Times are UTC, ISO 8601 with a Z.

A login is the empty string if GitHub has none: a deleted account, a commit whose e-mail address has no account.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import parse_qs, urlsplit

from evalgate.errors import ServiceError

if TYPE_CHECKING:
    import github.Artifact
    import github.Commit
    import github.CommitStatus
    import github.File
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
"""GraphQL: the head commits of a pull request before each of its first 100 force pushes."""

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
"""GraphQL: the authors of a pull request's commits, including co-authors by trailer, with their logins if known."""

_TRAILER = "co-authored-by"
_ADDRESS = re.compile(r"<([^<>]*)>")


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
    """A review of a pull request. `commit` is the sha that was reviewed; a pending one has `submitted_at` ""."""

    id: int
    author: str
    state: ReviewState
    commit: str
    submitted_at: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitRow:
    """A commit of a pull request. `authors`: the logins of author and committer, "" if GitHub knows none.

    `emails` are pairs of their addresses (lower case) and logins, `coauthors` names and addresses of its trailers.
    """

    sha: str
    authors: tuple[str, ...]
    emails: tuple[tuple[str, str], ...] = ()
    coauthors: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """An author or co-author of a commit, as GitHub reports it; `login` is empty if the address has no account."""

    name: str
    email: str
    login: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitStatus:
    """One status of a commit; `target_url` is empty if it has no link."""

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
    """The addition (`added`) or removal of a label, and its actor."""

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
    """An upload of a workflow run; `size` is that of the zip archive in bytes, as GitHub reports it."""

    id: int
    name: str
    size: int
    expired: bool
    created_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowRun:
    """A run of a workflow: the path of its file, its commit, and when its last attempt started (empty if not known)."""

    id: int
    path: str
    head_sha: str
    is_of_fork: bool
    started_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedFile:
    """A file that a pull request changes; `previous` is its path before a rename, else empty.

    `ref` is the commit whose files were listed, empty if GitHub does not tell. `is_removed` is true if the head has no
    such file.
    """

    path: str
    previous: str
    ref: str
    is_removed: bool = False


def read_moment(when: datetime | None) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if when else ""


def _read_login(user: github.NamedUser.NamedUser | github.Organization.Organization | None) -> str:
    from github import IncompletableObject

    try:
        return (user.login or "") if user else ""
    except IncompletableObject:  # an empty object, which GitHub's schema allows for a commit's author
        return ""


def read_comment(each: github.IssueComment.IssueComment) -> Comment:
    return Comment(
        id=each.id,
        author=_read_login(each.user),
        body=each.body or "",
        created_at=read_moment(each.created_at),
        updated_at=read_moment(each.updated_at),
        url=each.html_url,
    )


def read_review(each: github.PullRequestReview.PullRequestReview) -> Review:
    return Review(
        id=each.id,
        author=_read_login(each.user),
        state=cast("ReviewState", each.state),
        commit=each.commit_id or "",
        submitted_at=read_moment(each.submitted_at),
        url=each.html_url,
    )


def read_commit(each: github.Commit.Commit) -> CommitRow:
    authors = (_read_login(each.author), _read_login(each.committer))
    written = cast("tuple[github.GitAuthor.GitAuthor | None, ...]", (each.commit.author, each.commit.committer))
    emails = [(who.email or "").casefold() if who else "" for who in written]
    return CommitRow(
        sha=each.sha,
        authors=authors,
        emails=tuple(zip(emails, authors, strict=True)),
        coauthors=tuple(read_coauthors(each.commit.message or "")),
    )


def read_coauthors(message: str) -> Iterator[tuple[str, str]]:
    """Yield the name and address in each `Co-authored-by:` line, anywhere in the message.

    The time is linear: an author may write a message of any length.
    """
    for row in message.replace("\r", "\n").split("\n"):
        key, colon, value = row.partition(":")
        named = value.strip(" \t")
        if not colon or not named or key.strip(" \t").casefold() != _TRAILER:
            continue
        address = _ADDRESS.search(named)
        yield (named[: address.start()].strip(), address[1].strip()) if address else (named, "")


def read_authors(page: Callable[..., Mapping[str, Any]]) -> tuple[Author, ...]:
    """Return the authors in all pages of `COMMIT_AUTHORS`; `page` requests the page `after` a cursor."""
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
        creator=_read_login(each.creator),
        created_at=read_moment(each.created_at),
    )


def read_overwritten_heads(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the heads in the response to `FORCE_PUSHES`. Raises ServiceError if it does not list all of them."""
    found = answer["data"]["repository"]["pullRequest"]["timelineItems"]
    if found["pageInfo"]["hasNextPage"]:
        raise ServiceError("the pull request has more than 100 force pushes")
    before = [node["beforeCommit"] for node in found["nodes"]]
    if not all(before):
        raise ServiceError("GitHub has no record any more of commits that were replaced by a force push")
    return tuple(str(commit["oid"]) for commit in before)


def read_compared(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the commits in a comparison. Raises ServiceError if it does not list all of them."""
    commits = tuple(str(each["sha"]) for each in answer["commits"])
    if len(commits) < int(answer["total_commits"]):
        raise ServiceError(f"GitHub lists only {len(commits)} of {answer['total_commits']} commits")
    return commits


def read_merge_base(answer: Mapping[str, Any]) -> str:
    """Return the sha of the merge base in a comparison."""
    return str(answer["merge_base_commit"]["sha"])


def read_pull_request(each: github.PullRequest.PullRequest) -> PullRequestRow:
    fork = cast("github.Repository.Repository | None", each.head.repo)  # null if it is deleted
    return PullRequestRow(
        number=each.number,
        state=each.state,
        author=_read_login(each.user),
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
    """Return the label event, or None for an event that is not about a label."""
    if each.event not in ("labeled", "unlabeled"):
        return None
    return LabelEvent(
        label=str(each.raw_data["label"]["name"]),
        actor=_read_login(each.actor),
        added=each.event == "labeled",
        at=read_moment(each.created_at),
    )


def read_issue(each: github.Issue.Issue) -> Issue | None:
    """Return the issue, or None for a pull request, which GitHub lists among the issues.

    The address tells them apart: reading `pull_request` of an issue would cost a request for each that has none.
    """
    if f"/pull/{each.number}" in each.html_url:
        return None
    return Issue(
        number=each.number,
        title=each.title,
        body=each.body or "",
        author=_read_login(each.user),
        state=each.state,
        url=each.html_url,
    )


def read_artifact(each: github.Artifact.Artifact) -> Artifact:
    return Artifact(
        id=each.id,
        name=each.name,
        size=each.size_in_bytes,
        expired=each.expired,
        created_at=read_moment(each.created_at),
    )


def read_workflow_run(answer: Mapping[str, Any]) -> WorkflowRun:
    source, own = answer.get("head_repository", answer.get("repository")), answer.get("repository")
    return WorkflowRun(
        id=int(answer["id"]),
        path=str(answer["path"]).partition("@")[0],
        head_sha=str(answer["head_sha"]),
        is_of_fork=(source or {}).get("id") != (own or {}).get("id"),
        started_at=str(answer.get("run_started_at") or ""),
    )


def read_changed_file(each: github.File.File) -> ChangedFile:
    ref = parse_qs(urlsplit(each.contents_url or "").query).get("ref", [""])[-1]
    return ChangedFile(
        path=each.filename, previous=each.previous_filename or "", ref=ref, is_removed=each.status == "removed"
    )
