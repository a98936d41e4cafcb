"""GitHub on loopback, watched by its own description: every verb, and what happens when it refuses or stumbles."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import github_server
import pytest
import requests
from github_server import GitHubServer
from services.github_client import DENIED, HEAD, SECONDARY, TOKEN, Waits, hub, refused

from evalgate.errors import ServiceError
from evalgate.services.github import GitHub
from evalgate.services.github_rows import CommitStatus

# Every verb, with the requests it costs


def test_a_workflows_token_is_the_workflows_login_and_is_asked_once(server: GitHubServer, gh: GitHub) -> None:
    assert (gh.login(), gh.login()) == ("github-actions[bot]", "github-actions[bot]")
    assert server.calls() == ["GET /user", "POST /graphql"]


def test_a_persons_token_is_the_persons_login(server: GitHubServer, gh: GitHub) -> None:
    server.state["login"] = "ann"
    assert gh.login() == "ann"


def test_a_rate_limit_is_not_taken_for_a_workflows_token(server: GitHubServer, gh: GitHub, waits: Waits) -> None:
    server.state["login"] = "ann"
    server.fault("/user", status=403, message=SECONDARY, headers={"retry-after": "3"})
    assert gh.login() == "ann"
    assert waits == [3.0]


def test_a_comment_is_written_changed_read_and_deleted(server: GitHubServer, gh: GitHub) -> None:
    made = gh.create_comment(7, "first \U0001f600")
    changed = gh.update_comment(made.id, "second")
    assert (made.author, made.body, made.created_at[-1]) == ("github-actions[bot]", "first \U0001f600", "Z")
    assert (changed.id, changed.body, changed.created_at) == (made.id, "second", made.created_at)
    assert changed.updated_at > made.updated_at
    assert gh.comments(7) == (changed,)
    gh.delete_comment(made.id)
    assert gh.comments(7) == ()
    root = "/repos/acme/prompts/issues"
    assert server.calls() == [
        f"POST {root}/7/comments",
        f"PATCH {root}/comments/{made.id}",
        f"GET {root}/7/comments",
        f"DELETE {root}/comments/{made.id}",
        f"GET {root}/7/comments",
    ]


def test_131_comments_on_two_pages(server: GitHubServer, gh: GitHub) -> None:
    for number in range(131):
        server.add_comment(7, f"number {number}", author=None if number == 5 else "eve")
    server.add_comment(8, "elsewhere")
    comments = gh.comments(7)
    assert [each.body for each in comments] == [f"number {number}" for number in range(131)]
    assert (comments[4].author, comments[5].author) == ("eve", "")  # a deleted account
    assert [request["query"] for request in server.requests] == ["per_page=100", "page=2&per_page=100"]


def test_a_status_is_set_and_its_description_cut(server: GitHubServer, gh: GitHub) -> None:
    gh.set_status(HEAD, state="pending", description="x" * 141, context="evalgate", target_url="https://example.org/1")
    gh.set_status(HEAD, state="success", description="y" * 140, context="evalgate", target_url="")
    first, second = server.state["statuses"]
    assert (first["state"], first["description"], first["target_url"]) == (
        "pending",
        "x" * 139 + "\u2026",
        "https://example.org/1",
    )
    assert (second["sha"], second["description"], second["target_url"]) == (HEAD, "y" * 140, None)
    assert server.calls() == [f"POST /repos/acme/prompts/statuses/{HEAD}"] * 2


def test_all_statuses_of_a_commit_with_who_set_them_the_newest_first(server: GitHubServer, gh: GitHub) -> None:
    gh.set_status(HEAD, state="failure", description="d", context="evalgate", target_url="https://example.org/1#a=1")
    gh.set_status("b" * 40, state="error", description="d", context="evalgate", target_url="")
    server.state["actor"] = "eve"
    for _ in range(100):
        gh.set_status(HEAD, state="success", description="d", context="evalgate", target_url="")
    server.state["statuses"][-1]["creator"] = None  # a deleted account
    found = gh.statuses(HEAD)
    assert len(found) == 101
    assert (found[0].creator, found[1].creator, found[1].state, found[1].target_url) == ("", "eve", "success", "")
    first = CommitStatus(
        id=1,
        state="failure",
        context="evalgate",
        description="d",
        target_url="https://example.org/1#a=1",
        creator="github-actions[bot]",
        created_at=found[-1].created_at,
    )
    assert first.created_at
    assert found[-1] == first
    assert server.calls()[-2:] == [f"GET /repos/acme/prompts/statuses/{HEAD}"] * 2
    assert gh.statuses("c" * 40) == ()


def test_the_heads_that_were_pushed_over_by_force_and_the_commits_behind_them(server: GitHubServer, gh: GitHub) -> None:
    assert gh.list_overwritten_heads(7) == ()
    many = [{"sha": f"{n:040x}", "author": "ann", "committer": "ann"} for n in range(1, 4)]
    server.add_pull(7, head=many[-1]["sha"], commits=many)
    server.force_push(7, "d" * 40)
    server.force_push(7, HEAD)
    assert gh.list_overwritten_heads(7) == (f"{3:040x}", "d" * 40)
    assert gh.commits_since("b" * 40, f"{3:040x}") == tuple(each["sha"] for each in many)
    assert gh.commits_since("b" * 40, "d" * 40) == ("d" * 40,)
    assert [each.sha for each in gh.commits(7)] == [HEAD]


def test_a_head_that_github_does_not_know_any_more_is_not_left_out(server: GitHubServer, gh: GitHub) -> None:
    server.force_push(7, "d" * 40)
    server.state["pulls"]["7"]["overwritten"].append(None)
    assert "has no record any more" in refused(lambda: gh.list_overwritten_heads(7))


def test_more_force_pushes_or_commits_than_github_lists_are_not_left_out(server: GitHubServer, gh: GitHub) -> None:
    pull = server.state["pulls"]["7"]
    pull["overwritten"] = [[{"sha": f"{n:040x}", "author": "ann", "committer": "ann"} for n in range(251)]]
    assert "only 250 of 251 commits" in refused(lambda: gh.commits_since("b" * 40, f"{250:040x}"))
    pull["overwritten"] *= 101
    assert "more than 100 force pushes" in refused(lambda: gh.list_overwritten_heads(7))


def test_a_pull_request_without_force_pushes_that_may_not_be_read(server: GitHubServer, waits: Waits) -> None:
    other = hub(server, waits, repository="acme/other")
    assert "force pushes of #7: 404" in refused(lambda: other.list_overwritten_heads(7))
    other.close()


def test_a_pull_request_is_shown(server: GitHubServer, gh: GitHub) -> None:
    server.add_pull(9, head="c" * 40, ref="a/b", author="eve", fork=("eve/prompts", 22), labels=["ok"], draft=True)
    shown = gh.pull_request(9)
    assert (shown.number, shown.state, shown.author, shown.draft) == (9, "open", "eve", True)
    assert (shown.head_sha, shown.head_ref, shown.head_repository_id) == ("c" * 40, "a/b", 22)
    assert (shown.base_sha, shown.base_ref, shown.labels) == ("b" * 40, "main", ("ok",))
    assert shown.url == f"{server.url}/acme/prompts/pull/9"
    assert server.calls() == ["GET /repos/acme/prompts/pulls/9"]


def test_a_pull_request_whose_fork_is_gone_has_no_head_repository(server: GitHubServer, gh: GitHub) -> None:
    server.add_pull(9)["head"]["repository"] = None
    assert gh.pull_request(9).head_repository_id is None
    assert len(server.requests) == 1


def test_the_pull_requests_of_a_commit_and_of_a_branch(server: GitHubServer, gh: GitHub) -> None:
    server.add_pull(8, head="c" * 40, ref="other")
    server.add_pull(9, head="d" * 40, fork=("eve/prompts", 22))
    server.add_pull(10, head="e" * 40, fork=("eve/prompts", 22), state="closed")
    assert [each.number for each in gh.pull_requests_of("c" * 40)] == [8]
    assert gh.pull_requests_of("d" * 40) == ()
    found = gh.open_pull_requests(head_owner="eve", head_ref="change")
    assert [(each.number, each.head_sha, each.head_repository_id) for each in found] == [(9, "d" * 40, 22)]
    assert len(server.requests) == 3


def test_a_branch_filter_that_github_ignores_finds_no_other_branch(server: GitHubServer, gh: GitHub) -> None:
    assert gh.open_pull_requests(head_owner="acme", head_ref="") == ()


def test_where_a_branch_stands_now(server: GitHubServer, gh: GitHub) -> None:
    server.state["branches"] = {"release/1.0 #x": "c" * 40, "odd": "no commit"}
    assert gh.tip("main") == "b" * 40
    assert gh.tip("release/1.0 #x") == "c" * 40
    for name in ("odd", "gone", "mai"):
        with pytest.raises(ServiceError, match="commit of the branch"):
            gh.tip(name)


def test_reviews_in_their_order(server: GitHubServer, gh: GitHub) -> None:
    server.add_review(7, "bob", "CHANGES_REQUESTED", commit="c" * 40, at="2026-05-01T10:00:00Z")
    server.add_review(7, "bob", "APPROVED", at="2026-05-01T11:00:00Z")
    server.add_review(7, "cat", "PENDING")
    assert [(each.author, each.state, each.commit, each.submitted_at) for each in gh.reviews(7)] == [
        ("bob", "CHANGES_REQUESTED", "c" * 40, "2026-05-01T10:00:00Z"),
        ("bob", "APPROVED", HEAD, "2026-05-01T11:00:00Z"),
        ("cat", "PENDING", HEAD, ""),
    ]
    assert server.calls() == ["GET /repos/acme/prompts/pulls/7/reviews"]


def test_commits_name_author_and_committer(server: GitHubServer, gh: GitHub) -> None:
    commits = [
        {"sha": "c" * 40, "author": "ann", "committer": "web-flow"},
        {"sha": HEAD, "author": None, "committer": "bob"},
    ]
    server.add_pull(7, commits=commits)
    assert [(each.sha, each.authors) for each in gh.commits(7)] == [
        ("c" * 40, ("ann", "web-flow")),
        (HEAD, ("", "bob")),
    ]
    assert len(server.requests) == 1


def test_a_commit_without_an_account_has_no_login_in_either_api(server: GitHubServer, gh: GitHub) -> None:
    server.bodies.user = lambda login: None if login else {}  # type: ignore[method-assign]
    assert [each.authors for each in gh.commits(7)] == [("", "")]
    server.add_pull(7, commits=[{"sha": HEAD, "author": None, "committer": ""}])
    assert [each.authors for each in gh.commits(7)] == [("", "")]
    assert len(server.requests) == 2


def test_commits_beyond_those_github_lists_are_not_ignored(server: GitHubServer, gh: GitHub) -> None:
    server.add_pull(7, commits=[{"sha": f"{n:040x}", "author": "ann", "committer": "ann"} for n in range(260)])
    assert "only the first 250 commits of #7" in refused(lambda: gh.commits(7))
    assert len(server.requests) == 3


def test_labels_have_a_history(server: GitHubServer, gh: GitHub) -> None:
    server.add_label(7, "ok", actor="bob", at="2026-05-01T10:00:00Z")
    server.state["pulls"]["7"]["events"].append(
        {"event": "committed", "sha": HEAD, "created_at": "2026-05-01T10:30:00Z"}
    )
    server.add_label(7, "ok", actor="cat", added=False, at="2026-05-01T11:00:00Z")
    assert [(each.label, each.actor, each.added, each.at) for each in gh.labels_history(7)] == [
        ("ok", "bob", True, "2026-05-01T10:00:00Z"),
        ("ok", "cat", False, "2026-05-01T11:00:00Z"),
    ]
    assert server.calls() == ["GET /repos/acme/prompts/issues/7/timeline"]


@pytest.mark.parametrize(
    ("permission", "role_name", "counts_as"),
    [
        ("admin", "admin", "admin"),
        ("write", "maintain", "maintain"),
        ("write", "write", "write"),
        ("read", "triage", "triage"),
        ("read", "read", "read"),
        ("none", "none", "none"),
        ("write", "security-team", "write"),
        ("read", "writer", "read"),
    ],
)
def test_what_a_person_may_do(
    server: GitHubServer, gh: GitHub, permission: str, role_name: str, counts_as: str
) -> None:
    server.add_person("bob", permission, role_name)
    assert gh.permission("bob") == counts_as
    assert server.calls() == ["GET /repos/acme/prompts/collaborators/bob/permission"]


def test_who_is_not_there_may_do_nothing(server: GitHubServer, gh: GitHub) -> None:
    server.add_person("dependabot[bot]", "write")
    assert gh.permission("nobody") == "none"
    assert gh.permission("dependabot[bot]") == "write"
    asked = len(server.requests)
    assert [gh.permission(odd) for odd in ("", "..", "a/b", "../../user", "a b", "a?b")] == ["none"] * 6
    assert len(server.requests) == asked


def test_who_is_in_a_team(server: GitHubServer, gh: GitHub) -> None:
    server.state["teams"]["acme/reviewers"] = {"bob": "active", "cat": "pending"}
    assert [gh.is_member("acme", "reviewers", who) for who in ("bob", "cat", "dan", "../x")] == [
        True,
        False,
        False,
        False,
    ]
    assert not gh.is_member("acme", "none-such", "bob")
    assert server.calls()[0] == "GET /orgs/acme/teams/reviewers/memberships/bob"
    assert len(server.requests) == 4


def test_a_team_that_the_token_may_not_see_is_an_error_and_not_a_no(server: GitHubServer, gh: GitHub) -> None:
    server.fault("/orgs/", status=403, message=DENIED)
    assert "`members: read`" in refused(lambda: gh.is_member("acme", "reviewers", "bob"))


def test_issues_are_opened_and_listed_without_pull_requests(server: GitHubServer, gh: GitHub) -> None:
    made = gh.create_issue("Drifted", "the text")
    assert (made.number, made.title, made.body, made.author, made.state) == (
        8,
        "Drifted",
        "the text",
        "github-actions[bot]",
        "open",
    )
    assert gh.issues(creator="github-actions[bot]") == (made,) == gh.issues()
    assert gh.issues(creator="ann") == ()
    server.state["issues"]["8"]["state"] = "closed"
    server.state["issues"]["8"]["body"] = None
    assert gh.issues() == ()
    assert [each.body for each in gh.issues(state="all")] == [""]
    assert gh.create_comment(8, "again").url.endswith("/8#issuecomment-1001")
    assert len(server.requests) == 7


def test_an_issue_is_changed_closed_and_opened_again(server: GitHubServer, gh: GitHub) -> None:
    number = gh.create_issue("Held", "the text").number
    gh.update_issue(number, title="Fine", body="other", state="closed")
    assert gh.issues() == ()
    (found,) = gh.issues(state="all", since=datetime(2020, 1, 1, tzinfo=UTC))
    assert (found.title, found.body, found.state) == ("Fine", "other", "closed")
    assert gh.issues(state="all", since=datetime(2100, 1, 1, tzinfo=UTC)) == ()
    gh.update_issue(number, title="Held", body="again", state="open")
    assert [each.body for each in gh.issues()] == ["again"]
    assert gh.comment_on_issue(number, "a word").body == "a word"
    server.fault("/issues/", method="PATCH", status=502, message="Bad Gateway", after=True)
    gh.update_issue(number, title="Held", body="after a lost answer", state="open")
    assert [each.body for each in gh.issues()] == ["after a lost answer"]


# Artifacts


def test_an_artifact_is_downloaded_and_the_token_stays_here(server: GitHubServer, gh: GitHub) -> None:
    server.add_artifact(42, 5, "evalgate-report", b"zip" * 100)
    server.add_artifact(42, 6, "other", b"", expired=True)
    assert [(each.id, each.name, each.size, each.expired) for each in gh.artifacts(42)] == [
        (5, "evalgate-report", 300, False),
        (6, "other", 0, True),
    ]
    assert gh.download(5, most=300) == b"zip" * 100
    assert all(request["headers"]["authorization"].endswith(TOKEN) for request in server.requests)
    (stored,) = server.blob_requests
    assert "authorization" not in stored["headers"]
    assert TOKEN not in json.dumps(stored)
    assert len(server.requests) == 2


def test_a_netrc_is_not_shown_to_the_storage(
    server: GitHubServer, gh: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert requests.utils.get_netrc_auth(server.storage_url) == ("me", "secret")
    server.add_artifact(42, 5, "evalgate-report", b"zip")
    assert gh.download(5, most=3) == b"zip"


def test_a_token_shown_to_the_storage_would_be_seen(server: GitHubServer) -> None:
    server.add_artifact(42, 5, "evalgate-report", b"zip")
    headers = {"Authorization": f"token {TOKEN}"}
    assert requests.get(f"{server.storage_url}/blob/5", headers=headers, timeout=10).status_code == 401
    assert "the token was shown to the storage" in server.violations.pop()


def test_an_artifact_is_not_fetched_in_the_clear_when_the_api_is_not(server: GitHubServer, gh: GitHub) -> None:
    server.add_artifact(42, 5, "evalgate-report", b"zip")
    gh._api_url = "https://127.0.0.1"
    assert "not https" in refused(lambda: gh.download(5, most=10))
    assert server.blob_requests == []


def test_an_artifact_of_too_many_bytes_is_given_up(server: GitHubServer, gh: GitHub, waits: Waits) -> None:
    server.add_artifact(42, 5, "evalgate-report", bytes(5_000_000))
    assert "more than 300000 bytes" in refused(lambda: gh.download(5, most=300_000))
    assert (len(server.blob_requests), waits) == (1, [])


def test_an_artifact_that_expired_or_never_was(server: GitHubServer, gh: GitHub) -> None:
    server.add_artifact(42, 6, "other", b"", expired=True)
    assert "410 Artifact has expired" in refused(lambda: gh.download(6, most=10))
    assert "404" in refused(lambda: gh.download(99, most=10))
    assert "404" in refused(lambda: gh.artifacts(43))


def test_a_storage_that_stumbles_is_asked_again_at_a_new_address(
    server: GitHubServer, gh: GitHub, waits: Waits
) -> None:
    server.add_artifact(42, 5, "evalgate-report", b"zip")
    server.fault("/blob/5", times=2, status=503)
    assert gh.download(5, most=10) == b"zip"
    assert (len(server.blob_requests), len(server.requests), waits) == (3, 3, [1.0, 2.0])


def test_a_download_cut_short_is_begun_again(server: GitHubServer, gh: GitHub, waits: Waits) -> None:
    server.add_artifact(42, 5, "evalgate-report", b"zip" * 100)
    server.fault("/blob/5", times=1, kind="truncate")
    assert gh.download(5, most=300) == b"zip" * 100
    assert waits == [1.0]


def test_the_signed_address_of_an_artifact_is_in_no_message(
    server: GitHubServer, gh: GitHub, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = GitHubServer()
    closed.close()
    server.add_artifact(42, 5, "evalgate-report", b"zip")
    monkeypatch.setattr(GitHubServer, "storage_url", closed.storage_url)
    said = refused(lambda: gh.download(5, most=10))
    assert "/blob/5?..." in said
    assert "sig=" not in said + "".join(notes)


# Refusals


def test_a_forks_token_may_read_and_not_write_and_the_line_that_is_missing_is_named(
    server: GitHubServer, gh: GitHub, waits: Waits
) -> None:
    comment = server.add_comment(7, "there")
    server.state["read_only"] = True
    status: dict[str, Any] = {"state": "error", "description": "d", "context": "c", "target_url": ""}
    for call, line in (
        (lambda: gh.create_comment(7, "hi"), "pull-requests: write"),
        (lambda: gh.update_comment(comment["id"], "hi"), "pull-requests: write"),
        (lambda: gh.delete_comment(comment["id"]), "pull-requests: write"),
        (lambda: gh.set_status(HEAD, **status), "statuses: write"),
        (lambda: gh.create_issue("t", "b"), "issues: write"),
        (lambda: gh.update_issue(8, title="t", body="b", state="closed"), "issues: write"),
        (lambda: gh.comment_on_issue(7, "hi"), "issues: write"),
    ):
        said = refused(call)
        assert f"403 {DENIED}" in said
        assert f"`{line}`" in said
        assert "fork" in said
    assert len(gh.comments(7)) == 1
    assert (len(server.requests), waits) == (8, [])


def test_a_comment_that_is_too_long_is_refused_with_githubs_own_reason(server: GitHubServer, gh: GitHub) -> None:
    assert gh.create_comment(7, "x" * 65_536).id
    said = refused(lambda: gh.create_comment(7, "x" * 65_537))
    assert "422 Validation Failed; Body is too long (maximum is 65536 characters)" in said


def test_a_wrong_token(server: GitHubServer, waits: Waits) -> None:
    said = refused(lambda: hub(server, waits, token="ghs_wrong").comments(7))
    assert "401 Bad credentials" in said
    assert "github-token" in said
    assert "ghs_wrong" not in said


def test_what_is_not_there(server: GitHubServer, gh: GitHub, waits: Waits) -> None:
    assert "list the comments of #99: 404 Not Found" in refused(lambda: gh.comments(99))
    assert "pull request #99" in refused(lambda: gh.pull_request(99))
    assert "404" in refused(lambda: hub(server, waits, repository="acme/other").reviews(7))


@pytest.mark.parametrize("sha", ["", "main", "../../user", HEAD[:12], f"{HEAD}/x"])
def test_only_the_sha_of_a_commit_is_asked_for(server: GitHubServer, gh: GitHub, sha: str) -> None:
    assert "full sha" in refused(lambda: gh.pull_requests_of(sha))
    assert server.requests == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"token": ""},
        {"repository": "acme"},
        {"repository": "a/b/c"},
        {"api_url": "api.github.com"},
        {"api_url": "ftp://x"},
    ],
)
def test_a_repository_that_cannot_be_one_is_refused_at_once(
    server: GitHubServer, waits: Waits, wrong: dict[str, str]
) -> None:
    refused(lambda: hub(server, waits, **wrong))


def test_a_token_that_comes_back_in_an_answer_is_not_repeated(
    server: GitHubServer, gh: GitHub, notes: list[str]
) -> None:
    server.fault("/comments", status=502, message=f"no {TOKEN} \x1b[31m\n::error::x")
    server.fault("/comments", status=400, message=f"no {TOKEN}" + "y" * 1000)
    said = refused(lambda: gh.comments(7))
    assert "no ***" in said
    assert len(said) < 400
    assert notes == ["GitHub did not list the comments of #7: 502 no ***  [31m ::error::x; retrying in 1 s"]


@pytest.mark.parametrize("answer", [{"odd": 1}, "text", [1], [{"id": "x"}], None])
def test_an_answer_that_is_not_githubs(monkeypatch: pytest.MonkeyPatch, waits: Waits, answer: Any) -> None:
    monkeypatch.setattr(github_server, "description_path", lambda: Path("absent"))
    server = GitHubServer()
    server.add_pull(7)
    monkeypatch.setattr(server, "_route", lambda *given: (200, answer))
    said = refused(lambda: hub(server, waits).pull_request(7))
    server.close()
    assert "not one of GitHub's" in said
    assert waits == []


# The ground they stand on


def test_the_clients_log_stays_quiet(server: GitHubServer, gh: GitHub, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        gh.comments(7)
    assert not [record for record in caplog.records if record.name.startswith("github")]


def test_the_client_loads_with_the_first_use_and_not_before() -> None:
    code = "import sys, evalgate.services.github; print('github' in sys.modules, 'requests' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_without_the_client_the_extra_is_named(
    server: GitHubServer, waits: Waits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "github", None)
    assert "prompt-evalgate[github]" in refused(lambda: hub(server, waits))


@pytest.fixture
def described(server: GitHubServer) -> GitHubServer:
    if not server.describes:
        pytest.skip(f"GitHub's description is absent: {github_server.description_path()}")
    return server


def call(server: GitHubServer, method: str, path: str, body: Any = None) -> requests.Response:
    headers = {"Authorization": f"token {TOKEN}"}
    return requests.request(method, server.url + path, json=body, headers=headers, timeout=10)


def test_each_message_is_held_against_githubs_description(described: GitHubServer, gh: GitHub) -> None:
    gh.comments(7)
    gh.login()
    assert (described.checked, described.violations) == (1, [])


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", f"/repos/acme/prompts/statuses/{HEAD}", {"state": "fine"}),
        ("POST", f"/repos/acme/prompts/statuses/{HEAD}", {"description": "no state"}),
        ("POST", "/repos/acme/prompts/issues", {"title": 5, "body": "b", "labels": 3}),
        ("GET", "/repos/acme/prompts/issues?state=odd", None),
        ("GET", "/repos/acme/prompts/nowhere", None),
    ],
)
def test_a_request_that_the_description_refuses_is_seen(
    described: GitHubServer, method: str, path: str, body: Any
) -> None:
    call(described, method, path, body)
    assert len(described.violations) >= 1
    described.violations.clear()


def test_an_answer_that_the_description_refuses_is_seen(described: GitHubServer, gh: GitHub) -> None:
    described.add_comment(7, "x", at="yesterday")
    refused(lambda: gh.comments(7))
    assert "$[0].created_at" in described.violations[0]
    described.violations.clear()


def test_it_serves_without_the_description(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, waits: Waits) -> None:
    monkeypatch.setenv("EVALGATE_SHARED", str(tmp_path))
    server = GitHubServer()
    server.add_pull(7)
    made = hub(server, waits).create_comment(7, "hi")
    server.close()
    assert (server.describes, server.checked, made.body) == (False, 0, "hi")


def test_a_process_of_it_is_seeded_driven_and_read(tmp_path: Path, waits: Waits) -> None:
    seed = GitHubServer(state_file=tmp_path / "state.json")
    seed.add_pull(7)
    seed.add_comment(7, "seeded")
    seed.close()
    script = Path(github_server.__file__)
    files = ["--state", str(tmp_path / "state.json"), "--log", str(tmp_path / "log.jsonl")]
    command = [sys.executable, str(script), *files]
    plain = {**os.environ, "EVALGATE_SHARED": str(tmp_path)}  # the description takes seconds to load
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=plain) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            client = GitHub(token=TOKEN, repository="acme/prompts", api_url=address, note=waits.append)  # type: ignore[arg-type]
            client.create_comment(7, "driven")
            assert [each.body for each in client.comments(7)] == ["seeded", "driven"]
            client.close()
            state = requests.get(f"{address}/_state", timeout=10).json()
            state["comments"].clear()
            requests.put(f"{address}/_state", json=state, timeout=10)
        finally:
            process.kill()
    assert json.loads((tmp_path / "state.json").read_text(encoding="utf-8"))["comments"] == []
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(each["method"], each["status"], each["authorized"], each["violations"]) for each in log] == [
        ("POST", 201, True, []),
        ("GET", 200, True, []),
    ]
    assert log[0]["body"] == {"body": "driven"}
    assert TOKEN not in (tmp_path / "log.jsonl").read_text(encoding="utf-8")
