"""Tests of the evidence for a publication: the report of the merged pull request, with its sign-off."""

from __future__ import annotations

import json
from typing import Any

import pytest
from action.gated_pull_request import MAJOR, WORKFLOW
from action.merged_change import Released

from evalgate.release.document import PublishedVersion


def newest(released: Released) -> PublishedVersion:
    return released.document.versions[released.document.entry.target or ""]


def test_the_sign_off_of_the_pull_request_is_carried_into_the_version(released: Released) -> None:
    assert released.gate("2.0.0", MAJOR, signed=True).code == 0
    ran = released.publish()
    assert ran.code == 0, ran.log
    version = newest(released)
    assert version.sign_off is not None and version.sign_off.by == "bob"
    assert version.sign_off.subject == version.evaluation.subject
    assert released.calls == 0
    assert released.dispatch("promote", to="production").code == 0


def test_a_sign_off_after_the_last_report_is_looked_up(released: Released) -> None:
    assert released.gate("2.0.0", MAJOR).code == 5
    released.approve()
    ran = released.publish()
    assert ran.code == 0, ran.log
    version = newest(released)
    assert version.sign_off is not None and version.sign_off.by == "bob"
    assert released.calls == 0


def test_a_squashed_change_finds_its_pull_request_also_after_later_pushes(released: Released) -> None:
    released.gate("2.0.0", MAJOR, signed=True)
    event = released.merge(squash=True)
    before, after = event["after"], released.hub.world.repository.commit("words", **{"README.md": "hello"})
    ran = released.hub.run("push", event | {"before": before, "after": after}, command="publish")
    assert ran.code == 0, ran.log
    version = newest(released)
    assert (version.sign_off is not None, version.git_sha, released.calls) == (True, before, 0)


@pytest.mark.parametrize("doubt", ["none", "before the report", "the author", "sign-off: none"])
def test_what_is_no_sign_off_in_the_pull_request_is_none_here(released: Released, doubt: str) -> None:
    if doubt == "before the report":
        released.hub.push("2.0.0", MAJOR)
        released.approve(at="2020-01-01T00:00:00Z")
    assert released.gate("2.0.0" if doubt != "before the report" else "", MAJOR).code == 5
    if doubt == "the author":
        released.approve(by="ann")
    if doubt == "sign-off: none":
        released.approve()
    ran = released.publish(**({"sign_off": "none"} if doubt == "sign-off: none" else {}))
    assert ran.code == 0, ran.log
    assert newest(released).sign_off is None
    assert released.calls == 0


@pytest.mark.parametrize(
    "doubt", ["another head", "a fork", "no artifact", "not a report", "edited workflow", "no such run", "other cases"]
)
def test_a_report_that_is_not_relied_on_is_replaced_by_a_run(released: Released, doubt: str) -> None:
    files = {WORKFLOW: "name: prompts\n# edited\n"} if doubt == "edited workflow" else {}
    ran = released.gate("2.0.0", MAJOR, signed=True, **files)
    facts: dict[str, Any] = {
        "another head": {"head_sha": released.hub.base},
        "a fork": {"head_repository": {"id": 8}},
    }.get(doubt, {})
    released.hub.upload(ran, json.dumps({"format": 1}) if doubt == "not a report" else None, **facts)
    if doubt == "no artifact":
        released.hub.server.state["runs"]["1"]["artifacts"].clear()
    if doubt == "no such run":
        released.hub.server.state["runs"].clear()
    if doubt == "other cases":
        rows = (released.hub.world.root / "cases.jsonl").read_text().replace('"question 3"', '"question three"')
        released.hub.world.repository.commit("cases", **{"cases.jsonl": rows})
    ran = released.publish()
    assert ran.code == 0, ran.log
    assert newest(released).sign_off is None
    assert released.calls > 0
    assert "report is not used" in ran.log or "report of #7 is not used" in ran.log


def test_a_pull_request_of_another_branch_is_not_asked(released: Released) -> None:
    released.gate("2.0.0", MAJOR, signed=True)
    released.hub.server.state["pulls"]["7"]["base"]["ref"] = "release"
    assert released.publish().code == 0
    assert newest(released).sign_off is None


def test_what_github_cannot_tell_is_a_warning_and_the_gate_is_run(released: Released) -> None:
    released.gate()
    event = released.merge()
    released.hub.server.fault(r".*/commits/\w+/pulls", status=404, message="Not Found", times=9)
    ran = released.hub.run("push", event, command="publish")
    assert ran.code == 0, ran.log
    assert "::warning title=evalgate::merged pull requests" in ran.log
    assert released.calls > 0
