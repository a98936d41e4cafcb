"""Events of workflows: which commit is evaluated, against which branch, and what GitHub never sends."""

from __future__ import annotations

import json
from typing import Any

import pytest

from evalgate.action.event import GitHubEvent, read_event
from evalgate.errors import InputError

HEAD, BASE, OTHER = "a" * 40, "b" * 40, "c" * 40
PULL = {"number": 7, "head": {"sha": HEAD}, "base": {"sha": BASE, "ref": "main"}}
GROUP = {"head_sha": HEAD, "base_sha": BASE, "head_ref": f"refs/heads/gh-readonly-queue/main/pr-7-{BASE}", "base_ref": "refs/heads/main"}  # fmt: skip
RUN = {"id": 3, "event": "pull_request", "head_sha": HEAD, "head_branch": "x", "head_repository": {"id": 8, "owner": {"login": "eve"}}}  # fmt: skip


def read(name: str, payload: dict[str, Any]) -> GitHubEvent:
    return read_event(name, json.dumps(payload), repository="acme/prompts", sha=OTHER)


@pytest.mark.parametrize("name", ["pull_request", "pull_request_target", "pull_request_review"])
def test_a_pull_request_has_its_head_and_the_tip_of_its_branch(name: str) -> None:
    found = read(name, {"pull_request": PULL, "repository": {"default_branch": "main"}})
    assert (found.head, found.base, found.branch, found.pull) == (HEAD, BASE, "main", 7)
    assert found.of_pull_request and found.default_branch == "main"


def test_a_merge_group_knows_its_pull_request_by_the_name_of_its_branch() -> None:
    assert read("merge_group", {"merge_group": GROUP}).pull == 7
    found = read("merge_group", {"merge_group": {**GROUP, "head_ref": "refs/heads/other"}})
    assert (found.pull, found.branch, found.of_pull_request) == (None, "main", False)


def test_a_new_or_deleted_branch_has_no_commit_before_or_after() -> None:
    found = read("push", {"before": "0" * 40, "after": HEAD, "ref": "refs/heads/x"})
    assert (found.base, found.head, found.branch) == (None, HEAD, "x")


@pytest.mark.parametrize(("number", "fork"), [(8, False), (1, True)])
def test_a_run_of_another_workflow_is_of_a_fork_by_its_repository(number: int, fork: bool) -> None:
    found = read("workflow_run", {"workflow_run": RUN, "repository": {"id": number}})
    assert found.other is not None and (found.other.fork, found.other.owner, found.head) == (fork, "eve", HEAD)


def test_any_other_event_is_about_the_workflow_s_commit() -> None:
    found = read("schedule", {})
    assert (found.head, found.base, found.pull, found.other) == (OTHER, None, None, None)


def test_a_dispatch_has_what_its_sender_gave() -> None:
    found = read("repository_dispatch", {"action": "langfuse-prompt-update", "client_payload": {"a": 1}})
    assert (found.head, found.dispatched) == (OTHER, {"a": 1})
    assert read("repository_dispatch", {"client_payload": None}).dispatched == {}
    assert read("schedule", {"client_payload": {"a": 1}}).dispatched is None


@pytest.mark.parametrize(
    ("name", "payload", "part"),
    [
        ("repository_dispatch", {"client_payload": ["a"]}, "not what GitHub sends"),
        ("pull_request", {}, "lacks 'pull_request'"),
        ("pull_request", {"pull_request": {**PULL, "head": {"sha": "main"}}}, "not what GitHub sends"),
        ("pull_request", {"pull_request": {**PULL, "head": {"sha": f"{HEAD} x"}}}, "not what GitHub sends"),
        ("merge_group", {"merge_group": {}}, "lacks"),
        ("schedule", [], "not what GitHub sends"),
    ],
)
def test_what_github_does_not_send_is_refused(name: str, payload: Any, part: str) -> None:
    with pytest.raises(InputError, match=part):
        read(name, payload)
