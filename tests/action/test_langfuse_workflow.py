"""The workflow of the docs for versions saved in Langfuse, run by act with the real action and fakes on loopback."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from action import events, workflows
from action.harness import Machine, Ran
from action.hosted import CONFIG, Hosted
from chat_server import ChatServer, Received, Reply, completion
from github_server import GitHubServer
from langfuse_deliveries import make_payload
from langfuse_server import PUBLIC, SECRET, LangfuseServer

TOKEN = "ghs_of_the_job"
SECRETS = {"OPENAI_API_KEY": "sk-of-a-test", "LANGFUSE_PUBLIC_KEY": PUBLIC, "LANGFUSE_SECRET_KEY": SECRET}
WORKFLOW = workflows.of_docs()["prompts-of-langfuse"]
SYSTEM = "You answer the customers of a small outdoor shop in one friendly sentence, and you stay with the context."


@pytest.fixture
def langfuse() -> Iterator[LangfuseServer]:
    with LangfuseServer() as made:
        yield made
        assert made.violations == []


def save(langfuse: LangfuseServer, manner: str, label: str) -> dict[str, Any]:
    messages = [{"role": "system", "content": f"{SYSTEM} {manner}"}, {"role": "user", "content": "{{query}}"}]
    return langfuse.prompts.create({"name": "support", "type": "chat", "prompt": messages, "labels": [label]})


@pytest.mark.long
def test_an_event_and_a_schedule_run_the_workflow(
    hosted: Hosted,
    machine: Callable[..., Machine],
    chat_server: ChatServer,
    langfuse: LangfuseServer,
    tmp_path: Path,
) -> None:
    def reply(received: Received, number: int) -> Reply:
        return Reply(body=completion("nothing" if "Be wrong." in str(received.body["messages"]) else "all is fine"))

    chat_server.script = reply
    config = CONFIG.format(url=chat_server.url).replace("prompts/support.prompt.yml", "langfuse:support@staging")
    hosted.commit_to_main("langfuse", {"evalgate.yml": f'{config}langfuse: {{host: "{langfuse.url}"}}\n'})
    github = GitHubServer({"repository": hosted.name, "repository_id": hosted.number, "token": TOKEN})
    runner = machine(action=workflows.installed_action(tmp_path / "installed"), api_url=github.url)
    save(langfuse, "Be exact.", "production")

    def run(event: events.Event, number: int) -> Ran:
        return runner.run(event, WORKFLOW, token=TOKEN, secrets=SECRETS, run_id=number)

    version = save(langfuse, "Be brief, please.", "staging")
    ran = run(events.repository_dispatch(hosted, make_payload(version)), 1)
    assert ran.exit_code == 0, ran.log
    (row,) = json.loads(ran.outputs["judged"])
    assert (row["source"], row["verdict"]) == ("langfuse:support@2", "PASS")
    assert "evalgate-pass-2" in langfuse.prompts.find("support", 2)["labels"]
    assert [one["state"] for one in github.state["statuses"]] == ["pending", "success"]

    calls = len(chat_server.received)
    ran = run(events.repository_dispatch(hosted, make_payload(version, "updated", by_person=False)), 2)
    assert (ran.exit_code, [job.result for job in ran.jobs if job.id == "judge"]) in [(0, ["skipped"]), (0, [])]
    ran = run(events.repository_dispatch(hosted, make_payload(version, "updated")), 3)
    assert (ran.exit_code, ran.outputs["judged"]) == (0, "[]")
    assert len(chat_server.received) == calls

    save(langfuse, "Be wrong.", "staging")
    ran = run(events.schedule(hosted), 4)
    assert ran.exit_code != 0
    (row,) = json.loads(ran.outputs["judged"])
    assert (row["source"], row["verdict"]) == ("langfuse:support@3", "FAIL")
    assert github.state["statuses"][-1]["state"] == "failure"
    github.close()
    assert github.violations == []
