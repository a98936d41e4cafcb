"""Tests of earlier verdicts read from the statuses of a pull request's heads, with a fake GitHub on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from github_server import GitHubServer
from hypothesis import given
from hypothesis import strategies as st

from evalgate.action import heads
from evalgate.action.posted_comment import Sticky
from evalgate.decide import attempts
from evalgate.decide.attempts import PastVerdict
from evalgate.errors import ServiceError
from evalgate.services.github import GitHub
from evalgate.services.github_rows import CommitStatus

BASE, KEY, OTHER = "b" * 40, "1" * 32, "2" * 32
RUN = "https://github.test/acme/prompts/actions/runs/1/attempts/1"


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    found = GitHubServer()
    found.add_pull(7, head=sha(1), commits=commits(1))
    yield found
    found.close()
    assert found.violations == []


@pytest.fixture
def hub(server: GitHubServer) -> Iterator[GitHub]:
    found = GitHub(token="t", repository="acme/prompts", api_url=server.url, note=lambda _: None, sleep=lambda _: None)
    yield found
    found.close()


def sha(number: int) -> str:
    return f"{number:040x}"


def commits(*numbers: int) -> list[dict[str, str]]:
    return [{"sha": sha(number), "author": "ann", "committer": "ann"} for number in numbers]


def told(
    hub: GitHub, number: int, key: str, state: Any = "success", url: str = RUN, *, context: str = "evalgate"
) -> None:
    address = heads.add_marks(url, key=key)
    hub.set_status(sha(number), state=state, description="d", context=context, target_url=address)


def recorded(hub: GitHub, *, head: int = 1, author: str | None = None, present: str = "") -> tuple[PastVerdict, ...]:
    sticky = Sticky(github=hub, number=7, key="gate", author=author)
    return heads.read_verdicts(sticky, "evalgate", sha(head), BASE, name="evalgate", present=present)


def test_each_verdict_is_told_with_whether_it_blocked(server: GitHubServer, hub: GitHub) -> None:
    server.add_pull(7, head=sha(3), commits=commits(1, 2, 3))
    for state in ("pending", "failure"):
        told(hub, 1, KEY, state)
    told(hub, 3, OTHER, "success")
    found = {(one.key, one.blocked) for one in recorded(hub)}
    assert found == {(KEY, False), (KEY, True), (OTHER, False)}


@pytest.mark.parametrize("url", [RUN, f"{RUN}#evalgate-key=", f"{RUN}#evalgate-key={KEY}0", f"{RUN}#key={KEY}", ""])
def test_a_status_without_a_key_tells_of_no_verdict(server: GitHubServer, hub: GitHub, url: str) -> None:
    told(hub, 1, "", "failure", url)
    assert recorded(hub) == ()


def test_the_bot_is_the_login_that_is_named(server: GitHubServer, hub: GitHub) -> None:
    server.state["actor"] = "Gate[bot]"
    told(GitHub(token="t", repository="acme/prompts", api_url=server.url, note=lambda _: None), 1, KEY)
    with pytest.raises(ServiceError, match="comment-author"):
        recorded(hub)
    assert recorded(hub, author="gate[bot]") == (PastVerdict(key=KEY, blocked=False),)


def test_all_commits_that_a_force_push_took_away_are_asked_and_none_twice(server: GitHubServer, hub: GitHub) -> None:
    server.add_pull(7, head=sha(3), commits=commits(1, 2, 3))
    told(hub, 2, KEY, "failure")
    server.force_push(7, sha(4))
    server.force_push(7, sha(5))
    told(hub, 5, "", "pending")
    server.state["pulls"]["7"]["commits"] = commits(1, 5)
    assert recorded(hub, head=5) == (PastVerdict(key=KEY, blocked=True),)
    asked = [call.rpartition("/")[2] for call in server.calls() if call.startswith("GET /repos/acme/prompts/statuses/")]
    assert sorted(asked) == [sha(number) for number in (1, 2, 3, 4, 5)]


def test_what_a_queue_has_set_on_its_own_commit_is_none_of_the_pull_requests(server: GitHubServer, hub: GitHub) -> None:
    told(hub, 1, KEY)
    told(hub, 9, OTHER, "failure")
    assert recorded(hub, head=9) == (PastVerdict(key=KEY, blocked=False),)


def test_more_commits_than_are_asked_for_are_an_error_and_not_left_out(server: GitHubServer, hub: GitHub) -> None:
    pull = server.add_pull(7, head=sha(200), commits=commits(*range(1, 201)))
    pull["overwritten"] = [commits(*range(300, 401))]
    with pytest.raises(ServiceError, match="had 301 commits; the statuses of at most 300"):
        recorded(hub)
    assert not [call for call in server.calls() if "/statuses/" in call]


def test_what_was_tried_on_the_way_to_another_branch_counts_once_for_each_commit(
    server: GitHubServer, hub: GitHub
) -> None:
    server.add_pull(7, head=sha(3), commits=commits(1, 2, 3))
    told(hub, 1, KEY, "failure", context="evalgate (to dev)")
    told(hub, 2, OTHER, context="evalgate (to dev)")
    told(hub, 2, "3" * 32)
    told(hub, 3, "4" * 32, context="evalgate (to dev)")
    told(hub, 3, "5" * 32, context="evalgate (legal.yml)")
    told(hub, 3, "", "pending")
    found = {(one.key, one.blocked) for one in recorded(hub, head=3, present="6" * 32)}
    assert found == {(KEY, True), ("3" * 32, False), ("6" * 32, False)}


def test_a_status_of_other_capitals_is_the_same_to_github(server: GitHubServer, hub: GitHub) -> None:
    server.add_pull(7, head=sha(2), commits=commits(1, 2))
    told(hub, 1, KEY, "failure", context="Evalgate")
    told(hub, 1, OTHER, context="EVALGATE (TO dev)")
    told(hub, 2, "", "pending")
    found = {(one.key, one.blocked) for one in recorded(hub, head=2, present="6" * 32)}
    assert (KEY, True) in found
    sticky = Sticky(github=hub, number=7, key="k", author=None)
    assert [one.context for one in heads.list_own_statuses(sticky, "evalgate", sha(1))] == ["Evalgate"]


BRANCHES = ("evalgate", "evalgate (to dev)", "evalgate (to a/b)")


@given(st.lists(st.sets(st.sampled_from(BRANCHES), min_size=1), min_size=1, max_size=6), st.sampled_from(BRANCHES))
def test_no_change_of_the_target_branch_makes_fewer_attempts_or_more(tried: list[set[str]], context: str) -> None:
    """Each commit has another content; `tried` are the branches that it went to, and each has its own rules."""
    made = {}
    for number, names in enumerate(tried):
        made[sha(number)] = [
            CommitStatus(
                id=number,
                context=name,
                state="failure",
                description="d",
                target_url=heads.add_marks(RUN, key=f"{number:016x}{BRANCHES.index(name):016x}"),
                creator="bot",
                created_at="2026-05-01T12:00:00Z",
            )
            for name in sorted(names)
        ]
    last = len(tried) - 1
    present = f"{last:016x}{BRANCHES.index(context):016x}"
    same = heads._join_keys(made, context, {sha(last): present})
    keys = [heads.read_key(status) for found in made.values() for status in found]
    past = [PastVerdict(key=same.get(key, key), blocked=True) for key in keys]
    counted = attempts.count_attempts(past, present, alpha=0.05)
    assert (counted.number, counted.blocked_before) == (len(tried), len(tried) > 1)
