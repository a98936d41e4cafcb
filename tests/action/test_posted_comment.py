"""Tests of the comment (one per key, beside those of other authors), the sign-off, and untrusted artifacts."""

from __future__ import annotations

import io
import json as plain
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from github_server import GitHubServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalgate.action import comment_state, fork
from evalgate.action import posted_comment as publish
from evalgate.action import sign_off_lookup as approval
from evalgate.action.event import GitHubEvent, OtherRun
from evalgate.action.posted_comment import Sticky
from evalgate.decide import policy, sign_off
from evalgate.domain import PolicyChange, Report, Verdict
from evalgate.errors import InputError, ServiceError
from evalgate.gate import reports
from evalgate.report import comment
from evalgate.report.status import EVALUATING, make_status
from evalgate.services.github import GitHub
from evalgate.store import report_json

HEAD, NEWER = "a" * 40, "d" * 40
EDITED = (PolicyChange(path="evalgate.yml", digest="0" * 64),)
LINKS = comment.Links(run="https://github.test/acme/prompts/actions/runs/1/attempts/1")
START = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    ticks = count()
    found = GitHubServer(clock=lambda: START + timedelta(seconds=next(ticks)))
    found.add_pull(7, head=HEAD)
    yield found
    found.close()
    assert found.violations == []


@pytest.fixture
def hub(server: GitHubServer) -> Iterator[GitHub]:
    found = GitHub(token="t", repository="acme/prompts", api_url=server.url, note=lambda _: None, sleep=lambda _: None)
    yield found
    found.close()


def sticky(hub: GitHub, key: str = "prompts-gate", number: int = 7) -> Sticky:
    return Sticky(github=hub, number=number, key=key, author=None)


def show(
    hub: GitHub, report: Report, *, key: str = "prompts-gate", when: Any = "auto", head: str = HEAD, **more: Any
) -> str:
    now = more.pop("now", "2026-05-01T12:30:00+00:00")
    links = more.pop("links", LINKS)
    status = more.pop("status", make_status(report))
    return publish.update_comment(sticky(hub, key), report, status, when=when, head=head, links=links, now=now)


def bodies(server: GitHubServer, author: str = "github-actions[bot]") -> list[str]:
    return [found["body"] for found in server.state["comments"] if found["author"] == author]


def writes(server: GitHubServer) -> list[str]:
    return [call for call in server.calls() if not call.startswith("GET")]


def test_the_same_comment_is_written_again_only_when_it_says_something_else(server, hub, samples) -> None:
    first = show(hub, samples.failing())
    assert first
    before = writes(server)
    again = replace(LINKS, run="https://github.test/acme/prompts/actions/runs/2/attempts/1")
    assert show(hub, samples.failing(), links=again, now="2026-05-01T13:00:00+00:00") == first
    assert writes(server) == before
    assert show(hub, samples.passing(), now="2026-05-01T14:00:00+00:00") == first
    (body,) = bodies(server)
    assert "PASS" in body
    assert "Earlier runs" not in body.partition("</details>")[0] or "FAIL" in body


def test_two_legs_of_a_matrix_never_touch_each_others_comment(server, hub, samples) -> None:
    show(hub, samples.failing(), key="faq")
    show(hub, samples.passing(), key="search")
    one, other = bodies(server)
    show(hub, samples.failing(), key="search")
    assert bodies(server)[0] == one
    assert bodies(server)[1] != other


def test_a_marker_in_somebody_elses_comment_is_text(server, hub, samples) -> None:
    show(hub, samples.passing())
    (body,) = bodies(server)
    server.state["comments"].clear()
    server.add_comment(7, body, author="eve")
    show(hub, samples.failing())
    assert bodies(server, "eve") == [body]
    assert len(bodies(server)) == 1


def test_a_marker_that_does_not_begin_the_comment_is_text(server, hub, samples) -> None:
    show(hub, samples.passing())
    (body,) = bodies(server)
    server.state["comments"][0]["body"] = f" {body}"
    show(hub, samples.failing())
    assert len(bodies(server)) == 2


