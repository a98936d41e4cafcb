"""Tests that run, by act, the workflows in docs/ that call the command instead of the action."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from action import events, workflows
from action.harness import Machine
from action.hosted import PROMPT_PATH, Hosted, prompt
from chat_server import ChatServer, Received, Reply, completion

SECRETS = {"OPENAI_API_KEY": "sk-of-a-test"}
DOCS = workflows.of_docs()
BRIEF = {PROMPT_PATH: prompt("1.0.1", "Be brief.")}
WORSE = {PROMPT_PATH: prompt("1.0.2", "Be wrong.")}


@pytest.fixture(autouse=True)
def _answers(chat_server: ChatServer) -> None:
    def reply(received: Received, number: int) -> Reply:
        wrong = "Be wrong." in received.body["messages"][0]["content"]
        return Reply(body=completion("nothing of the kind" if wrong else "all is fine"))

    chat_server.script = reply


@pytest.mark.long
def test_shards_are_merged_into_one_verdict(machine: Callable[..., Machine], hosted: Hosted) -> None:
    runner = machine()
    pull = hosted.pull_request(7, BRIEF)
    ran = runner.run(events.pull_request(hosted, pull), DOCS["prompts-in-shards"], secrets=SECRETS)
    assert ran.exit_code == 0, ran.log
    assert [job.result for job in ran.jobs] == ["success"] * 5
    worse = hosted.push(pull, WORSE)
    ran = runner.run(events.pull_request(hosted, worse), DOCS["prompts-in-shards"], secrets=SECRETS, run_id=2)
    assert [ran.job("part", shard=n).result for n in (1, 2, 3, 4)] == ["success"] * 4
    assert ran.job("verdict").result == "failure"
