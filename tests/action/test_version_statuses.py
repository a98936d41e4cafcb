"""Commit statuses of versions: a verdict is found by its key on the last commits, if evalgate set it."""

from __future__ import annotations

import pytest
from action.pull_request_comment import HEAD
from github_server import WORKFLOW, GitHubServer
from repository import Repository

from evalgate.action import version_statuses
from evalgate.action.action_inputs import status_context
from evalgate.action.posted_comment import Sticky
from evalgate.action.version_statuses import VersionStatuses, make_version_context
from evalgate.domain import Admission
from evalgate.report.status import EVALUATING, Status
from evalgate.services.git import Git
from evalgate.services.github import GitHub

CONTEXT = "evalgate: support, langfuse:support@7"
URL = "https://github.test/run"
ONE, TWO = "1" * 32, "2" * 32
PASS = Status(verdict="PASS", state="success", sentence="it holds", code=Admission.PASS)
ERROR = Status(verdict="ERROR", state="error", sentence="down", code=Admission.NOT_EVALUATED)


def open_statuses(github: GitHub, head: str = HEAD, git: Git | None = None) -> VersionStatuses:
    return VersionStatuses(Sticky(github=github, number=0, key="k", author=None), git, head)


def list_states(server: GitHubServer) -> list[tuple[str, str]]:
    return [(one["sha"], one["state"]) for one in server.state["statuses"]]


def test_a_verdict_is_found_by_its_key_and_its_name(github: GitHub) -> None:
    open_statuses(github).set(CONTEXT, PASS, URL, key=ONE)
    open_statuses(github).set(CONTEXT, PASS, URL, key=TWO)
    found = open_statuses(github).find(CONTEXT, ONE)
    assert found is not None and (found.state, found.target_url) == ("success", f"{URL}#evalgate-key={ONE}")
    assert open_statuses(github).find(CONTEXT, "3" * 32) is None
    assert open_statuses(github).find(f"{CONTEXT}1", ONE) is None


def test_what_is_no_verdict_is_not_found(github: GitHub, server: GitHubServer) -> None:
    statuses = open_statuses(github)
    statuses.set(CONTEXT, EVALUATING, URL)
    statuses.set(CONTEXT, ERROR, URL, key=ONE)
    statuses.set(CONTEXT, PASS, URL)
    for key in ("", ONE):
        assert key == "" or open_statuses(github).find(CONTEXT, key) is None
    statuses.set(CONTEXT, PASS, URL, key=ONE)
    assert server.state["statuses"][-1]["creator"] == WORKFLOW
    server.state["statuses"][-1]["creator"] = "mallory"
    assert open_statuses(github).find(CONTEXT, ONE) is None


def test_a_sign_off_that_is_asked_for_is_a_verdict(github: GitHub) -> None:
    waiting = Status(verdict="PENDING", state="pending", sentence="waits", code=Admission.AWAITING_SIGN_OFF)
    open_statuses(github).set(CONTEXT, waiting, URL, key=ONE, sign_off="asked")
    found = open_statuses(github).find(CONTEXT, ONE)
    assert found is not None and found.state == "pending"


def test_the_same_error_is_told_once(github: GitHub, server: GitHubServer) -> None:
    for _ in range(3):
        statuses = open_statuses(github)
        statuses.set(CONTEXT, ERROR, URL)
    assert list_states(server) == [(HEAD, "error")]
    assert open_statuses(github).has_any(CONTEXT) and not open_statuses(github).has_any("other")


def test_a_verdict_is_found_on_commits_before_and_repeated(
    github: GitHub, server: GitHubServer, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    shas = [repository.commit(f"commit {number}", a=str(number)) for number in range(5)]
    git = Git.open(repository.root)
    open_statuses(github, shas[0], git).set(CONTEXT, PASS, URL, key=ONE)
    statuses = open_statuses(github, shas[-1], git)
    found = statuses.find(CONTEXT, ONE)
    assert found is not None
    statuses.repeat(CONTEXT, found)
    assert list_states(server) == [(shas[0], "success"), (shas[-1], "success")]
    again = open_statuses(github, shas[-1], git)
    repeated = again.find(CONTEXT, ONE)
    assert repeated is not None and repeated.target_url == found.target_url
    again.repeat(CONTEXT, repeated)
    assert len(list_states(server)) == 2
    monkeypatch.setattr(version_statuses, "MOST_COMMITS", 3)
    assert open_statuses(github, shas[-2], git).find(CONTEXT, ONE) is None
    assert open_statuses(github, shas[2], git).find(CONTEXT, ONE) is not None
    asked = len(server.requests)
    assert open_statuses(github, shas[-2], None).find(CONTEXT, ONE) is None
    assert len(server.requests) == asked + 1


def test_a_shallow_checkout_has_only_its_commits(
    github: GitHub, repository: Repository, tmp_path_factory: pytest.TempPathFactory
) -> None:
    first = repository.commit("first", a="1")
    last = repository.commit("last", a="2")
    shallow = tmp_path_factory.mktemp("shallow") / "clone"
    repository.git("clone", "--quiet", "--depth=1", repository.root.as_uri(), str(shallow))
    open_statuses(github, first).set(CONTEXT, PASS, URL, key=ONE)
    assert open_statuses(github, last, Git.open(shallow)).find(CONTEXT, ONE) is None


def test_the_name_is_never_that_of_a_change_s_status() -> None:
    name = make_version_context("evalgate", "support", "langfuse:support@7")
    assert name == CONTEXT
    assert name not in {status_context(given, ()) for given in (None, "support", "evalgate")}
    long = make_version_context("evalgate", "x" * 300, "langfuse:support@7")
    other = make_version_context("evalgate", "x" * 300, "langfuse:support@8")
    assert len(long) <= 200 and long != other
    assert max(make_version_context("evalgate", "support", "langfuse:\U0001f680@7")) <= "\uffff"
