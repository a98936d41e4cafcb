"""Tests of the action's command `tick`: the step, its exit code, outputs and summary."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import Any

import pytest
from action.scheduled_ticks import HALF, Schedule
from langfuse_server import PUBLIC, SECRET, LangfuseServer
from release.documents import make_version
from release.rollout.lives import RULES, by
from release.stories import ONE, promote, publish

from evalgate.action import tick_prompts
from evalgate.commands.release import project
from evalgate.commands.release.tick import Ticked, tick
from evalgate.errors import ServiceError
from evalgate.release import langfuse_projection
from evalgate.release.langfuse_projection import LabelFinding
from evalgate.release.langfuse_registry import LangfuseRegistry
from evalgate.release.promotion import publish_version
from evalgate.release.registry import Registry, RegistryError, StoredDocument, append_document
from evalgate.services.langfuse import Langfuse, LangfuseKeys


class Projection:
    """Labels in Langfuse, some of which were moved by hand."""

    def __init__(self) -> None:
        self.found: list[LabelFinding] | ServiceError = []
        self.written: list[str] = []
        self.error: RegistryError | None = None

    def inspect(self, document: Any) -> list[LabelFinding]:
        if isinstance(self.found, ServiceError):
            raise self.found
        return self.found

    def write(self, name: str) -> None:
        if self.error is not None:
            raise self.error
        self.written.append(name)


@pytest.fixture
def projection(monkeypatch: pytest.MonkeyPatch) -> Projection:
    found = Projection()
    monkeypatch.setattr(tick_prompts, "find_projection", lambda registry: found)
    monkeypatch.setattr("evalgate.commands.release.project.find_projection", lambda registry: found)
    return found


def add_prompt(registry: Registry, name: str) -> None:
    version = make_version("1.0.0", f"{name} ")
    registry.put(version, name)
    append_document(registry, publish_version(None, name, version, by(-2)))


def read_rows(outputs: dict[str, str]) -> list[dict[str, Any]]:
    found = json.loads(outputs["ticks"])
    assert isinstance(found, list)
    return found


def test_a_hold_that_waits_is_a_success_and_asks_github_for_its_issues_alone(ticks: Schedule) -> None:
    ticks.start()
    ran = ticks.run(3, ticks.rows())
    assert ran.code == 0, ran.log
    assert "support: holds: 3 of the 24 hours" in ran.log
    assert (ran.outputs["failed"], ran.outputs["decision"], ran.outputs["exit-code"]) == ("false", "hold", "0")
    (row,) = read_rows(ran.outputs)
    assert (row["name"], row["action"], row["code"], row["issue"]) == ("support", "hold", "waiting", "")
    assert "### evalgate: tick" in ran.summary and "* support: holds: 3 of the 24 hours" in ran.summary
    assert "What this tick looked at:\n\n### support: the rollout of 1.1.0 against 1.0.0, revision 4" in ran.summary
    assert "| watched | may lose |" in ran.summary
    assert ticks.server.calls() == ["GET /repos/acme/prompts/issues"]


def test_a_rollout_grows_to_its_end_by_the_schedule(ticks: Schedule) -> None:
    ticks.start()
    ran = ticks.run(25, ticks.rows(1200, 0.3, 24))
    assert (ran.code, ran.outputs["decision"]) == (0, "finish"), ran.log
    entry = ticks.life.document.entry
    assert (entry.verb, entry.who) == ("finish", "ann")
    ran = ticks.run(48, ticks.rows(300, 26, 48))
    assert (ran.code, ran.outputs["decision"]) == (0, "watch")
    assert "is not proven worse" in ran.summary
    assert ticks.issues == []


def test_a_rollback_fails_the_step_and_is_in_the_ledger_with_its_run(ticks: Schedule) -> None:
    ticks.start()
    ran = ticks.run(3, ticks.worse_rows())
    assert (ran.code, ran.outputs["decision"], ran.outputs["failed"]) == (1, "roll_back", "true")
    (row,) = read_rows(ran.outputs)
    assert row["is_written"] is True and row["revision"] == 5 and row["issue"].endswith("/issues/1")
    assert "1.1.0 is rolled back: all users get 1.0.0" in ran.log
    assert ticks.life.list_verbs() == ["start", "rollback"]


@pytest.mark.parametrize(("mode", "rolled_back", "late"), [("inconclusive", 1, 4), ("fail", 1, 0), ("never", 0, 0)])
def test_fail_on_says_which_outcomes_fail_the_step(ticks: Schedule, mode: str, rolled_back: int, late: int) -> None:
    ticks.start()
    end = 24 + RULES.hold_hours
    ran = ticks.run(end + 1, ticks.rows(20), fail_on=mode)
    assert (ran.code, ran.outputs["exit-code"], ran.outputs["failed"]) == (late, "4", "true")
    ran = ticks.run(end + 2, ticks.worse_rows(), fail_on=mode)
    assert (ran.code, ran.outputs["exit-code"], ran.outputs["failed"]) == (rolled_back, "1", "true")


def test_rows_that_cannot_be_read_fail_the_step_whatever_fail_on_says(ticks: Schedule) -> None:
    ticks.start()
    ran = ticks.run(3, fail_on="never")
    assert (ran.code, ran.outputs["exit-code"], ran.outputs["decision"]) == (3, "3", "error")
    assert "::error title=evalgate::" in ran.log and "there is no such file of rows" in ran.log
    assert "* support: not done: " in ran.summary
    assert ticks.writes == []


def test_fail_on_hides_no_error_behind_a_rollback(ticks: Schedule, projection: Projection) -> None:
    ticks.start()
    assert ticks.run(3, ticks.worse_rows(), prompt="support, nope", fail_on="never").code == 2
    ticks.start(hours=4)
    projection.error = RegistryError("Langfuse is down")
    ran = ticks.run(7, ticks.worse_rows(4.3, 7), fail_on="never")
    assert (ran.code, ran.outputs["exit-code"], ran.outputs["decision"]) == (3, "1", "roll_back")
    assert "the release is done, but its labels in Langfuse are not" in ran.summary


def test_a_broken_ledger_is_refused_whatever_fail_on_says(ticks: Schedule) -> None:
    ticks.start()
    del ticks.life.registry.documents["support"][1]  # type: ignore[attr-defined]
    ran = ticks.run(3, ticks.rows(), fail_on="never")
    assert (ran.code, ran.outputs["decision"]) == (1, "error") and "* support: refused: " in ran.summary


def test_one_prompt_that_cannot_be_read_keeps_no_other_back(ticks: Schedule) -> None:
    class Broken:
        def __init__(self, inner: Registry) -> None:
            self.inner = inner

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

        def read(self, name: str) -> StoredDocument | None:
            if name == "sales":
                raise RegistryError("memory: the disk is broken")
            return self.inner.read(name)

    for name in ("faq", "sales"):
        add_prompt(ticks.registry, name)
    ticks.registry = Broken(ticks.registry)
    ticks.start()
    ran = ticks.run(3, ticks.rows())
    assert (ran.code, ran.outputs["decision"]) == (3, "error")
    assert [(row["name"], row["exit_code"]) for row in read_rows(ran.outputs)] == [
        ("faq", 0),
        ("sales", 3),
        ("support", 0),
    ]
    assert "the disk is broken" in ran.log and "* faq: nothing to do: " in ran.summary
    assert ticks.run(3, prompt="faq, support").code == 0
    assert [row["name"] for row in read_rows(ticks.run(3, prompt="support\nfaq").outputs)] == ["support", "faq"]
    assert ticks.run(3, prompt="support, nope").code == 2


def test_a_bug_in_one_prompt_is_an_error_of_it_alone(ticks: Schedule, monkeypatch: pytest.MonkeyPatch) -> None:
    add_prompt(ticks.registry, "faq")
    ticks.start()

    def fail(*given: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(tick_prompts, "stream_configured_rows", fail)
    ran = ticks.run(3, [], is_bug=True)
    assert ran.code == 3 and "this is a bug" in ran.log
    assert [row["action"] for row in read_rows(ran.outputs)] == ["idle", "error"]


@pytest.mark.parametrize("event", ["pull_request", "pull_request_target", "push", "merge_group", "workflow_run"])
def test_no_event_of_a_change_moves_users(ticks: Schedule, monkeypatch: pytest.MonkeyPatch, event: str) -> None:
    ticks.start()
    monkeypatch.setattr("evalgate.action.job.read_event", lambda name, *given, **more: make_event(name))
    ran = ticks.run(3, ticks.worse_rows(), event=event)
    assert ran.code == 2 and f"schedule and workflow_dispatch, and this is {event}" in ran.log
    assert (ran.outputs["failed"], ran.outputs["exit-code"], ran.outputs["ticks"]) == ("true", "2", "[]")
    assert ticks.life.list_verbs() == ["start"] and ticks.server.calls() == []


def make_event(name: str) -> Any:
    from evalgate.action.event import GitHubEvent

    return GitHubEvent(name=name, repository="acme/prompts", head="a" * 40, default_branch="main")


@pytest.mark.parametrize("ref", ["refs/heads/mine", "refs/tags/main", "refs/pull/7/merge"])
def test_only_the_default_branch_says_where_the_rows_are(ticks: Schedule, ref: str) -> None:
    ticks.start()
    ticks.ref = ref
    ran = ticks.run(3, ticks.worse_rows(), event="workflow_dispatch")
    assert ran.code == 2 and "command: tick is for the default branch, main, and this is" in ran.log
    ticks.ref = "refs/heads/main"
    assert ticks.run(3, event="workflow_dispatch").code == 1


def test_an_empty_registry_and_a_missing_token_are_no_errors(ticks: Schedule) -> None:
    ticks.start()
    assert ticks.run(3, ticks.worse_rows(), github_token="").code == 1
    assert ticks.server.calls() == []
    ticks.life.registry.documents.clear()  # type: ignore[attr-defined]
    ran = ticks.run(3)
    assert (ran.code, ran.outputs["decision"], ran.outputs["ticks"]) == (0, "", "[]")
    assert "the registry has no prompt" in ran.summary


def test_a_summary_that_is_too_large_loses_rollouts_and_no_sentence(
    ticks: Schedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        add_prompt(ticks.registry, f"faq-{number}")
    monkeypatch.setattr(tick_prompts, "LONGEST_SUMMARY", 700)
    ran = ticks.run(3)
    assert ran.code == 0 and len(ran.summary.encode()) < 800
    assert ran.summary.count("nothing to do: ") == 5 and "More rollouts do not fit here" in ran.summary


def test_without_a_summary_none_is_written(ticks: Schedule) -> None:
    assert ticks.run(3, job_summary="false").summary == ""


def test_a_notify_command_that_fails_is_a_warning(ticks: Schedule) -> None:
    text = (
        "release: {registry: 'sqlite:releases.sqlite3', rollout: {rows: rows.jsonl, notify: [nothing-of-the-kind]}}\n"
    )
    (ticks.folder / "evalgate.yml").write_text(text, encoding="utf-8")
    ticks.start()
    ran = ticks.run(3, ticks.worse_rows())
    assert ran.code == 1 and "::warning title=evalgate::support: the notify command failed" in ran.log


def save_version(server: LangfuseServer, **more: object) -> int:
    """Save a version as a person does in Langfuse, and return its number."""
    body = {"name": "support", "type": "chat", "prompt": [{"role": "user", "content": "edited"}], **more}
    return int(server.prompts.create(body)["version"])


MOVED = LabelFinding(label="production", kind="moved", versions=(7,))


def test_labels_that_were_moved_by_hand_are_told_once(ticks: Schedule, projection: Projection) -> None:
    ticks.start()
    rows = ticks.rows()
    projection.found = [MOVED, LabelFinding(label="staging", kind="proposal", versions=(8,))]
    ran = ticks.run(3, rows)
    assert (ran.code, ran.outputs["decision"]) == (4, "hold")
    assert "1 label was moved by hand in Langfuse" in ran.summary
    (issue,) = ticks.issues
    assert "production (now on version 7)" in issue["body"] and "staging" not in issue["body"].partition("###")[0]
    assert "`evalgate release project support`" in issue["body"]
    assert projection.written == []  # a tick that writes nothing takes no label back
    before = len(ticks.writes)
    assert ticks.run(3.5).code == 4
    projection.found = ServiceError("Langfuse is down")
    ran = ticks.run(4)  # what was not looked at is not over
    assert ran.code == 0 and "labels: Langfuse is down" in ran.log
    assert len(ticks.writes) == before and ticks.issues[0]["state"] == "open"
    projection.found = []
    assert ticks.run(5).code == 0
    assert ticks.issues[0]["state"] == "closed" and "this is over" in ticks.comments[-1]


def test_labels_are_written_after_a_step_and_not_looked_at_while_another_command_may_move_them(
    ticks: Schedule, projection: Projection
) -> None:
    ticks.start()
    projection.found = [MOVED]
    assert ticks.run(0.1, ticks.rows(10, 0.05, 0.1)).code == 0
    assert ticks.issues == []
    projection.found = []
    assert ticks.run(3, ticks.worse_rows()).code == 1
    assert projection.written == ["support"]


def test_labels_of_the_command_that_was_faster_are_not_looked_at(
    ticks: Schedule, projection: Projection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(*given: Any, **options: Any) -> Ticked:
        return replace(tick(*given, **options), action="lost", code="promote")

    monkeypatch.setattr(tick_prompts, "tick", lose)
    ticks.start()
    projection.found = [MOVED]
    ran = ticks.run(3, ticks.rows())
    assert (ran.code, ran.outputs["decision"]) == (0, "lost") and ticks.issues == []


def test_a_label_that_was_moved_in_langfuse_is_told(ticks: Schedule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(langfuse_projection, "READ_BACK_SECONDS", 0.0)
    with LangfuseServer() as server:
        ticks.registry = LangfuseRegistry(Langfuse(server.url, LangfuseKeys(public=PUBLIC, secret=SECRET)))
        publish(ticks.registry, ONE)
        promote(ticks.registry, ONE)
        project.project(ticks.registry, "support")
        assert ticks.run(10_000).code == 0 and ticks.issues == []
        number = save_version(server, labels=["production"])
        ran = ticks.run(10_001)
        assert (ran.code, ran.outputs["decision"]) == (4, "idle"), ran.log
        assert f"production (now on version {number})" in ticks.issues[0]["body"]
        project.project(ticks.registry, "support")
        assert ticks.run(10_002).code == 0 and ticks.issues[0]["state"] == "closed"
        assert server.violations == []


def test_the_commands_of_the_configuration_do_not_get_the_inputs_of_the_action(ticks: Schedule) -> None:
    code = "import os; open('seen', 'w').write(' '.join(os.environ))"
    rollout = {"rows": {"command": [sys.executable, "-c", code]}, "notify": [sys.executable, "-c", code]}
    text = json.dumps({"release": {"registry": "sqlite:releases.sqlite3", "rollout": rollout}})
    (ticks.folder / "evalgate.yml").write_text(text, encoding="utf-8")
    ticks.start()
    assert ticks.run(3).code == 0
    seen = (ticks.folder / "seen").read_text(encoding="utf-8").split()
    assert "GITHUB_ACTOR" in seen and not [name for name in seen if name.startswith("EVALGATE_I")]


def test_a_production_that_gets_worse_names_the_question_of_drift(ticks: Schedule) -> None:
    ticks.start()
    ticks.finish()
    ran = ticks.run(101, ticks.rows(400, 80, 100, drop=0.4))
    assert (ran.code, ran.outputs["decision"]) == (4, "watch"), ran.log
    (issue,) = ticks.issues
    assert issue["title"] == "evalgate: support got worse in production"
    assert "Next: `evalgate drift`, `evalgate release status support`" in issue["body"]
    assert ticks.run(102).code == 4 and len(ticks.writes) == 1
    ticks.run(103, [])  # without a row nothing is known
    assert ticks.issues[0]["state"] == "open"
    assert ticks.run(104, ticks.rows(400, 80, 100, seed=9)).code == 0
    assert ticks.issues[0]["state"] == "closed"


def test_a_score_with_a_hostile_name_is_only_text(ticks: Schedule) -> None:
    hostile = "::error::owned @ann <b>x</b> [y](https://evil.test) `z` #7"
    ticks.start(replace(HALF, scores={hostile: 0.1}))
    rows = [{**row, "scores": {hostile: row["scores"]["helpful"]}} for row in ticks.worse_rows()]
    ran = ticks.run(3, rows)
    assert ran.code == 1, ran.log
    assert not [row for row in ran.log.splitlines() if row.startswith("::error::owned")]
    for text in (ran.summary, ticks.issues[0]["body"]):
        assert "<b>" not in text and "`@ann`" in text and "`#7`" in text
        assert " @ann" not in text.replace("`@ann`", "")


def test_rows_of_langfuse_need_the_keys_of_its_server(ticks: Schedule) -> None:
    ticks.start()
    config = ticks.folder / "evalgate.yml"
    config.write_text(config.read_text().replace("rows: rows.jsonl", "rows: langfuse"))
    ran = ticks.run(3)
    assert (ran.code, ran.outputs["exit-code"]) == (2, "2"), ran.log
    assert "no Langfuse server is named" in ran.log


def test_a_rollout_that_scores_answers_asks_its_gate(ticks: Schedule) -> None:
    ticks.start(replace(HALF, scores={"polite": 0.1}, criteria={"polite": "a" * 64}, score_per_day=100))
    ran = ticks.run(23, [row | {"fields": {"query": "?"}, "output": "!"} for row in ticks.rows(until=20)])
    assert (ran.code, ran.outputs["exit-code"]) == (2, "2"), ran.log
    assert '"gates" is missing' in ran.log
