"""The verdict on a fork's change: who approves it is noticed, and no later run of the fork takes it away."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from action.gated_pull_request import BRIEF, MAJOR, Hub, Ran

from evalgate.store import report_json

LATER = "2099-01-01T00:00:00Z"


def fork(hub: Hub, version: str = "2.0.0", manner: str = MAJOR, files: tuple[str, ...] = ()) -> None:
    hub.push(version, manner)
    changed = ["prompts/support.prompt.yml"] if version else []
    hub.server.add_pull(
        7, head=hub.head, base=hub.base, ref="work", author="eve", fork=("eve/prompts", 8), files=[*changed, *files]
    )


def judge(hub: Hub) -> Ran:
    """Run the gate with the key, as behind an approval of the run."""
    return hub.run("pull_request_target")


def report(hub: Hub, event: str = "pull_request", **more: Any) -> Ran:
    run: dict[str, Any] = {"id": 3, "event": event, "head_sha": hub.head, "head_branch": "work", **more}
    run["head_repository"] = {"id": 8, "owner": {"login": "eve"}}
    return hub.run(
        "workflow_run", {"workflow_run": run, "repository": {"id": 1, "default_branch": "main"}}, command="report"
    )


def upload(hub: Hub, text: str, *, id: int = 30) -> None:
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("report.json", text)
    hub.server.add_artifact(3, id, "evalgate-report", zipped.getvalue())


def last(hub: Hub) -> tuple[str, str]:
    _, state, description = hub.statuses[-1]
    return state, description


def test_an_approval_of_a_forks_change_is_noticed_and_so_is_its_dismissal(hub: Hub) -> None:
    fork(hub)
    judge(hub)
    assert last(hub)[0] == "pending"
    hub.server.add_person("grace", "write")
    review = hub.server.add_review(7, "grace", "APPROVED", at=LATER)
    report(hub, "pull_request_review")
    assert last(hub) == ("success", "PASS: MAJOR, signed off by grace")
    review["state"] = "DISMISSED"
    report(hub, "pull_request_review")
    state, description = last(hub)
    assert (state, "MAJOR" in description) == ("pending", True)


@pytest.mark.parametrize("when", ["before the report", "of another commit", "of a reader", "of the author"])
def test_an_approval_that_does_not_count_changes_nothing(hub: Hub, when: str) -> None:
    fork(hub)
    hub.server.add_person("grace", "read" if when == "of a reader" else "write")
    hub.server.add_person("eve", "write")
    if when == "before the report":
        hub.server.add_review(7, "grace", "APPROVED")
    judge(hub)
    if when == "of another commit":
        hub.server.add_review(7, "grace", "APPROVED", commit="c" * 40, at=LATER)
    elif when != "before the report":
        hub.server.add_review(7, "eve" if when == "of the author" else "grace", "APPROVED", at=LATER)
    report(hub, "pull_request_review")
    assert last(hub)[0] == "pending"


def test_an_approval_is_no_verdict(hub: Hub) -> None:
    """A change that no run with a key has judged waits for one, also when it is approved."""
    fork(hub)
    hub.server.add_person("grace", "write")
    hub.server.add_review(7, "grace", "APPROVED", at=LATER)
    report(hub, "pull_request_review")
    assert all(state != "success" for _, state, _ in hub.statuses)


@pytest.mark.parametrize("claim", ["nothing", "fail", "pass"])
def test_a_later_run_of_the_fork_does_not_withdraw_the_verdict(hub: Hub, samples: Any, claim: str) -> None:
    fork(hub, "1.1.0", BRIEF)
    assert judge(hub).code == 0
    before = list(hub.statuses)
    if claim != "nothing":
        upload(hub, report_json.render(samples.failing() if claim == "fail" else samples.passing()))
    report(hub)
    assert hub.statuses == before
    assert last(hub)[0] == "success"


def test_the_last_artifact_of_the_last_attempt_is_read(hub: Hub, samples: Any) -> None:
    fork(hub)
    upload(hub, report_json.render(samples.passing()))
    upload(hub, report_json.render(samples.failing()), id=31)
    report(hub)
    assert last(hub)[0] == "failure"


def test_an_artifact_of_an_earlier_attempt_is_not_read(hub: Hub, samples: Any) -> None:
    fork(hub)
    upload(hub, report_json.render(samples.failing()))
    report(hub, run_started_at=LATER)
    state, description = last(hub)
    assert state == "error"
    assert "last attempt" in description
