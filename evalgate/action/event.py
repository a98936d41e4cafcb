"""The event of a workflow: the fields of its payload that the gate needs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from evalgate.domain import strict_json
from evalgate.errors import InputError

_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_QUEUED = re.compile(r"/pr-(\d+)-[0-9a-f]+$")
LABEL = "evalgate-approved"
"""The label that signs a change off."""
_PULL_EVENTS = ("pull_request", "pull_request_target", "pull_request_review")


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherRun:
    """The workflow run of a `workflow_run` event: its id, its commit, and the repository of that commit.

    `started_at` is when its last attempt started (ISO 8601), empty if the event does not tell.
    """

    id: int
    event: str
    head: str
    fork: bool
    repository_id: int
    owner: str
    branch: str
    started_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubEvent:
    """One event. `head` is the commit to evaluate, `base` the tip of its target branch; None if the event has none.

    `branch` is the name of the target branch, empty if the event has none. `default_branch` is that of the repository.
    An event is a snapshot: for a pull request, `base` is the tip of the branch when the pull request was last pushed.
    `pull` is the number of the pull request, including the one of a merge queue's commit. `other` is set only for
    `workflow_run`.

    `is_idle` is true for an event of a pull request that changes nothing that a verdict depends on: an edited title, a
    review that only comments, another label. `may_withdraw` is true for one that can withdraw a sign-off, or that
    changes the target branch.

    `dispatched` is the `client_payload` of a `repository_dispatch`, as its sender made it; None for any other event.
    """

    name: str
    repository: str
    head: str | None
    base: str | None = None
    branch: str = ""
    default_branch: str = ""
    pull: int | None = None
    other: OtherRun | None = None
    is_idle: bool = False
    may_withdraw: bool = False
    dispatched: Mapping[str, Any] | None = None

    @property
    def of_pull_request(self) -> bool:
        """True if the event belongs to a pull request, which can have comments and reviews."""
        return self.name in _PULL_EVENTS


def read_event(name: str, payload: str, *, repository: str, sha: str) -> GitHubEvent:
    """Read the event of this name from the JSON of its payload; `sha` is the workflow's commit.

    Raises InputError for a payload that GitHub does not send.
    """
    try:
        data = strict_json.load(payload)
        if not isinstance(data, dict):
            raise TypeError
        about = data.get("repository") or {}
        return replace(_make_event(name, data, repository, sha), default_branch=str(about.get("default_branch") or ""))
    except (AttributeError, ValueError, KeyError, TypeError) as error:
        lacks = f": it lacks {error}" if isinstance(error, KeyError) else ""
        raise InputError(
            f'the payload of the event "{name}" is not what GitHub sends{lacks}', hint="see GITHUB_EVENT_PATH"
        ) from None


def _make_event(name: str, data: Mapping[str, Any], repository: str, sha: str) -> GitHubEvent:
    if name in _PULL_EVENTS:
        pull = data["pull_request"]
        head, base = pull["head"], pull["base"]
        return GitHubEvent(
            name=name,
            repository=repository,
            head=_read_sha(head["sha"]),
            base=_read_sha(base["sha"]),
            branch=str(base["ref"]),
            pull=int(pull["number"]),
            is_idle=_is_idle(data),
            may_withdraw=_may_withdraw(data),
        )
    if name == "merge_group":
        group = data["merge_group"]
        queued = _QUEUED.search(str(group["head_ref"]))
        return GitHubEvent(
            name=name,
            repository=repository,
            head=_read_sha(group["head_sha"]),
            base=_read_sha(group["base_sha"]),
            branch=str(group["base_ref"]).removeprefix("refs/heads/"),
            pull=int(queued.group(1)) if queued else None,
        )
    if name == "push":
        before, after = str(data["before"]), str(data["after"])
        branch = str(data["ref"]).removeprefix("refs/heads/")
        return GitHubEvent(
            name=name, repository=repository, head=_read_commit(after), base=_read_commit(before), branch=branch
        )
    if name == "workflow_run":
        run = data["workflow_run"]
        source = run["head_repository"]
        other = OtherRun(
            id=int(run["id"]),
            event=str(run["event"]),
            head=_read_sha(run["head_sha"]),
            fork=source["id"] != data["repository"]["id"],
            repository_id=int(source["id"]),
            owner=str(source["owner"]["login"]),
            branch=str(run["head_branch"]),
            started_at=str(run.get("run_started_at") or ""),
        )
        return GitHubEvent(name=name, repository=repository, head=other.head, other=other)
    if name == "repository_dispatch":
        sent = data.get("client_payload") or {}
        if not isinstance(sent, dict):
            raise TypeError
        return GitHubEvent(name=name, repository=repository, head=_read_commit(sha), dispatched=sent)
    return GitHubEvent(name=name, repository=repository, head=_read_commit(sha))


def _is_idle(data: Mapping[str, Any]) -> bool:
    action, review = data.get("action"), data.get("review")
    if isinstance(review, Mapping):
        return action == "edited" or str(review.get("state")).casefold() == "commented"
    if action == "edited":
        return "base" not in (data.get("changes") or {})
    return action in ("labeled", "unlabeled") and _find_label(data) != LABEL


def _may_withdraw(data: Mapping[str, Any]) -> bool:
    action, review = data.get("action"), data.get("review")
    if isinstance(review, Mapping):
        return str(review.get("state")).casefold() != "approved" or action == "dismissed"
    return action in ("edited", "unlabeled")


def _find_label(data: Mapping[str, Any]) -> str:
    return str((data.get("label") or {}).get("name") or "").casefold()


def _read_commit(sha: str) -> str | None:
    """Return the commit, or None for zeros, which GitHub sends for a deleted or a new branch."""
    return None if not sha.strip("0") else _read_sha(sha)


def _read_sha(value: Any) -> str:
    if not isinstance(value, str) or not _SHA.fullmatch(value):
        raise TypeError
    return value
