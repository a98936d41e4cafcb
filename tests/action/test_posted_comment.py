"""Tests of the comment: one per key, beside those of other authors."""

from __future__ import annotations

import json as plain
from dataclasses import replace

import pytest
from action.pull_request_comment import HEAD, LINKS, NEWER, bodies, show, sticky, writes

from evalgate.action import posted_comment as publish
from evalgate.domain import Report
from evalgate.errors import ServiceError
from evalgate.services.github import GitHub


def test_the_same_comment_is_written_again_only_when_it_says_something_else(server, github, samples) -> None:
    first = show(github, samples.failing())
    assert first
    before = writes(server)
    again = replace(LINKS, run="https://github.test/acme/prompts/actions/runs/2/attempts/1")
    assert show(github, samples.failing(), links=again, now="2026-05-01T13:00:00+00:00") == first
    assert writes(server) == before
    assert show(github, samples.passing(), now="2026-05-01T14:00:00+00:00") == first
    (body,) = bodies(server)
    assert "PASS" in body
    assert "Earlier runs" not in body.partition("</details>")[0] or "FAIL" in body


def test_two_legs_of_a_matrix_never_touch_each_others_comment(server, github, samples) -> None:
    show(github, samples.failing(), key="faq")
    show(github, samples.passing(), key="search")
    one, other = bodies(server)
    show(github, samples.failing(), key="search")
    assert bodies(server)[0] == one
    assert bodies(server)[1] != other


def test_a_marker_in_somebody_elses_comment_is_text(server, github, samples) -> None:
    show(github, samples.passing())
    (body,) = bodies(server)
    server.state["comments"].clear()
    server.add_comment(7, body, author="eve")
    show(github, samples.failing())
    assert bodies(server, "eve") == [body]
    assert len(bodies(server)) == 1


def test_a_marker_that_does_not_begin_the_comment_is_text(server, github, samples) -> None:
    show(github, samples.passing())
    (body,) = bodies(server)
    server.state["comments"][0]["body"] = f" {body}"
    show(github, samples.failing())
    assert len(bodies(server)) == 2


def test_the_comment_is_found_behind_a_hundred_others(server, github, samples) -> None:
    for number in range(130):
        server.add_comment(7, f"comment {number}", author="ann")
    url = show(github, samples.failing())
    assert show(github, samples.passing()) == url
    assert len(server.state["comments"]) == 131


def test_what_two_jobs_wrote_at_once_becomes_one(server, github, samples) -> None:
    show(github, samples.failing())
    server.add_comment(7, bodies(server)[0])
    server.add_comment(7, "of another job of the same token")
    show(github, samples.passing())
    mine, other = bodies(server)
    assert "PASS" in mine
    assert other == "of another job of the same token"


def test_a_run_that_was_overtaken_is_silent(server, github, samples) -> None:
    url = show(github, samples.passing())
    server.state["pulls"]["7"]["head"]["sha"] = NEWER
    before = bodies(server)
    assert show(github, samples.failing()) == url
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
def test_when_a_comment_is_written(server, github, samples, when: str, runs: dict[str, bool]) -> None:
    for name, is_written in runs.items():
        before = len(writes(server))
        show(github, samples.SAMPLES[name](), when=when)
        assert (len(writes(server)) > before) is is_written, name


def test_the_comment_keeps_the_last_runs_and_since_when_this_one_could_be_read(server, github, samples) -> None:
    for number in range(12):
        head, now = f"{number:040x}", f"2026-05-01T12:{number:02}:00+00:00"
        server.state["pulls"]["7"]["head"]["sha"] = head
        show(github, samples.failing() if number % 2 else samples.passing(), now=now, head=head)
    assert sticky(github).read() is not None
    (body,) = bodies(server)
    assert "Earlier runs (9)" in body


# Drift


def watch(github: GitHub, report: Report, title: str = "Drift: support") -> str:
    now = "2026-05-01T12:30:00+00:00"
    return publish.update_drift_issue(sticky(github, "watch", 0), report, title, head=HEAD, links=LINKS, now=now)


def test_one_issue_is_opened_for_a_drift_and_kept_true(server, github, samples) -> None:
    assert watch(github, samples.passing()) == ""
    url = watch(github, samples.failing())
    assert watch(github, samples.failing()) == url
    assert len(server.state["issues"]) == 1
    watch(github, samples.passing())
    (body,) = bodies(server)
    assert "PASS" in body
    assert len(server.state["issues"]) == 1


def test_an_issue_of_many_gates_has_a_title_that_github_takes(server, github, samples) -> None:
    """GitHub refuses a title of more than 256 characters: the drift would be told nowhere."""
    assert watch(github, samples.failing(), "Drift: " + ", ".join(f"team/{n}-support" for n in range(40)))
    (issue,) = server.state["issues"].values()
    assert issue["title"].startswith("Drift: team/0-support, team/1-support")


def test_an_issue_of_another_author_is_not_used(server, github, samples) -> None:
    watch(github, samples.failing())
    (issue,) = server.state["issues"].values()
    issue["author"] = "eve"
    watch(github, samples.failing())
    assert len(server.state["issues"]) == 2


def test_what_github_refuses_is_a_service_error(server, github, samples) -> None:
    server.state["read_only"] = True
    with pytest.raises(ServiceError, match="pull-requests: write"):
        show(github, samples.failing())
    assert plain.dumps(server.state["comments"]) == "[]"