def test_the_comment_is_found_behind_a_hundred_others(server, hub, samples) -> None:
    for number in range(130):
        server.add_comment(7, f"comment {number}", author="ann")
    url = show(hub, samples.failing())
    assert show(hub, samples.passing()) == url
    assert len(server.state["comments"]) == 131


def test_what_two_jobs_wrote_at_once_becomes_one(server, hub, samples) -> None:
    show(hub, samples.failing())
    server.add_comment(7, bodies(server)[0])
    server.add_comment(7, "of another job of the same token")
    show(hub, samples.passing())
    mine, other = bodies(server)
    assert "PASS" in mine
    assert other == "of another job of the same token"


def test_a_run_that_was_overtaken_is_silent(server, hub, samples) -> None:
    url = show(hub, samples.passing())
    server.state["pulls"]["7"]["head"]["sha"] = NEWER
    before = bodies(server)
    assert show(hub, samples.failing()) == url
    assert bodies(server) == before


@pytest.mark.parametrize(
    ("when", "runs"),
    [
        ("auto", {"nothing": False, "pass": True}),
        ("auto", {"pass": True, "nothing": True}),
        ("on-failure", {"pass": False, "fail": True}),
        ("on-failure", {"fail": True, "pass": True}),
        ("on-change", {"pass": True, "nothing": False}),
        ("on-change", {"fail": True, "pass": True}),
        ("off", {"fail": False, "major": False}),
        ("on-failure", {"major": True}),
    ],
)
def test_when_a_comment_is_written(server, hub, samples, when: str, runs: dict[str, bool]) -> None:
    for name, is_written in runs.items():
        before = len(writes(server))
        show(hub, samples.SAMPLES[name](), when=when)
        assert (len(writes(server)) > before) is is_written, name


def test_the_comment_keeps_the_last_runs_and_since_when_this_one_could_be_read(server, hub, samples) -> None:
    for number in range(12):
        head, now = f"{number:040x}", f"2026-05-01T12:{number:02}:00+00:00"
        server.state["pulls"]["7"]["head"]["sha"] = head
        show(hub, samples.failing() if number % 2 else samples.passing(), now=now, head=head)
    assert sticky(hub).read() is not None
    (body,) = bodies(server)
    assert "Earlier runs (9)" in body


# The sign-off


def awaiting() -> Report:
    return reports.make_report((), (), EDITED)


def published(server: GitHubServer, hub: GitHub, report: Report, at: datetime = START + timedelta(minutes=1)) -> None:
    server.clock = lambda: at
    for status in (EVALUATING, make_status(report)):
        hub.set_status(HEAD, state=status.state, description=status.description, context="evalgate", target_url="")
    show(hub, report, now=at.isoformat())


def standing(hub: GitHub, report: Report, mode: Any = "review", approvers: tuple[str, ...] = ()) -> Any:
    warned: list[str] = []
    found = approval.look_up_sign_off(
        sticky(hub), report, context="evalgate", head=HEAD, mode=mode, approvers=approvers, warn=warned.append
    )
    assert any("acme/secret" in one for one in warned) == ("acme/secret" in approvers)
    return found


LATER = "2026-05-01T12:05:00Z"


def test_a_review_by_somebody_who_may_write_after_the_report(server, hub) -> None:
    server.add_person("bob", "write")
    report = awaiting()
    assert standing(hub, report).met is None
    published(server, hub, report)
    assert "needs approval" in standing(hub, report).waiting_for
    server.add_review(7, "bob", "APPROVED", at=LATER)
    met = standing(hub, report).met
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
def test_reviews_that_do_not_count(server, hub, review: tuple[str, str, str, str]) -> None:
    who, permission, commit, at = review
    server.add_person(who, permission)
    report = awaiting()
    published(server, hub, report)
    server.add_review(7, who, "APPROVED", commit=commit, at=at)
    assert standing(hub, report).met is None


