"""How the client tries again: after which refusals, how long it waits, and what it does not repeat."""

from __future__ import annotations

from typing import Any

import github_server
import pytest
from github_server import GitHubServer
from services.github_client import SECONDARY, Waits, hub, refused

from evalgate.services import github_retry
from evalgate.services.github import GitHub


@pytest.mark.parametrize("fault", [{"status": 502}, {"status": 500}, {"kind": "reset"}])
def test_a_stumble_is_asked_again(
    server: GitHubServer, gh: GitHub, waits: Waits, notes: list[str], fault: dict[str, Any]
) -> None:
    server.add_comment(7, "there")
    server.fault("/comments", times=4, **fault)
    assert len(gh.comments(7)) == 1
    assert waits == [1.0, 2.0, 4.0, 8.0]
    assert len(server.requests) == 5
    assert [note.rpartition("; ")[2] for note in notes] == [f"retrying in {seconds} s" for seconds in (1, 2, 4, 8)]


@pytest.mark.parametrize("fault", [{"status": 503}, {"kind": "reset"}])
def test_and_given_up_after_five_tries(server: GitHubServer, gh: GitHub, waits: Waits, fault: dict[str, Any]) -> None:
    server.fault("/comments", times=99, **fault)
    assert "(5 tries)" in refused(lambda: gh.comments(7))
    assert (len(server.requests), waits) == (5, [1.0, 2.0, 4.0, 8.0])


def test_a_list_goes_on_at_the_page_that_failed(server: GitHubServer, gh: GitHub) -> None:
    for number in range(131):
        server.add_comment(7, f"number {number}")
    server.fault("/nothing", times=0)
    real = server._page
    cuts = iter([False, True])

    def page(*given: Any) -> list[Any]:
        if next(cuts, False):
            raise github_server.RefusalError(502, "Bad Gateway")
        return real(*given)

    server._page = page  # type: ignore[method-assign]
    assert len(gh.comments(7)) == 131
    assert [request["query"] for request in server.requests] == [
        "per_page=100",
        "page=2&per_page=100",
        "page=2&per_page=100",
    ]


@pytest.mark.parametrize("status", [403, 429])
def test_retry_after_is_obeyed(server: GitHubServer, gh: GitHub, waits: Waits, status: int) -> None:
    server.fault("/comments", method="POST", status=status, message=SECONDARY, headers={"retry-after": "37"})
    assert gh.create_comment(7, "hi").body == "hi"
    assert waits == [37.0]
    assert [each["body"] for each in server.state["comments"]] == ["hi"]


@pytest.mark.parametrize(
    ("status", "message", "headers", "seconds"),
    [
        (403, SECONDARY, {}, 60.0),
        (429, "too many", {}, 60.0),
        (403, "API rate limit exceeded for installation ID 1.", {}, 60.0),
        (403, "no more", {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1000030"}, 31.0),
        (429, "no more", {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "999000"}, 1.0),
        (403, SECONDARY, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, 60.0),
        (403, SECONDARY, {"retry-after": "9" * 400}, 60.0),
        (503, "later", {"retry-after": "20"}, 20.0),
    ],
)
def test_how_long_a_limit_is_waited_for(
    server: GitHubServer, waits: Waits, *, status: int, message: str, headers: dict[str, str], seconds: float
) -> None:
    server.fault("/comments", status=status, message=message, headers=headers)
    assert hub(server, waits).comments(7) == ()
    assert waits == [seconds]


def test_a_wait_that_is_too_long_is_not_begun(server: GitHubServer, gh: GitHub, waits: Waits) -> None:
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1003599"}
    server.fault("/comments", status=403, message="API rate limit exceeded", headers=headers)
    said = refused(lambda: gh.comments(7))
    assert "at 14:46:40 UTC, in 3600 s; 120 s of waiting are left" in said
    assert (len(server.requests), waits) == (1, [])


@pytest.mark.parametrize("seconds", ["121", "9" * 10])
def test_a_retry_after_beyond_the_limit_is_not_waited_for(
    server: GitHubServer, gh: GitHub, waits: Waits, seconds: str
) -> None:
    server.fault("/comments", status=429, headers={"retry-after": seconds})
    assert f"in {seconds} s" in refused(lambda: gh.comments(7))
    assert waits == []


def test_all_waiting_together_is_bounded(server: GitHubServer, gh: GitHub, waits: Waits) -> None:
    server.fault("/", times=99, status=403, message=SECONDARY, headers={"retry-after": "50"})
    refused(lambda: gh.comments(7))
    refused(lambda: gh.reviews(7))
    assert waits == [50.0, 50.0]
    assert sum(waits) <= github_retry.WAITING_SECONDS


@pytest.mark.parametrize("fault", [{"status": 502}, {"kind": "reset"}])
def test_a_creation_whose_answer_got_lost_is_not_repeated(
    server: GitHubServer, gh: GitHub, fault: dict[str, Any]
) -> None:
    server.add_comment(7, "hi", author="eve")
    server.fault("/comments", method="POST", after=True, **fault)
    server.fault("/issues$", method="POST", after=True, **fault)
    made = gh.create_comment(7, "hi")
    issue = gh.create_issue("t", "b")
    assert [(each["id"], each["author"]) for each in server.state["comments"]] == [
        (1001, "eve"),
        (made.id, "github-actions[bot]"),
    ]
    assert list(server.state["issues"]) == [str(issue.number)]


def test_a_creation_that_did_not_happen_is_repeated(server: GitHubServer, gh: GitHub) -> None:
    server.fault("/comments", method="POST", times=2, status=502)
    server.fault("/issues$", method="POST", kind="reset")
    gh.create_comment(7, "hi")
    gh.create_issue("t", "b")
    assert (len(server.state["comments"]), len(server.state["issues"])) == (1, 1)


def test_an_address_without_a_server(server: GitHubServer, waits: Waits) -> None:
    closed = GitHubServer()
    closed.close()
    said = refused(lambda: hub(closed, waits).comments(7))
    assert "the connection failed" in said
    assert waits == [1.0, 2.0, 4.0, 8.0]
