"""A verdict stands until a later run of the commit has found another one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from action.gated_pull_request import BRIEF, MAJOR, Hub

from evalgate.report.status import EVALUATING

LATER = "2099-01-01T00:00:00Z"


def review(hub: Hub, state: str, action: str = "submitted") -> dict[str, Any]:
    return hub.pull() | {"action": action, "review": {"state": state}}


@pytest.mark.parametrize("kind", ["title", "comment", "edited review", "another label"])
@pytest.mark.parametrize("verdict", ["success", "failure"])
def test_an_event_that_changes_nothing_leaves_the_verdict_as_it_is(hub: Hub, kind: str, verdict: str) -> None:
    if verdict == "failure":
        hub.world.application = lambda system, user: "no" if BRIEF in system else json.dumps({"answer": user})
    hub.push()
    first = hub.run()
    before = list(hub.statuses)
    assert before[-1][1] == verdict
    shutil.rmtree(hub.world.root / ".evalgate")
    hub.world.server.received.clear()
    event, payload = {
        "title": ("pull_request", hub.pull() | {"action": "edited", "changes": {"title": {"from": "x"}}}),
        "comment": ("pull_request_review", review(hub, "commented")),
        "edited review": ("pull_request_review", review(hub, "approved", "edited")),
        "another label": ("pull_request", hub.pull() | {"action": "labeled", "label": {"name": "docs"}}),
    }[kind]
    ran = hub.run(event, payload)
    assert (ran.code, hub.statuses, hub.world.server.received) == (first.code, before, [])
    assert ran.outputs["failed"] == first.outputs["failed"]
    assert json.loads(Path(ran.outputs["report-json"]).read_text())["gates"] == []


@pytest.mark.parametrize("left", ["nothing", "the beginning of a run"])
def test_without_a_verdict_such_an_event_is_evaluated(hub: Hub, left: str) -> None:
    hub.push()
    if left != "nothing":
        facts = {"sha": hub.head, "state": "pending", "description": EVALUATING.description, "context": "evalgate"}
        facts |= {"target_url": None, "id": 1, "created_at": hub.server.now(), "creator": "github-actions[bot]"}
        hub.server.state["statuses"].append(facts)
    hub.run(payload=hub.pull() | {"action": "edited", "changes": {"title": {"from": "x"}}})
    assert hub.statuses[-1][1] == "success"


def test_a_run_that_is_repeated_and_cannot_evaluate_leaves_the_verdict(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.push()
    hub.run()
    before = list(hub.statuses)
    monkeypatch.delenv("API_KEY")
    ran = hub.run(missing_secrets="fail")
    assert ran.code == 2
    assert hub.statuses == before


def test_the_same_content_that_is_drawn_again_and_fails_keeps_its_pass(hub: Hub) -> None:
    hub.push()
    hub.run()
    before = list(hub.statuses)
    shutil.rmtree(hub.world.root / ".evalgate")
    hub.world.application = lambda system, user: "no" if BRIEF in system else json.dumps({"answer": user})
    hub.run()
    assert hub.statuses == before


def test_a_new_commit_and_another_branch_are_evaluated(hub: Hub) -> None:
    hub.push()
    hub.run()
    hub.world.application = lambda system, user: "no" if "also" in system else json.dumps({"answer": user})
    hub.push("1.2.0", "Be brief, always and everywhere, also here.")
    hub.run()
    assert [state for _, state, _ in hub.statuses] == ["pending", "success", "pending", "failure"]
    hub.run(payload=hub.pull() | {"action": "edited", "changes": {"base": {"ref": {"from": "other"}}}})
    assert [state for _, state, _ in hub.statuses][4:] == ["pending", "failure"]


def test_an_approval_that_is_dismissed_withdraws_the_sign_off(hub: Hub) -> None:
    hub.push("2.0.0", MAJOR)
    hub.run()
    hub.server.add_person("grace", "write")
    given = hub.server.add_review(7, "grace", "APPROVED", at=LATER)
    hub.run("pull_request_review", review(hub, "approved"))
    assert hub.statuses[-1][1] == "success"
    given["state"] = "DISMISSED"
    hub.run("pull_request_review", review(hub, "dismissed", "dismissed"))
    assert hub.statuses[-1][1] == "pending"


def test_a_status_of_another_login_is_no_verdict(hub: Hub) -> None:
    hub.push()
    facts = {"sha": hub.head, "state": "success", "description": "PASS: really", "context": "evalgate"}
    facts |= {"target_url": None, "id": 1, "created_at": hub.server.now(), "creator": "eve"}
    hub.server.state["statuses"].append(facts)
    hub.world.application = lambda system, user: "no" if BRIEF in system else json.dumps({"answer": user})
    hub.run(payload=hub.pull() | {"action": "edited", "changes": {"title": {"from": "x"}}})
    assert hub.statuses[-1][1] == "failure"
