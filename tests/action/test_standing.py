"""A verdict stands until a later run of the commit has found another one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Literal

import pytest
from action.gated_pull_request import BRIEF, MAJOR, Hub
from hypothesis import given
from hypothesis import strategies as st

from evalgate.action import heads
from evalgate.action.standing import make_kept_status
from evalgate.domain import Admission
from evalgate.report.status import EVALUATING, LONGEST, Status
from evalgate.services.github_rows import CommitStatus

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


def test_such_an_event_repeats_the_inconclusive_verdict_under_its_own_fail_on(hub: Hub) -> None:
    hub.world.application = lambda system, user: json.dumps({"answer": "no" if BRIEF in system else user})
    hub.push()
    first = hub.run(fail_on="fail")
    assert hub.statuses[-1][2].startswith("INCONCLUSIVE: ")
    for rule, code in (("fail", 0), ("inconclusive", 4)):
        ran = hub.run(payload=hub.pull() | {"action": "edited", "changes": {}}, fail_on=rule)
        assert (ran.code, ran.outputs["verdict"], ran.outputs["failed"]) == (code, "INCONCLUSIVE", "true")
    assert (first.code, first.outputs["verdict"]) == (0, "INCONCLUSIVE")


_WORDS = {"success": ("PASS", "INCONCLUSIVE"), "failure": ("FAIL", "INCONCLUSIVE"), "pending": ("PENDING",)}
_CODES = {"success": {Admission.PASS}, "failure": {Admission.FAIL, Admission.INCONCLUSIVE}}


@given(
    state=st.sampled_from(["success", "failure", "pending"]),
    data=st.data(),
    sentence=st.text(max_size=200) | st.sampled_from(["INCONCLUSIVE: x", "PASS: x", "FAIL: : "]),
    asked=st.sampled_from(["", "asked", "given"]),
)
def test_a_kept_status_is_read_back_as_it_was_written(
    state: Any, data: st.DataObject, sentence: str, asked: Literal["", "asked", "given"]
) -> None:
    word: Any = data.draw(st.sampled_from(_WORDS[state]))
    told = Status(verdict=word, state=state, sentence=sentence, code=Admission.PASS)
    url = heads.add_marks("https://github.test/acme/prompts", sign_off=asked)
    kept = make_kept_status(
        CommitStatus(
            id=1,
            state=state,
            context="evalgate",
            description=told.description,
            target_url=url,
            creator="",
            created_at="",
        )
    )
    assert (kept.verdict, kept.state) == (told.verdict, told.state)
    if len(told.description) < LONGEST:
        assert kept.description.split() == told.description.split()
    pending = {Admission.AWAITING_SIGN_OFF if asked else Admission.NOT_EVALUATED}
    assert kept.code in _CODES.get(state, pending)
    assert (kept.code is Admission.INCONCLUSIVE) == (word == "INCONCLUSIVE" and state == "failure")


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
    ran = hub.run()
    assert hub.statuses == before
    assert (ran.code, ran.outputs["verdict"], ran.outputs["failed"]) == (0, "PASS", "false")
    assert "the earlier verdict stands" in ran.log


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