def test_an_approver_of_the_list_or_of_a_team_needs_no_permission(server, hub) -> None:
    server.state["teams"]["acme/leads"] = {"cat": "active"}
    report = awaiting()
    published(server, hub, report)
    server.add_review(7, "cat", "APPROVED", at=LATER)
    assert standing(hub, report).met is None
    assert standing(hub, report, approvers=("acme/leads",)).met.by == "cat"
    assert standing(hub, report, approvers=("Cat",)).met.by == "cat"
    server.fault("/orgs/acme/teams/secret", status=403, message="Resource not accessible by integration")
    assert standing(hub, report, approvers=("acme/secret", "acme/leads")).met.by == "cat"


def test_a_report_on_other_content_or_a_newer_push_asks_again(server, hub) -> None:
    server.add_person("bob", "write")
    report = awaiting()
    published(server, hub, report)
    server.add_review(7, "bob", "APPROVED", at=LATER)
    other = reports.make_report((), (), (PolicyChange(path="evalgate.yml", digest="1" * 64),))
    assert standing(hub, other).met is None
    server.state["pulls"]["7"]["head"]["sha"] = NEWER
    assert standing(hub, report).met is None


def test_a_comment_that_claims_to_be_older_than_it_is_publishes_nothing(server, hub) -> None:
    server.add_person("bob", "write")
    report = awaiting()
    server.add_review(7, "bob", "APPROVED", at="2026-05-01T11:00:00Z")
    published(server, hub, report)
    state = replace(sticky(hub).read().state, at="2026-05-01T10:00:00+00:00", history=())
    server.state["comments"][0]["body"] = comment_state.render(report, key="prompts-gate", state=state)
    assert standing(hub, report).met is None


def test_a_report_that_found_less_is_not_the_one_that_is_signed_off(server, hub, samples) -> None:
    """Ignore an approval that was given while nothing was measured yet, or while the report failed."""
    server.add_person("bob", "write")
    measured = samples.major()
    before = fork.withdraw_passes(measured)
    assert sign_off.digest_subject(before) == sign_off.digest_subject(measured)
    published(server, hub, before)
    server.add_review(7, "bob", "APPROVED", at=LATER)
    assert standing(hub, measured).met is None
    show(hub, measured, now="2026-05-01T12:10:00+00:00")
    assert standing(hub, measured).met is None
    server.add_review(7, "bob", "APPROVED", at="2026-05-01T12:11:00Z")
    met = standing(hub, measured).met
    assert met is not None
    for _ in range(2):  # the second run gives the same
        show(hub, policy.apply_sign_off(measured, met), now="2026-05-01T12:12:00+00:00")
        assert standing(hub, measured).met == met


def test_a_label_of_somebody_who_may_write(server, hub) -> None:
    server.add_person("bob", "maintain")
    report = awaiting()
    published(server, hub, report)
    server.add_label(7, approval.LABEL, actor="bob", at=LATER)
    assert standing(hub, report, mode="label").met.by == "bob"
    server.add_label(7, approval.LABEL, actor="eve", added=False, at=LATER)
    assert standing(hub, report, mode="label").met is None


def in_queue(hub: GitHub, report: Report) -> Any:
    return approval.look_up_sign_off(
        sticky(hub), report, context="evalgate", head=None, mode="review", approvers=(), warn=lambda _: None
    ).met


