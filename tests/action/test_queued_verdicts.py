"""A merge queue uses the verdict on a pull request's head, where that comes from the base's own workflow."""

from __future__ import annotations

import json
import shutil

import pytest
from action.gated_pull_request import BRIEF, WORKFLOW, Hub, Ran
from gated_project import prompt


@pytest.fixture
def queue(hub: Hub) -> Hub:
    """The project with a workflow on its base."""
    hub.add_workflow()
    return hub


def merge(hub: Hub) -> tuple[Ran, int]:
    """Run the queue on a new runner, with the same content in another commit; return the number of its calls too."""
    shutil.rmtree(hub.world.root / ".evalgate", ignore_errors=True)
    hub.world.server.received.clear()
    sent = hub.head
    hub.head = hub.world.repository.commit("merge")
    ran = hub.run("merge_group", hub.group())
    assert hub.statuses[-1][0] == hub.head
    hub.head = sent
    return ran, len(hub.world.server.received)


@pytest.mark.parametrize("verdict", ["success", "failure"])
def test_the_verdict_on_the_same_content_is_used_without_a_call(queue: Hub, verdict: str) -> None:
    if verdict == "failure":
        queue.world.application = lambda system, user: "no" if BRIEF in system else json.dumps({"answer": user})
    queue.push()
    first = queue.run()
    queue.upload(first)
    ran, calls = merge(queue)
    assert (ran.code, queue.statuses[-1][1], calls) == (first.code, verdict, 0)


@pytest.mark.parametrize(
    "doubt",
    ["another workflow", "another head", "a fork", "no artifact", "another report", "edited", "no such run"],
)
def test_a_verdict_that_may_be_the_authors_is_drawn_anew(queue: Hub, doubt: str) -> None:
    files = {WORKFLOW: "name: prompts\n# edited\n"} if doubt == "edited" else {}
    queue.push(**files)
    first = queue.run()
    facts = {
        "another workflow": {"path": ".github/workflows/other.yml"},
        "another head": {"head_sha": queue.base},
        "a fork": {"head_repository": {"id": 8}},
    }.get(doubt, {})
    other = json.dumps({"format": 1}) if doubt == "another report" else None
    if doubt != "no such run":
        queue.upload(first, other, **facts)
    if doubt == "no artifact":
        queue.server.state["runs"]["1"]["artifacts"].clear()
    ran, calls = merge(queue)
    assert (ran.code, calls > 0) == (0, True)
    assert "the verdict on #7 is not used" in ran.log


def test_a_report_of_another_content_is_not_used(queue: Hub) -> None:
    queue.push("1.1.0", "Be wordy, always and everywhere, please.")
    other = queue.run()
    text = queue.temp / "evalgate-report-prompts-gate" / "report.json"
    saved = next(queue.temp.rglob("report.json")).read_text() if not text.exists() else text.read_text()
    assert other.code == 0
    queue.push("1.2.0", BRIEF)
    queue.upload(queue.run(), saved)
    ran, calls = merge(queue)
    assert calls > 0
    assert "other content" in ran.log


def test_a_verdict_under_other_rules_is_not_used(queue: Hub) -> None:
    queue.push()
    queue.upload(queue.run())
    text = (queue.world.root / "evalgate.yml").read_text().replace("{type: is_json}", "{type: is_json, name: valid}")
    queue.world.repository.git("switch", "--quiet", "main")
    queue.base = queue.world.repository.commit("rules", **{"evalgate.yml": text})
    queue.world.repository.git("switch", "--quiet", "work")
    queue.world.repository.git("merge", "--quiet", "--no-edit", "main")
    _, calls = merge(queue)
    assert calls > 0


def test_a_revert_uses_the_verdict_of_the_pull_request_that_brought_its_version(queue: Hub) -> None:
    queue.push()
    queue.upload(queue.run())
    git, good = queue.world.repository.git, queue.server.state["pulls"]["7"]
    git("switch", "--quiet", "main")
    git("merge", "--quiet", "--ff-only", "work")
    queue.base = queue.world.repository.commit("bad", **{"prompts/support.prompt.yml": prompt("1.2.0", "Be rude.")})
    git("switch", "--quiet", "--force-create", "work")
    git("revert", "--no-edit", "main")
    shutil.rmtree(queue.world.root / ".evalgate")
    queue.world.server.received.clear()
    queue.head = git("rev-parse", "HEAD")
    queue.server.add_pull(8, head=queue.head, base=queue.base, ref="work")
    queue.server.state["pulls"]["7"] = {**good, "state": "closed"}
    ran = queue.run(payload=queue.pull(number=8))
    assert ran.code == 0, ran.log
    assert queue.world.server.received == []
    assert "it passed in run" in queue.comments[-1]
