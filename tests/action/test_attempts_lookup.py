"""Attempts on a pull request that a retarget or a run of another event does not start anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from action.gated_pull_request import BRIEF, MAJOR, Hub, Ran, worse

DISPATCH = {"repository": {"default_branch": "main"}}
GOOD = "Be exact, and friendly."


def try_thrice(hub: Hub, branch: str = "main") -> None:
    """Let three contents fail on the way to a branch, with `attempts: strict`."""
    hub.rule(attempts="strict")
    hub.server.state["branches"] = {"main": hub.base, "dev": hub.base}
    hub.world.application = worse
    for number in (1, 2, 3):
        hub.push(f"1.{number}.0", BRIEF + " Now." * number)
        assert hub.run("pull_request", hub.pull(base=to(hub, branch))).code == 1


def to(hub: Hub, branch: str) -> dict[str, Any]:
    return {"sha": hub.base, "ref": branch, "repo": {"id": 1}}


def attempts(ran: Ran) -> tuple[int | None, bool] | None:
    found = json.loads(Path(ran.outputs["report-json"]).read_text())["attempts"]
    return found and (found["number"], found["blocked_before"])


def states(hub: Hub) -> dict[str, str]:
    return {one["context"]: one["state"] for one in hub.server.state["statuses"] if one["sha"] == hub.head}


def test_what_was_tried_on_the_way_to_another_branch_counts_after_a_retarget(hub: Hub) -> None:
    try_thrice(hub, "dev")
    hub.push("1.4.0", GOOD)
    ran = hub.run("pull_request", hub.pull(base=to(hub, "dev")))
    assert (ran.code, attempts(ran)) == (5, (4, True))
    payload = {**hub.pull(), "action": "edited", "changes": {"base": {"ref": {"from": "dev"}}}}
    ran = hub.run("pull_request", payload)
    assert (ran.code, attempts(ran)) == (5, (4, True)), ran.log
    assert states(hub) == {"evalgate (to dev)": "pending", "evalgate": "pending"}


@pytest.mark.parametrize("event", ["workflow_dispatch", "schedule"])
def test_a_run_without_a_pull_request_is_an_attempt_of_the_one_whose_head_it_evaluates(hub: Hub, event: str) -> None:
    try_thrice(hub)
    hub.push("1.4.0", GOOD)
    for _ in range(2):  # before and after the run of the pull request
        ran = hub.run(event, DISPATCH)
        assert (ran.code, attempts(ran)) == (5, (4, True)), ran.log
        assert states(hub) == {"evalgate": "pending"}
        assert hub.run().code == 5
    hub.server.add_person("bob", "write")
    hub.server.add_review(7, "bob", "APPROVED", at="2099-01-01T00:00:00Z")
    assert hub.run("pull_request_review").code == 0
    assert hub.run(event, DISPATCH).code == 0
    assert states(hub) == {"evalgate": "success"}


def test_where_the_pull_requests_of_a_head_are_not_known_the_attempts_are_not_either(hub: Hub) -> None:
    hub.rule(attempts="strict")
    hub.push()
    hub.server.fault(f"/commits/{hub.head}/pulls", method="GET", status=404, times=9, message="Not Found")
    ran = hub.run("workflow_dispatch", DISPATCH)
    assert (ran.code, attempts(ran)) == (5, (None, True)), ran.log


def test_a_commit_of_no_open_pull_request_has_no_attempts(hub: Hub) -> None:
    hub.rule(attempts="strict")
    hub.push()
    hub.server.state["pulls"]["7"]["state"] = "closed"
    ran = hub.run("workflow_dispatch", DISPATCH)
    assert (ran.code, attempts(ran)) == (0, None), ran.log


def test_a_manual_start_after_a_sign_off_finds_it(hub: Hub) -> None:
    hub.push("2.0.0", MAJOR)
    assert hub.run().code == 5
    assert hub.run("workflow_dispatch", DISPATCH).code == 5
    hub.server.add_person("bob", "write")
    hub.server.add_review(7, "bob", "APPROVED", at="2099-01-01T00:00:00Z")
    assert hub.run("pull_request_review").code == 0
    assert hub.run("workflow_dispatch", DISPATCH).code == 0
    assert states(hub) == {"evalgate": "success"}