def test_a_queue_asks_for_the_reviews_of_the_pull_request(server, hub) -> None:
    report = awaiting()
    published(server, hub, report)
    assert in_queue(hub, report) is None
    server.add_person("bob", "write")
    server.add_review(7, "bob", "APPROVED", commit=NEWER, at=LATER)
    assert in_queue(hub, report) is None
    server.add_review(7, "bob", "APPROVED", at=LATER)
    assert in_queue(hub, report).by == "bob"
    other = reports.make_report((), (), (PolicyChange(path="evalgate.yml", digest="1" * 64),))
    assert in_queue(hub, other) is None
    server.add_review(7, "bob", "CHANGES_REQUESTED", at="2026-05-01T12:06:00Z")
    assert in_queue(hub, report) is None


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
def test_no_edit_of_the_comment_signs_anything_off(server, hub, claimed: dict[str, Any], of: Any) -> None:
    """Look up the sign-off in the API, since people with write permission can edit every comment."""
    server.state["comments"].clear()
    server.state["pulls"]["7"]["reviews"].clear()
    report = awaiting()
    published(server, hub, report)
    server.add_review(7, "eve", "APPROVED", at=LATER)
    state = replace(
        sticky(hub).read().state, **claimed, subject=sign_off.digest_subject(reports.make_report((), (), of))
    )
    server.state["comments"][0]["body"] = comment_state.render(report, key="prompts-gate", state=state)
    assert sticky(hub).read().state == state
    assert in_queue(hub, report) is None
    assert standing(hub, report).met is None


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
def test_a_co_author_by_trailer_does_not_approve_the_change(server, hub, trailer: str, known: dict[str, str], graphql: bool) -> None:  # fmt: skip
    report = awaiting()
    server.state["emails"] = known
    server.state["pulls"]["7"]["commits"][0]["message"] = f"Be brief\n\nA reason.\n\n{trailer}\n"
    published(server, hub, report)
    for who in ("bob", "dan"):
        server.add_person(who, "write")
    if not graphql:
        server.fault("/graphql", times=9, status=404, message="Not Found")
    server.add_review(7, "bob", "APPROVED", at=LATER)
    if known and not graphql:  # without the API the owner of the address is unknown, which is a warning
        warned: list[str] = []
        approval.look_up_sign_off(
            sticky(hub), report, context="evalgate", head=HEAD, mode="review", approvers=(), warn=warned.append
        )
        assert "co-authors are identified only by names and addresses: " in warned[0]
        return
    found = standing(hub, report)
    assert (found.met, found.waiting_for) == (None, "bob is named as a co-author of the change")
    assert in_queue(hub, report) is None
    server.add_review(7, "dan", "APPROVED", at=LATER)
    assert standing(hub, report).met.by == "dan"
    assert in_queue(hub, report).by == "dan"


def test_an_address_of_a_commit_names_the_co_author_of_another(server, hub) -> None:
    pull = server.state["pulls"]["7"]
    pull["commits"][0]["message"] = "One\n\nCo-authored-by: Nobody Knows <someone@example.org>"
    pull["commits"].append({"sha": NEWER, "author": "dan", "committer": "dan"})
    pull["commits"][0] |= {"author": "dan", "committer": "dan"}
    (first, _) = hub.commits(7)
    assert first.coauthors == (("Nobody Knows", "someone@example.org"),)
    assert first.emails == (("someone@example.org", "dan"), ("someone@example.org", "dan"))


def test_authors_are_told_on_several_pages(server, hub) -> None:
    pull = server.state["pulls"]["7"]
    pull["commits"] = [{"sha": f"{number:040x}", "author": f"p{number}", "committer": "ann"} for number in range(150)]
    assert [one.login for one in hub.commit_authors(7)] == [f"p{number}" for number in range(150)]


def test_a_queue_knows_its_pull_requests_by_its_branch_or_by_its_commits(server, hub) -> None:
    event = GitHubEvent(name="merge_group", repository="acme/prompts", head=HEAD, base="b" * 40, branch="main", pull=9)
    assert approval.find_queued_pull_requests(hub, event) == (9,)
    assert approval.find_queued_pull_requests(hub, replace(event, pull=None)) == (7,)
    server.state["pulls"]["7"]["state"] = "closed"
    assert approval.find_queued_pull_requests(hub, replace(event, pull=None)) == ()
    assert approval.find_queued_pull_requests(hub, replace(event, pull=None, base=None)) == ()


