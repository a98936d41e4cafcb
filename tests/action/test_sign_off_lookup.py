"""Sign-offs on GitHub: which reviews and labels count, of whom, and since when."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from action.pull_request_comment import EDITED, HEAD, NEWER, START, show, sticky
from github_server import GitHubServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalgate.action import comment_state, fork
from evalgate.action import sign_off_lookup as approval
from evalgate.action.event import GitHubEvent
from evalgate.decide import policy, sign_off
from evalgate.domain import PolicyChange, Report
from evalgate.gate import reports
from evalgate.report.status import EVALUATING, make_status
from evalgate.services.github import GitHub


def awaiting() -> Report:
    return reports.make_report((), (), EDITED)


def published(
    server: GitHubServer, github: GitHub, report: Report, at: datetime = START + timedelta(minutes=1)
) -> None:
    server.clock = lambda: at
    for status in (EVALUATING, make_status(report)):
        github.set_status(HEAD, state=status.state, description=status.description, context="evalgate", target_url="")
    show(github, report, now=at.isoformat())


def standing(github: GitHub, report: Report, mode: Any = "review", approvers: tuple[str, ...] = ()) -> Any:
    warned: list[str] = []
    found = approval.look_up_sign_off(
        sticky(github), report, context="evalgate", head=HEAD, mode=mode, approvers=approvers, warn=warned.append
    )
    assert any("acme/secret" in one for one in warned) == ("acme/secret" in approvers)
    return found


LATER = "2026-05-01T12:05:00Z"


def test_a_review_by_somebody_who_may_write_after_the_report(server, github) -> None:
    server.add_person("bob", "write")
    report = awaiting()
    assert standing(github, report).met is None
    published(server, github, report)
    assert "needs approval" in standing(github, report).waiting_for
    server.add_review(7, "bob", "APPROVED", at=LATER)
    met = standing(github, report).met
    assert (met.by, met.commit, met.subject) == ("bob", HEAD, sign_off.digest_subject(report))


@pytest.mark.parametrize(
    "review",
    [
        ("ann", "admin", HEAD, LATER),  # the author of the change
        ("bob", "read", HEAD, LATER),
        ("bob", "write", NEWER, LATER),
        ("bob", "write", HEAD, "2026-05-01T12:00:30Z"),  # before the report was published
    ],
)
def test_reviews_that_do_not_count(server, github, review: tuple[str, str, str, str]) -> None:
    who, permission, commit, at = review
    server.add_person(who, permission)
    report = awaiting()
    published(server, github, report)
    server.add_review(7, who, "APPROVED", commit=commit, at=at)
    assert standing(github, report).met is None


def test_an_approver_of_the_list_or_of_a_team_needs_no_permission(server, github) -> None:
    server.state["teams"]["acme/leads"] = {"cat": "active"}
    report = awaiting()
    published(server, github, report)
    server.add_review(7, "cat", "APPROVED", at=LATER)
    assert standing(github, report).met is None
    assert standing(github, report, approvers=("acme/leads",)).met.by == "cat"
    assert standing(github, report, approvers=("Cat",)).met.by == "cat"
    server.fault("/orgs/acme/teams/secret", status=403, message="Resource not accessible by integration")
    assert standing(github, report, approvers=("acme/secret", "acme/leads")).met.by == "cat"


def test_a_report_on_other_content_or_a_newer_push_asks_again(server, github) -> None:
    server.add_person("bob", "write")
    report = awaiting()
    published(server, github, report)
    server.add_review(7, "bob", "APPROVED", at=LATER)
    other = reports.make_report((), (), (PolicyChange(path="evalgate.yml", digest="1" * 64),))
    assert standing(github, other).met is None
    server.state["pulls"]["7"]["head"]["sha"] = NEWER
    assert standing(github, report).met is None


def test_a_comment_that_claims_to_be_older_than_it_is_publishes_nothing(server, github) -> None:
    server.add_person("bob", "write")
    report = awaiting()
    server.add_review(7, "bob", "APPROVED", at="2026-05-01T11:00:00Z")
    published(server, github, report)
    state = replace(sticky(github).read().state, at="2026-05-01T10:00:00+00:00", history=())
    server.state["comments"][0]["body"] = comment_state.render(report, key="prompts-gate", state=state)
    assert standing(github, report).met is None


def test_a_report_that_found_less_is_not_the_one_that_is_signed_off(server, github, samples) -> None:
    """Ignore an approval that was given while nothing was measured yet, or while the report failed."""
    server.add_person("bob", "write")
    measured = samples.major()
    before = fork.withdraw_passes(measured)
    assert sign_off.digest_subject(before) == sign_off.digest_subject(measured)
    published(server, github, before)
    server.add_review(7, "bob", "APPROVED", at=LATER)
    assert standing(github, measured).met is None
    show(github, measured, now="2026-05-01T12:10:00+00:00")
    assert standing(github, measured).met is None
    server.add_review(7, "bob", "APPROVED", at="2026-05-01T12:11:00Z")
    met = standing(github, measured).met
    assert met is not None
    for _ in range(2):  # the second run gives the same
        show(github, policy.apply_sign_off(measured, met), now="2026-05-01T12:12:00+00:00")
        assert standing(github, measured).met == met


def test_a_label_of_somebody_who_may_write(server, github) -> None:
    server.add_person("bob", "maintain")
    report = awaiting()
    published(server, github, report)
    server.add_label(7, approval.LABEL, actor="bob", at=LATER)
    assert standing(github, report, mode="label").met.by == "bob"
    server.add_label(7, approval.LABEL, actor="eve", added=False, at=LATER)
    assert standing(github, report, mode="label").met is None


def in_queue(github: GitHub, report: Report) -> Any:
    return approval.look_up_sign_off(
        sticky(github), report, context="evalgate", head=None, mode="review", approvers=(), warn=lambda _: None
    ).met


def test_a_queue_asks_for_the_reviews_of_the_pull_request(server, github) -> None:
    report = awaiting()
    published(server, github, report)
    assert in_queue(github, report) is None
    server.add_person("bob", "write")
    server.add_review(7, "bob", "APPROVED", commit=NEWER, at=LATER)
    assert in_queue(github, report) is None
    server.add_review(7, "bob", "APPROVED", at=LATER)
    assert in_queue(github, report).by == "bob"
    other = reports.make_report((), (), (PolicyChange(path="evalgate.yml", digest="1" * 64),))
    assert in_queue(github, other) is None
    server.add_review(7, "bob", "CHANGES_REQUESTED", at="2026-05-01T12:06:00Z")
    assert in_queue(github, report) is None


_STATES = st.fixed_dictionaries(
    {
        "sign_off": st.sampled_from(["", "asked", "given"]),
        "head": st.sampled_from([HEAD, NEWER]),
        "verdict": st.sampled_from(["PASS", "PASS, awaiting sign-off", "FAIL"]),
        "at": st.sampled_from(["2026-05-01T12:00:00+00:00", "2026-05-01T12:30:00+00:00", "2020-01-01T00:00:00+00:00"]),
    }
)


@given(claimed=_STATES, of=st.sampled_from([EDITED, (PolicyChange(path="evalgate.yml", digest="1" * 64),)]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
def test_no_edit_of_the_comment_signs_anything_off(server, github, claimed: dict[str, Any], of: Any) -> None:
    """Look up the sign-off in the API, since people with write permission can edit every comment."""
    server.state["comments"].clear()
    server.state["pulls"]["7"]["reviews"].clear()
    report = awaiting()
    published(server, github, report)
    server.add_review(7, "eve", "APPROVED", at=LATER)
    state = replace(
        sticky(github).read().state, **claimed, subject=sign_off.digest_subject(reports.make_report((), (), of))
    )
    server.state["comments"][0]["body"] = comment_state.render(report, key="prompts-gate", state=state)
    assert sticky(github).read().state == state
    assert in_queue(github, report) is None
    assert standing(github, report).met is None


@pytest.mark.parametrize(
    ("trailer", "known"),
    [
        ("Co-authored-by: Bob B. <1234+bob@users.noreply.github.com>", {}),
        ("co-authored-by:   Somebody <BOB@users.noreply.github.com>  ", {}),
        ("Co-Authored-By: B. Uilder <b@work.test>", {"b@work.test": "bob"}),
        ("Co-authored-by: B. <1234+robert@users.noreply.github.com>", {"1234+robert@users.noreply.github.com": "bob"}),
        ("Co-authored-by: Bob <b@work.test>", {}),
        ("Co-authored-by: B. Uilder <bob@work.test>", {}),
        ("Co-authored-by: @bob", {}),
        ("Co-authored-by: eve <eve@work.test>\n\nCo-authored-by: bob <b@work.test>\nSigned-off-by: ann <a@work.test>", {}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("graphql", [True, False])
def test_a_co_author_by_trailer_does_not_approve_the_change(server, github, trailer: str, known: dict[str, str], graphql: bool) -> None:  # fmt: skip
    report = awaiting()
    server.state["emails"] = known
    server.state["pulls"]["7"]["commits"][0]["message"] = f"Be brief\n\nA reason.\n\n{trailer}\n"
    published(server, github, report)
    for who in ("bob", "dan"):
        server.add_person(who, "write")
    if not graphql:
        server.fault("/graphql", times=9, status=404, message="Not Found")
    server.add_review(7, "bob", "APPROVED", at=LATER)
    if known and not graphql:  # without the API the owner of the address is unknown, which is a warning
        warned: list[str] = []
        approval.look_up_sign_off(
            sticky(github), report, context="evalgate", head=HEAD, mode="review", approvers=(), warn=warned.append
        )
        assert "co-authors are identified only by names and addresses: " in warned[0]
        return
    found = standing(github, report)
    assert (found.met, found.waiting_for) == (None, "bob is named as a co-author of the change")
    assert in_queue(github, report) is None
    server.add_review(7, "dan", "APPROVED", at=LATER)
    assert standing(github, report).met.by == "dan"
    assert in_queue(github, report).by == "dan"


def test_an_address_of_a_commit_names_the_co_author_of_another(server, github) -> None:
    pull = server.state["pulls"]["7"]
    pull["commits"][0]["message"] = "One\n\nCo-authored-by: Nobody Knows <someone@example.org>"
    pull["commits"].append({"sha": NEWER, "author": "dan", "committer": "dan"})
    pull["commits"][0] |= {"author": "dan", "committer": "dan"}
    (first, _) = github.commits(7)
    assert first.coauthors == (("Nobody Knows", "someone@example.org"),)
    assert first.emails == (("someone@example.org", "dan"), ("someone@example.org", "dan"))


def test_authors_are_told_on_several_pages(server, github) -> None:
    pull = server.state["pulls"]["7"]
    pull["commits"] = [{"sha": f"{number:040x}", "author": f"p{number}", "committer": "ann"} for number in range(150)]
    assert [one.login for one in github.commit_authors(7)] == [f"p{number}" for number in range(150)]


def test_a_queue_knows_its_pull_requests_by_its_branch_or_by_its_commits(server, github) -> None:
    event = GitHubEvent(name="merge_group", repository="acme/prompts", head=HEAD, base="b" * 40, branch="main", pull=9)
    assert approval.find_queued_pull_requests(github, event) == (9,)
    assert approval.find_queued_pull_requests(github, replace(event, pull=None)) == (7,)
    server.state["pulls"]["7"]["state"] = "closed"
    assert approval.find_queued_pull_requests(github, replace(event, pull=None)) == ()
    assert approval.find_queued_pull_requests(github, replace(event, pull=None, base=None)) == ()
