"""The README's workflows, run as they stand there, by act, against a pretended GitHub and a scripted endpoint."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from action import events, workflows
from action.harness import Machine
from action.hosted import CASES, PROMPT_PATH, Hosted, prompt
from chat_server import ChatServer, Received, Reply, completion

SECRETS = {"OPENAI_API_KEY": "sk-of-a-test"}
README = workflows.of_readme()
BRIEF = {PROMPT_PATH: prompt("1.0.1", "Be brief.")}
WORSE = {PROMPT_PATH: prompt("1.0.1", "Be wrong.")}


@pytest.fixture(autouse=True)
def _answers(chat_server: ChatServer) -> None:
    def reply(received: Received, number: int) -> Reply:
        wrong = "Be wrong." in received.body["messages"][0]["content"]
        return Reply(body=completion("nothing of the kind" if wrong else "all is fine"))

    chat_server.script = reply


def test_the_gate_passes_blocks_and_asks_nothing_twice(machine: Callable[..., Machine], hosted: Hosted, chat_server: ChatServer) -> None:  # fmt: skip
    runner = machine()
    pull = hosted.pull_request(7, BRIEF)
    first = runner.run(events.pull_request(hosted, pull, "opened"), README["prompts"], secrets=SECRETS, run_id=1)
    assert first.exit_code == 0, first.log
    assert "PASS" in first.summary.splitlines()[0]
    assert len(chat_server.received) == 2 * CASES
    worse = hosted.push(pull, WORSE)
    second = runner.run(events.pull_request(hosted, worse), README["prompts"], secrets=SECRETS, run_id=2)
    assert second.exit_code == 1
    assert "FAIL" in second.summary.splitlines()[0]
    assert second.job("evalgate").result == "failure"
    asked = len(chat_server.received)
    again = runner.run(events.pull_request(hosted, worse), README["prompts"], secrets=SECRETS, run_id=3)
    assert again.exit_code == 1
    assert len(chat_server.received) == asked
    assert SECRETS["OPENAI_API_KEY"] not in first.log + second.log + again.log


def test_shards_are_merged_into_one_verdict(machine: Callable[..., Machine], hosted: Hosted) -> None:
    runner = machine()
    pull = hosted.pull_request(7, BRIEF)
    ran = runner.run(events.pull_request(hosted, pull), README["prompts-in-shards"], secrets=SECRETS)
    assert ran.exit_code == 0, ran.log
    assert [job.result for job in ran.jobs] == ["success"] * 5
    worse = hosted.push(pull, WORSE)
    ran = runner.run(events.pull_request(hosted, worse), README["prompts-in-shards"], secrets=SECRETS, run_id=2)
    assert [ran.job("part", shard=n).result for n in (1, 2, 3, 4)] == ["success"] * 4
    assert ran.job("verdict").result == "failure"


def test_the_baseline_is_sampled_after_a_merge(machine: Callable[..., Machine], hosted: Hosted, chat_server: ChatServer) -> None:  # fmt: skip
    before = hosted.work.git("rev-parse", "main")
    hosted.commit_to_main("edit", BRIEF)
    runner = machine()
    ran = runner.run(events.push(hosted, before=before), README["sample-the-baseline"], secrets=SECRETS)
    assert ran.exit_code == 0, ran.log
    assert len(chat_server.received) == CASES
    pull = hosted.pull_request(8, {PROMPT_PATH: prompt("1.0.2", "Be quick.")})
    ran = runner.run(events.pull_request(hosted, pull), README["prompts"], secrets=SECRETS, run_id=2)
    assert ran.exit_code == 0, ran.log
    assert len(chat_server.received) == 2 * CASES  # the candidate's alone: the baseline's samples came by the cache
