"""Versions in Langfuse that hold `staging`: which are judged, once, and what shows their verdicts."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from action.gated_pull_request import Hub
from action.langfuse_hub import BRIEF, EXACT, MAJOR, NAME, WRONG, LangfuseHub, make_messages
from chat_server import Reply
from langfuse_deliveries import WEBHOOK_SECRET, make_payload, sign

CONTEXT = "evalgate: support, langfuse:support@2"


def judged(text: str) -> list[tuple[str, str]]:
    return [(row["source"], row["verdict"]) for row in json.loads(text)]


def test_a_version_that_a_person_saved_is_judged_and_passes(langfuse_hub: LangfuseHub) -> None:
    ran = langfuse_hub.tell(langfuse_hub.save(BRIEF))
    assert ran.code == 0, ran.log
    assert langfuse_hub.statuses == [
        (langfuse_hub.head, CONTEXT, "pending"),
        (langfuse_hub.head, CONTEXT, "success"),
    ]
    assert langfuse_hub.last["description"].startswith("PASS: ")
    assert "#evalgate-key=" in langfuse_hub.last["target_url"]
    assert langfuse_hub.find_labels(2) == {"evalgate-pass-2"}
    assert judged(ran.outputs["judged"]) == [("langfuse:support@2", "PASS")]
    assert (ran.outputs["verdict"], ran.outputs["failed"]) == ("PASS", "false")
    (gate,) = langfuse_hub.read_report(ran)["gates"]
    assert gate["candidate"]["source"] == "langfuse:support@2"
    assert gate["baseline"]["source"] == "langfuse:support@1"
    assert "PASS" in ran.summary
    assert langfuse_hub.hub.comments == []
    # the text of the event is a marker, and by the label another version might be read
    texts = [one for one in langfuse_hub.server.requests if "/v2/prompts/support?" in one[1] and one[0] == "GET"]
    assert texts and all("resolve=false" in path and "version=" in path for _, path, _ in texts)


def test_a_version_that_is_worse_fails(langfuse_hub: LangfuseHub) -> None:
    ran = langfuse_hub.tell(langfuse_hub.save(WRONG))
    assert ran.code == 1, ran.log
    assert langfuse_hub.last["state"] == "failure" and langfuse_hub.last["description"].startswith("FAIL: ")
    assert langfuse_hub.find_labels(2) == {"evalgate-fail-2"}
    assert (ran.outputs["verdict"], ran.outputs["failed"]) == ("FAIL", "true")
    assert langfuse_hub.tell(langfuse_hub.save(WRONG), fail_on="never").code == 0


@pytest.mark.parametrize("manner", [BRIEF, WRONG])
@pytest.mark.parametrize("by", ["event", "schedule"])
def test_a_repeat_is_ignored_also_without_the_store(langfuse_hub: LangfuseHub, manner: str, by: str) -> None:
    version = langfuse_hub.save(manner)
    langfuse_hub.tell(version)
    before, calls, labels = langfuse_hub.statuses, langfuse_hub.calls, langfuse_hub.find_labels(2)
    langfuse_hub.forget()
    ran = langfuse_hub.tell(version, "updated") if by == "event" else langfuse_hub.tick()
    assert (ran.code, ran.outputs["judged"]) == (0, "[]")
    assert "has a verdict: " in ran.log
    assert (langfuse_hub.statuses, langfuse_hub.calls, langfuse_hub.find_labels(2)) == (before, calls, labels)
    assert sum(one[0] == "PATCH" for one in langfuse_hub.server.requests) == 1


def test_a_schedule_does_the_same_work(langfuse_hub: LangfuseHub) -> None:
    assert langfuse_hub.tick().code == 0
    assert langfuse_hub.statuses == [] and langfuse_hub.calls == 0
    langfuse_hub.save(BRIEF)
    ran = langfuse_hub.tick()
    assert judged(ran.outputs["judged"]) == [("langfuse:support@2", "PASS")]
    assert langfuse_hub.find_labels(2) == {"evalgate-pass-2"}


def test_a_verdict_goes_on_with_the_branch(langfuse_hub: LangfuseHub) -> None:
    langfuse_hub.tell(langfuse_hub.save(BRIEF))
    first, calls = langfuse_hub.last, langfuse_hub.calls
    langfuse_hub.forget()
    for words in ("one", "two"):
        after = langfuse_hub.commit(**{"README.md": words})
        assert langfuse_hub.tick().code == 0
        assert langfuse_hub.calls == calls
        assert langfuse_hub.last["sha"] == after
        for fact in ("state", "description", "target_url", "context"):
            assert langfuse_hub.last[fact] == first[fact]
    langfuse_hub.tick()
    count = len(langfuse_hub.statuses)
    langfuse_hub.tick()
    assert len(langfuse_hub.statuses) == count


def test_other_rules_lead_to_another_verdict(langfuse_hub: LangfuseHub) -> None:
    langfuse_hub.tell(langfuse_hub.save(BRIEF))
    text = (langfuse_hub.hub.world.root / "evalgate.yml").read_text()
    strict = text.replace("- {type: is_json}", "- {type: is_json}\n      - {type: not_contains, value: question}")
    langfuse_hub.commit(**{"evalgate.yml": strict})
    ran = langfuse_hub.tick()
    assert judged(ran.outputs["judged"])[0][0] == "langfuse:support@2"
    # the rules of before, and with them the verdict of before
    langfuse_hub.commit(**{"evalgate.yml": text})
    ran = langfuse_hub.tick()
    assert ran.outputs["judged"] == "[]" and langfuse_hub.last["description"].startswith("PASS: ")


def test_a_number_that_is_given_again_does_not_have_the_old_verdict(langfuse_hub: LangfuseHub) -> None:
    langfuse_hub.tell(langfuse_hub.save(BRIEF))
    langfuse_hub.server.prompts.delete(NAME, version=2, label=None)
    again = langfuse_hub.save(WRONG)
    assert again["version"] == 2
    ran = langfuse_hub.tell(again)
    assert (ran.code, judged(ran.outputs["judged"])) == (1, [("langfuse:support@2", "FAIL")])
    assert langfuse_hub.find_labels(2) == {"evalgate-fail-2"}


def test_the_same_content_under_another_number_is_judged_from_what_is_stored(langfuse_hub: LangfuseHub) -> None:
    langfuse_hub.tell(langfuse_hub.save(BRIEF))
    calls = langfuse_hub.calls
    ran = langfuse_hub.tell(langfuse_hub.save(BRIEF))
    assert judged(ran.outputs["judged"]) == [("langfuse:support@3", "PASS")]
    assert langfuse_hub.calls == calls  # a second draw would be a second chance
    assert langfuse_hub.find_labels(3) == {"evalgate-pass-3"} and langfuse_hub.find_labels(2) == {"evalgate-pass-2"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"user": None}, "was changed by an API key"),
        ({"action": "deleted"}, "was deleted"),
        ({"name": "evalgate/support"}, "is a release document"),
        ({"name": "other"}, "is the prompt of no gate"),
        ({"labels": ["latest"]}, "does not hold staging"),
    ],
)
def test_an_event_that_is_ignored_makes_no_request(
    langfuse_hub: LangfuseHub, change: dict[str, Any], said: str
) -> None:
    payload = make_payload(langfuse_hub.save(BRIEF))
    for key, value in change.items():
        (payload if key in payload else payload["prompt"])[key] = value
    asked = len(langfuse_hub.server.requests)
    ran = langfuse_hub.send(payload)
    assert (ran.code, ran.outputs) == (0, {"judged": "[]"})
    assert said in ran.log and "nothing is started" in ran.log
    assert (langfuse_hub.statuses, langfuse_hub.calls, len(langfuse_hub.server.requests)) == ([], 0, asked)


def test_a_version_that_has_lost_the_label_meanwhile_is_not_judged(langfuse_hub: LangfuseHub) -> None:
    first = langfuse_hub.save(WRONG)
    langfuse_hub.save(BRIEF)
    ran = langfuse_hub.tell(first)
    assert 'version 2 of "support" does not hold staging any more' in ran.log
    assert judged(ran.outputs["judged"]) == [("langfuse:support@3", "PASS")]


def test_a_deleted_version_is_not_judged(langfuse_hub: LangfuseHub) -> None:
    version = langfuse_hub.save(BRIEF)
    langfuse_hub.server.prompts.delete(NAME, version=2, label=None)
    ran = langfuse_hub.tell(version)
    assert (ran.code, ran.outputs["judged"], langfuse_hub.calls) == (0, "[]", 0)


def test_a_version_that_is_deleted_while_it_is_judged_has_no_verdict(langfuse_hub: LangfuseHub) -> None:
    version = langfuse_hub.save(BRIEF)
    answer = langfuse_hub.hub.world.application

    def delete(system: str, user: str) -> str | Reply:
        if langfuse_hub.server.prompts.find(NAME, 2) is not None:
            langfuse_hub.server.prompts.delete(NAME, version=2, label=None)
            langfuse_hub.save(WRONG)  # it gets the same number
        return answer(system, user)

    langfuse_hub.hub.world.application = delete
    ran = langfuse_hub.tell(version)
    assert ran.code in (2, 3), ran.log
    assert langfuse_hub.last["state"] == "error" and "#evalgate-key" not in langfuse_hub.last["target_url"]
    assert langfuse_hub.find_labels(2) == set()
    langfuse_hub.hub.world.application = answer
    assert langfuse_hub.tick().code == 1  # the other content is judged for itself


def test_a_label_with_two_holders_is_told(langfuse_hub: LangfuseHub) -> None:
    version = langfuse_hub.save(BRIEF)
    langfuse_hub.server.prompts.seed(NAME, make_messages(WRONG), type="chat", labels=["staging"])
    ran = langfuse_hub.tell(version)
    assert ran.code == 2 and "staging is on the versions 2, 3" in ran.log
    assert (langfuse_hub.calls, ran.outputs["verdict"], ran.outputs["failed"]) == (0, "ERROR", "true")
    langfuse_hub.server.prompts.move(NAME, 2, ["staging"])
    assert langfuse_hub.tick().code == 0


def test_a_label_that_a_race_takes_off_is_given_again(langfuse_hub: LangfuseHub) -> None:
    version = langfuse_hub.save(BRIEF)
    assert langfuse_hub.tell(version).code == 0
    langfuse_hub.server.prompts.find(NAME, 2)["labels"].remove("evalgate-pass-2")
    ran = langfuse_hub.tick()
    assert (ran.code, ran.outputs["judged"], langfuse_hub.find_labels(2)) == (0, "[]", {"evalgate-pass-2"})


@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_lost_answer_to_the_label_changes_no_verdict(langfuse_hub: LangfuseHub, lost: str) -> None:
    langfuse_hub.server.fail("PATCH", lost=lost)
    ran = langfuse_hub.tell(langfuse_hub.save(BRIEF))
    assert ran.code == 0 and "::warning title=evalgate::label: " in ran.log
    assert langfuse_hub.last["state"] == "success"
    langfuse_hub.tick()
    assert langfuse_hub.find_labels(2) == {"evalgate-pass-2"}


def test_calls_that_fail_leave_no_verdict(langfuse_hub: LangfuseHub) -> None:
    answer = langfuse_hub.hub.world.application
    langfuse_hub.hub.world.application = lambda system, user: (
        Reply(status=500, body={"error": "down"}) if BRIEF in system else answer(system, user)
    )
    ran = langfuse_hub.tell(langfuse_hub.save(BRIEF))
    assert ran.code in (3, 4), ran.log
    assert "#evalgate-key" not in langfuse_hub.last["target_url"] and langfuse_hub.find_labels(2) == set()
    langfuse_hub.tick()
    count = len(langfuse_hub.statuses)
    langfuse_hub.tick()
    assert len(langfuse_hub.statuses) == count  # GitHub keeps 1,000 statuses of a name
    langfuse_hub.hub.world.application = answer
    assert langfuse_hub.tick().code == 0
    assert langfuse_hub.last["state"] == "success" and langfuse_hub.find_labels(2) == {"evalgate-pass-2"}


def test_a_major_change_waits_for_a_person(langfuse_hub: LangfuseHub) -> None:
    ran = langfuse_hub.tell(langfuse_hub.save(MAJOR, config={"version": "2.0.0"}))
    assert ran.code == 5, ran.log
    assert langfuse_hub.last["state"] == "pending" and langfuse_hub.find_labels(2) == {"evalgate-sign-off-2"}
    langfuse_hub.forget()
    assert langfuse_hub.tick().outputs["judged"] == "[]"


def test_langfuse_that_is_down_ends_with_3(langfuse_hub: LangfuseHub) -> None:
    version = langfuse_hub.save(BRIEF)
    langfuse_hub.server.fail("GET", status=503, count=1_000)
    ran = langfuse_hub.tell(version)
    assert ran.code == 3 and "::error title=evalgate::" in ran.log
    assert langfuse_hub.statuses == []


def test_without_the_keys_of_langfuse_nothing_is_judged(
    langfuse_hub: LangfuseHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LANGFUSE_SECRET_KEY")
    ran = langfuse_hub.tell(langfuse_hub.save(BRIEF))
    assert ran.code == 2 and "LANGFUSE_SECRET_KEY is not set" in ran.log


@pytest.mark.parametrize(("mode", "code", "verdict"), [("fail", 2, "ERROR"), ("pending", 3, "PENDING")])
def test_without_the_key_of_the_model_there_is_no_verdict(
    langfuse_hub: LangfuseHub, monkeypatch: pytest.MonkeyPatch, mode: str, code: int, verdict: str
) -> None:
    monkeypatch.delenv("API_KEY")
    version = langfuse_hub.save(BRIEF)
    ran = langfuse_hub.tell(version, missing_secrets=mode)
    assert (ran.code, ran.outputs["verdict"]) == (code, verdict)
    assert langfuse_hub.find_labels(2) == set()
    monkeypatch.setenv("API_KEY", "secret-key-123")
    assert langfuse_hub.tell(version).code == 0


def test_a_status_of_somebody_else_is_no_verdict(langfuse_hub: LangfuseHub) -> None:
    version = langfuse_hub.save(BRIEF)
    langfuse_hub.tell(version)
    langfuse_hub.hub.server.state["statuses"][-1]["creator"] = "mallory"
    langfuse_hub.forget()
    assert judged(langfuse_hub.tick().outputs["judged"]) == [("langfuse:support@2", "PASS")]


def test_a_label_is_no_verdict(langfuse_hub: LangfuseHub) -> None:
    version = langfuse_hub.save(WRONG, labels=["staging", "evalgate-pass-2"])
    assert langfuse_hub.tell(version).code == 1
    assert langfuse_hub.find_labels(2) == {"evalgate-pass-2", "evalgate-fail-2"}


def forward(payload: dict[str, Any], secret: str = WEBHOOK_SECRET, age: int = 0) -> dict[str, str]:
    body = json.dumps(payload)
    return {"body": body, "signature": sign(body, secret, int(time.time()) - age)}


def test_with_a_secret_only_signed_events_count(langfuse_hub: LangfuseHub) -> None:
    payload = make_payload(langfuse_hub.save(BRIEF))
    refused = {
        "the event has no signature": payload,
        "does not match its body": forward(payload, "another"),
        "hours ago": forward(payload, age=90_000),
        "not what Langfuse sends": forward({"type": "prompt-version"}),
    }
    for said, sent in refused.items():
        ran = langfuse_hub.send(sent, langfuse_webhook_secret=WEBHOOK_SECRET)
        assert ran.code == 2 and said in ran.log
        assert WEBHOOK_SECRET not in ran.log
    assert (langfuse_hub.calls, langfuse_hub.statuses) == (0, [])
    ran = langfuse_hub.send(forward(payload))
    assert ran.code == 2 and "no secret to check it with" in ran.log
    ran = langfuse_hub.send(forward(payload), langfuse_webhook_secret=WEBHOOK_SECRET)
    assert judged(ran.outputs["judged"]) == [("langfuse:support@2", "PASS")]
    # a schedule has no event that could be signed
    assert langfuse_hub.tick(langfuse_webhook_secret=WEBHOOK_SECRET).code == 0


def test_the_rules_are_those_of_the_default_branch(langfuse_hub: LangfuseHub) -> None:
    version = langfuse_hub.save(BRIEF)
    event = {"client_payload": make_payload(version), "repository": {"default_branch": "main"}}
    newest = langfuse_hub.commit(**{"README.md": "newer"})
    langfuse_hub.hub.server.state["branches"] = {"main": newest}
    world = langfuse_hub.hub.world.repository
    world.git("switch", "--quiet", "--create", "other")
    other = world.commit("other rules")
    patched = {"GITHUB_SHA": newest}
    ran = run_with(langfuse_hub, event, patched)
    assert ran.code == 2 and f"the checkout has {other[:7]}" in ran.log
    world.git("switch", "--quiet", "main")
    # the event is older than the newest commit, which is checked out
    ran = run_with(langfuse_hub, event, {"GITHUB_SHA": world.git("rev-parse", "main~1")})
    assert ran.code == 0, ran.log
    assert langfuse_hub.last["sha"] == newest


def run_with(langfuse_hub: LangfuseHub, event: dict[str, Any], environment: dict[str, str]) -> Any:
    """Run the job with other variables of the runner."""
    hub = langfuse_hub.hub
    set_variable = hub._patch.setenv

    class Patch:
        @staticmethod
        def setenv(name: str, value: str) -> None:
            set_variable(name, environment.get(name, value))

    hub._patch = Patch()  # type: ignore[assignment]
    try:
        return hub.run("repository_dispatch", event)
    finally:
        hub._patch = type("Patch", (), {"setenv": staticmethod(set_variable)})()  # type: ignore[assignment]


def test_the_budget_is_one_for_all_versions(langfuse_hub: LangfuseHub) -> None:
    text = (langfuse_hub.hub.world.root / "evalgate.yml").read_text()
    gate = text[text.index("  - name: support") : text.index("run: {")]
    second = gate.replace("name: support", "name: second").replace("name: fact", "name: fact_two")
    langfuse_hub.commit(**{"evalgate.yml": text.replace(gate, gate + second)})
    langfuse_hub.save(BRIEF)
    ran = langfuse_hub.tick(max_cost_usd="0.0001")
    assert ran.code != 0
    assert "max-cost-usd (0.0001) is used up" in ran.log


def test_two_gates_of_a_prompt_have_a_verdict_each(langfuse_hub: LangfuseHub) -> None:
    text = (langfuse_hub.hub.world.root / "evalgate.yml").read_text()
    gate = text[text.index("  - name: support") : text.index("run: {")]
    second = gate.replace("name: support", "name: second").replace(
        "- {type: is_json}", "- {type: length, max_chars: 9}"
    )
    langfuse_hub.commit(**{"evalgate.yml": text.replace(gate, gate + second)})
    ran = langfuse_hub.tell(langfuse_hub.save(BRIEF))
    rows = json.loads(ran.outputs["judged"])
    assert [row["gate"] for row in rows] == ["support", "second"]
    assert len(langfuse_hub.read_report(ran)["gates"]) == 2
    contexts = {context for _, context, _ in langfuse_hub.statuses}
    assert contexts == {CONTEXT, CONTEXT.replace(": support", ": second")}


def test_a_schedule_without_langfuse_judges_the_commit(hub: Hub) -> None:
    hub.world.repository.git("switch", "--quiet", "main")
    hub.server.state["branches"] = {"main": hub.base}
    ran = hub.run("schedule", {"repository": {"default_branch": "main"}})
    assert ran.code == 0 and hub.statuses[-1][1] == "success"


def test_another_dispatch_judges_the_commit_as_before(hub: Hub) -> None:
    hub.world.repository.git("switch", "--quiet", "main")
    hub.server.state["branches"] = {"main": hub.base}
    ran = hub.run("repository_dispatch", {"client_payload": {"why": "x"}, "repository": {"default_branch": "main"}})
    assert ran.code == 0 and hub.statuses[-1][1] == "success"


def test_a_prompt_in_git_is_the_baseline_of_its_proposals(langfuse_hub: LangfuseHub) -> None:
    text = (langfuse_hub.hub.world.root / "evalgate.yml").read_text()
    langfuse_hub.commit(**{"evalgate.yml": text.replace("langfuse:support@staging", "prompts/support.prompt.yml")})
    ran = langfuse_hub.tell(langfuse_hub.save(BRIEF))
    assert ran.code == 0, ran.log
    (gate,) = langfuse_hub.read_report(ran)["gates"]
    assert gate["candidate"]["source"] == "langfuse:support@2"
    assert "prompts/support.prompt.yml" in gate["baseline"]["source"]
    assert EXACT in (langfuse_hub.hub.world.root / "prompts/support.prompt.yml").read_text()


def test_a_version_that_passed_is_published_by_its_number(langfuse_hub: LangfuseHub) -> None:
    text = (langfuse_hub.hub.world.root / "evalgate.yml").read_text()
    langfuse_hub.commit(**{"evalgate.yml": f'{text}release: {{registry: "langfuse:{langfuse_hub.server.url}"}}\n'})
    langfuse_hub.tell(langfuse_hub.save(BRIEF, commitMessage="shorter"))
    calls = langfuse_hub.calls
    event = {"repository": {"default_branch": "main"}}
    ran = langfuse_hub.hub.run("workflow_dispatch", event, command="publish", source="langfuse:support@2")
    assert ran.code == 0, ran.log
    (row,) = json.loads(ran.outputs["published"])
    assert (row["name"], langfuse_hub.calls) == ("support", calls)
    # it has its verdict in the release document, also where no status tells of it
    langfuse_hub.hub.server.state["statuses"].clear()
    langfuse_hub.forget()
    ran = langfuse_hub.tick()
    assert ran.outputs["judged"] == "[]" and f"is published as {row['version']}" in ran.log
    # evalgate's own move of the label is not a proposal
    inputs = {"command": "promote", "prompt": "support", "to": "staging"}
    assert langfuse_hub.hub.run("workflow_dispatch", event, **inputs).code == 0
    assert langfuse_hub.tick().outputs["judged"] == "[]"
    assert langfuse_hub.calls == calls


def test_a_version_that_evalgate_wrote_is_no_proposal(langfuse_hub: LangfuseHub) -> None:
    text = (langfuse_hub.hub.world.root / "evalgate.yml").read_text()
    text = text.replace("langfuse:support@staging", "prompts/support.prompt.yml")
    langfuse_hub.commit(**{"evalgate.yml": f'{text}release: {{registry: "langfuse:{langfuse_hub.server.url}"}}\n'})
    event = {"repository": {"default_branch": "main"}}
    ran = langfuse_hub.hub.run("workflow_dispatch", event, command="publish")
    assert ran.code == 0, ran.log
    inputs = {"command": "promote", "prompt": "support", "to": "staging"}
    assert langfuse_hub.hub.run("workflow_dispatch", event, **inputs).code == 0
    (holder,) = langfuse_hub.server.prompts.holders(NAME, "staging")
    calls = langfuse_hub.calls
    ran = langfuse_hub.tick()
    assert (ran.code, ran.outputs["judged"], langfuse_hub.calls) == (0, "[]", calls)
    assert f"langfuse:support@{holder} is published as 1.0.0" in ran.log
    # a person edits it in the UI, which copies its configuration
    config = langfuse_hub.server.prompts.find(NAME, holder)["config"]
    ran = langfuse_hub.tell(langfuse_hub.save(BRIEF, config=config))
    assert [source for source, _ in judged(ran.outputs["judged"])] == [f"langfuse:support@{holder + 1}"]