# Untrusted artifacts

OTHER = OtherRun(id=3, event="pull_request", head=HEAD, fork=True, repository_id=8, owner="eve", branch="change")


def zipped(data: bytes, name: str = "report.json") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, data)
    return file.getvalue()


def offered(server: GitHubServer, hub: GitHub, data: bytes, name: str = "evalgate-report") -> Report:
    server.state["runs"].clear()
    server.add_artifact(3, 30, name, data)
    return fork.read_fork_report(hub, OTHER, "evalgate-report")


def test_a_pass_that_somebody_claims_is_none(server, hub, samples) -> None:
    for name in ("pass", "nothing", "major", "inconclusive"):
        report = offered(server, hub, zipped(report_json.render(samples.SAMPLES[name]()).encode()))
        assert (report.decision, make_status(report).state) == (Verdict.INCONCLUSIVE, "failure"), name
        assert report.exit_code != 0
        assert all(gate.decision is not Verdict.PASS for gate in report.gates)


def test_a_fail_that_somebody_claims_is_one(server, hub, samples) -> None:
    report = offered(server, hub, zipped(report_json.render(samples.failing()).encode()))
    assert make_status(report).state == "failure"
    assert report.decision is Verdict.FAIL


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b'{"format": 1}', b"\xff\xfe", b"[" * 100_000, "ä".encode(), b'{"format": 99}'],
    ids=["empty", "object", "format", "bytes", "deep", "text", "newer"],
)
def test_an_artifact_that_is_no_report_is_refused(server, hub, data: bytes) -> None:
    with pytest.raises(InputError):
        offered(server, hub, zipped(data))


def test_an_artifact_under_another_name_or_of_a_great_size_is_not_read(server, hub, monkeypatch) -> None:
    with pytest.raises(InputError, match="no artifacts named"):
        offered(server, hub, zipped(b"{}"), name="other")
    monkeypatch.setattr(fork, "MOST_ZIPPED", 10)
    with pytest.raises(InputError, match="at most 10"):
        offered(server, hub, zipped(b"{}"))


def test_a_pull_request_is_found_by_its_head_and_the_repository_it_comes_from(server, hub) -> None:
    server.add_pull(8, head=HEAD, author="eve", fork=("eve/prompts", 8))
    server.add_pull(9, head=NEWER, author="eve", fork=("eve/prompts", 8))
    server.add_pull(10, head=HEAD, author="eve", fork=("eve/prompts", 8), state="closed")
    assert [pull.number for pull in fork.pull_requests(hub, OTHER)] == [8]
    assert fork.pull_requests(hub, replace(OTHER, repository_id=9)) == ()


# Drift


def watch(hub: GitHub, report: Report, title: str = "Drift: support") -> str:
    now = "2026-05-01T12:30:00+00:00"
    return publish.update_drift_issue(sticky(hub, "watch", 0), report, title, head=HEAD, links=LINKS, now=now)


def test_one_issue_is_opened_for_a_drift_and_kept_true(server, hub, samples) -> None:
    assert watch(hub, samples.passing()) == ""
    url = watch(hub, samples.failing())
    assert watch(hub, samples.failing()) == url
    assert len(server.state["issues"]) == 1
    watch(hub, samples.passing())
    (body,) = bodies(server)
    assert "PASS" in body
    assert len(server.state["issues"]) == 1


def test_nobody_elses_issue_is_taken_for_it(server, hub, samples) -> None:
    watch(hub, samples.failing())
    (issue,) = server.state["issues"].values()
    issue["author"] = "eve"
    watch(hub, samples.failing())
    assert len(server.state["issues"]) == 2


def test_what_github_refuses_is_a_service_error(server, hub, samples) -> None:
    server.state["read_only"] = True
    with pytest.raises(ServiceError, match="pull-requests: write"):
        show(hub, samples.failing())
    assert plain.dumps(server.state["comments"]) == "[]"
