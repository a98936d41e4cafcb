"""Events in GitHub's format, with the fields that workflows read, and their values of GITHUB_REF and GITHUB_SHA."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from action.hosted import Hosted, Pull

SERVER = "https://github.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event. `sha` and `ref` are the commit and the ref that its workflow starts on."""

    name: str
    payload: dict[str, Any]
    sha: str
    ref: str
    actor: str
    repository: str
    repository_id: int


def _user(login: str) -> dict[str, Any]:
    return {"login": login, "id": sum(login.encode()), "type": "Bot" if login.endswith("[bot]") else "User"}


def _repository(name: str, number: int, *, fork: bool = False) -> dict[str, Any]:
    owner, short = name.split("/")
    return {
        "id": number,
        "name": short,
        "full_name": name,
        "owner": _user(owner),
        "private": False,
        "fork": fork,
        "default_branch": "main",
        "html_url": f"{SERVER}/{name}",
    }


def _pull(hosted: Hosted, pull: Pull) -> dict[str, Any]:
    head = _repository(pull.head_repository, pull.head_repository_id, fork=pull.fork)
    base = _repository(hosted.name, hosted.number)
    return {
        "number": pull.number,
        "state": "open",
        "draft": False,
        "title": "Edit the prompt",
        "html_url": f"{SERVER}/{hosted.name}/pull/{pull.number}",
        "user": _user(pull.author),
        "labels": [],
        "merge_commit_sha": pull.merge_sha,
        "head": {"sha": pull.head_sha, "ref": pull.head_ref, "label": f"{head['owner']['login']}:{pull.head_ref}", "repo": head, "user": head["owner"]},
        "base": {"sha": pull.base_sha, "ref": pull.base_ref, "label": f"{base['owner']['login']}:{pull.base_ref}", "repo": base, "user": base["owner"]},
    }  # fmt: skip


def _event(hosted: Hosted, name: str, payload: dict[str, Any], *, sha: str, ref: str, actor: str) -> Event:
    whole = {**payload, "repository": _repository(hosted.name, hosted.number), "sender": _user(actor)}
    return Event(
        name=name, payload=whole, sha=sha, ref=ref, actor=actor, repository=hosted.name, repository_id=hosted.number
    )


def pull_request(hosted: Hosted, pull: Pull, action: str = "synchronize", *, label: str | None = None, actor: str | None = None) -> Event:  # fmt: skip
    payload = {"action": action, "number": pull.number, "pull_request": _pull(hosted, pull)}
    if label is not None:
        payload["label"] = {"name": label}
        payload["pull_request"]["labels"] = [{"name": label}]
    return _event(hosted, "pull_request", payload, sha=pull.merge_sha, ref=f"refs/pull/{pull.number}/merge", actor=actor or pull.author)  # fmt: skip


def pull_request_review(hosted: Hosted, pull: Pull, *, by: str, state: Literal["approved", "changes_requested", "commented", "dismissed"] = "approved") -> Event:  # fmt: skip
    """Make a review event, which has no top-level `number`; its state is in lower case, unlike in the API."""
    review = {
        "id": 1,
        "user": _user(by),
        "state": state,
        "commit_id": pull.head_sha,
        "submitted_at": "2026-01-02T00:00:00Z",
        "body": None,
    }
    action = "dismissed" if state == "dismissed" else "submitted"
    payload = {"action": action, "review": review, "pull_request": _pull(hosted, pull)}
    return _event(hosted, "pull_request_review", payload, sha=pull.merge_sha, ref=f"refs/pull/{pull.number}/merge", actor=by)  # fmt: skip


def merge_group(hosted: Hosted, pull: Pull) -> Event:
    ref, sha = hosted.queue(pull)
    group = {"head_sha": sha, "head_ref": ref, "base_sha": pull.base_sha, "base_ref": f"refs/heads/{pull.base_ref}"}
    payload = {"action": "checks_requested", "merge_group": group}
    return _event(hosted, "merge_group", payload, sha=sha, ref=ref, actor="github-merge-queue[bot]")


def workflow_run(hosted: Hosted, pull: Pull, *, run: int, conclusion: str = "success", workflow: str = "prompts") -> Event:  # fmt: skip
    """Make a workflow_run event, which runs on the default branch; `pull_requests` is empty for a fork, as on GitHub."""
    same = {"id": 1, "number": pull.number, "head": {"ref": pull.head_ref, "sha": pull.head_sha}, "base": {"ref": pull.base_ref, "sha": pull.base_sha}}  # fmt: skip
    payload = {
        "action": "completed",
        "workflow": {"name": workflow, "path": f".github/workflows/{workflow}.yml"},
        "workflow_run": {
            "id": run,
            "name": workflow,
            "event": "pull_request",
            "status": "completed",
            "conclusion": conclusion,
            "head_sha": pull.head_sha,
            "head_branch": pull.head_ref,
            "head_repository": _repository(pull.head_repository, pull.head_repository_id, fork=pull.fork),
            "repository": _repository(hosted.name, hosted.number),
            "pull_requests": [] if pull.fork else [same],
            "run_attempt": 1,
            "actor": _user(pull.author),
            "html_url": f"{SERVER}/{hosted.name}/actions/runs/{run}",
        },
    }
    return _event(hosted, "workflow_run", payload, sha=hosted.work.git("rev-parse", "main"), ref="refs/heads/main", actor=pull.author)  # fmt: skip


def schedule(hosted: Hosted, cron: str = "17 4 * * *") -> Event:
    sha = hosted.work.git("rev-parse", "main")
    return _event(hosted, "schedule", {"schedule": cron}, sha=sha, ref="refs/heads/main", actor="ada")


def repository_dispatch(hosted: Hosted, payload: dict[str, Any], kind: str = "langfuse-prompt-update") -> Event:
    """Make the event that another service sends with a token; `payload` is its own."""
    sha = hosted.work.git("rev-parse", "main")
    sent = {"action": kind, "branch": "main", "client_payload": payload}
    return _event(hosted, "repository_dispatch", sent, sha=sha, ref="refs/heads/main", actor="ada")


def workflow_dispatch(hosted: Hosted, *, inputs: dict[str, str], actor: str = "ada") -> Event:
    """Make the event of a person who starts a workflow on main by hand."""
    sha = hosted.work.git("rev-parse", "main")
    payload = {"inputs": inputs, "ref": "refs/heads/main", "workflow": ".github/workflows/it.yml"}
    return _event(hosted, "workflow_dispatch", payload, sha=sha, ref="refs/heads/main", actor=actor)


def push(hosted: Hosted, *, before: str) -> Event:
    """Make a push event to main whose tip is the current one."""
    sha = hosted.work.git("rev-parse", "main")
    payload = {
        "ref": "refs/heads/main",
        "before": before,
        "after": sha,
        "created": False,
        "deleted": False,
        "forced": False,
        "head_commit": {"id": sha, "message": "change"},
        "commits": [{"id": sha, "message": "change"}],
        "pusher": {"name": "ada"},
    }
    return _event(hosted, "push", payload, sha=sha, ref="refs/heads/main", actor="ada")
