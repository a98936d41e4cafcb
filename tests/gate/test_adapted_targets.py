"""Endpoints that accept other forms of a request: what is sent, said, kept, and never compared."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer, Received, Reply, completion
from chat_server import error as refusal
from gated_project import CASES, Ended, World, prompt
from repository import Repository
from strict_openai import refuse

PAGE = Path(__file__).parents[2] / "docs/configuration.md"
NO_TEMPERATURE = "Unsupported parameter: 'temperature' is not supported with this model."
TEMPERATURE = "modelParameters: {temperature: 0.7}\n"
UNAVAILABLE = "This response_format type is unavailable now"


def is_judge(body: dict[str, Any]) -> bool:
    return "score" in json.dumps(body.get("response_format")) or "score" in body["messages"][0]["content"]


def refuse_if(world: World, condition: Callable[[dict[str, Any]], bool], message: str) -> None:
    usual = world.server.script
    assert callable(usual)
    world.server.script = lambda received, n: refusal(400, message) if condition(received.body) else usual(received, n)


def count(world: World, condition: Callable[[dict[str, Any]], bool]) -> int:
    return sum(condition(each.body) for each in world.server.received)


def notes(world: World) -> str:
    return "\n".join(world.report()["gates"][0]["notes"])


def commit_with_temperature(world: World) -> None:
    world.repository.git("switch", "--quiet", "main")
    world.repository.write("prompts/support.prompt.yml", prompt("1.1.0") + TEMPERATURE)
    world.repository.commit("with a temperature")
    world.repository.git("switch", "--quiet", "-C", "work")


def edit_with_temperature(world: World, manner: str = "Be brief, always and everywhere, please.") -> None:
    world.repository.write("prompts/support.prompt.yml", prompt("1.2.0", manner) + TEMPERATURE)


def test_the_first_configuration_of_the_docs_runs_on_a_reasoning_model(
    repository: Repository,
    chat_server: ChatServer,
    evalgate: Callable[..., Ended],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    config = next(block for block in blocks if block.startswith("# evalgate.yml"))
    first = next(block for block in blocks if block.startswith("name: support"))
    assert "gpt-5" in config, "the mock refuses for reasoning models"
    rows = [{"id": f"c{n}", "query": f"q{n}", "context": f"fact {n}", "expected": f"{n}"} for n in range(60)]
    repository.write("evalgate.yml", config.replace("https://api.openai.com/v1", chat_server.url))
    repository.write("golden/support.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    repository.write("golden/answer.schema.json", json.dumps({"type": "object", "required": ["answer"]}))
    repository.write("prompts/support.prompt.yml", first)
    repository.write(".gitignore", ".evalgate/\n")
    repository.commit("first")
    repository.git("switch", "--quiet", "--create", "work")
    edited = first.replace('"1.0.0"', '"1.1.0"').replace("as JSON.", "as JSON, and never say more than was asked for.")
    repository.write("prompts/support.prompt.yml", edited)
    monkeypatch.chdir(repository.root)
    monkeypatch.setenv("OPENAI_API_KEY", "secret-key-123")

    def script(received: Received, number: int) -> Reply:
        refused = refuse(received.body)
        if refused is not None:
            return refused
        text = {"score": 5, "reason": "as it should be"} if is_judge(received.body) else {"answer": f"a{number}"}
        return Reply(body=completion(json.dumps(text)))

    chat_server.script = script
    ended = evalgate("run", "--output", "report.md")
    assert ended.code == 0, ended.out + ended.err
    report = (repository.root / "report.md").read_text()
    assert "gpt-5-mini" in report
    assert "accepts no temperature" in report
    assert "judged at its default" in report
    refused = [each for each in chat_server.received if "temperature" in each.body]
    assert 1 <= len(refused) <= 8, "only those that were on the way at the first refusal"


def test_what_was_learned_is_kept_for_the_next_run(world: World) -> None:
    refuse_if(world, lambda body: "temperature" in body, NO_TEMPERATURE)
    world.edit()
    assert world.evalgate("run").code == 0
    assert count(world, lambda body: "temperature" in body) > 0
    kept = json.loads((world.root / ".evalgate/adaptations.json").read_text())
    (entry,) = kept["endpoints"]
    assert (entry["model"], entry["adaptations"]) == ("m", ["drop temperature"])
    world.server.received.clear()
    world.edit(manner="Be brief, but say all that the customer needs to know.")
    assert world.evalgate("run", "--output", "report.json").code == 0
    assert count(world, lambda body: "temperature" in body) == 0
    assert 'm (target "api") accepts no temperature; faithfulness is judged at its default' in notes(world)


def test_a_verdict_in_an_adapted_form_is_found_again(world: World) -> None:
    refuse_if(world, lambda body: "temperature" in body, NO_TEMPERATURE)
    world.edit()
    assert world.evalgate("run").code == 0
    world.server.received.clear()
    assert world.evalgate("run", "--output", "report.json").code == 0
    assert not world.server.received
    assert "decided before" in notes(world)


def test_a_prompt_s_own_parameter_is_dropped_on_both_arms_and_said_beside_the_verdict(world: World) -> None:
    refuse_if(world, lambda body: "temperature" in body, NO_TEMPERATURE)
    commit_with_temperature(world)
    edit_with_temperature(world)
    ended = world.evalgate("run", "--output", "report.json")
    assert ended.code == 0, ended.out + ended.err
    assert "not sent as written" in ended.out.split("Criteria")[0]
    said = 'not sent as written: m (target "api") accepts no temperature; both versions are asked at its default'
    assert said in notes(world)
    answered = [each.body for each in world.server.received if not is_judge(each.body)]
    assert sum("temperature" not in body for body in answered) == 2 * CASES


def test_json_is_asked_for_in_words_where_no_format_is_accepted(world: World) -> None:
    refuse_if(world, lambda body: "response_format" in body, UNAVAILABLE)
    usual = world.server.script
    assert callable(usual)

    def script(received: Received, number: int) -> Reply:
        if "response_format" not in received.body and is_judge(received.body):
            return Reply(body=completion('{"score": 5, "reason": "as asked"}'))
        return usual(received, number)

    world.server.script = script
    world.edit()
    assert world.evalgate("run", "--output", "report.json").code == 0
    assert "accepts no response_format of type json_schema; faithfulness is asked for JSON in words" in notes(world)


def test_stored_samples_in_another_form_are_drawn_anew(world: World) -> None:
    commit_with_temperature(world)
    assert world.evalgate("baseline", "sample").code == 0
    edit_with_temperature(world)
    refuse_if(world, lambda body: "temperature" in body, NO_TEMPERATURE)
    world.server.received.clear()
    ended = world.evalgate("run", "--output", "report.json")
    assert ended.code == 0, ended.out + ended.err
    assert "it differs in the target" in notes(world)
    answered = [each.body for each in world.server.received if not is_judge(each.body)]
    assert sum("temperature" not in body for body in answered) == 2 * CASES


def test_cached_answers_in_another_form_are_not_compared(world: World) -> None:
    commit_with_temperature(world)
    edit_with_temperature(world)
    assert world.evalgate("run").code == 0
    refuse_if(world, lambda body: "temperature" in body, NO_TEMPERATURE)
    edit_with_temperature(world, "Be short, always and everywhere, please.")
    world.server.received.clear()
    ended = world.evalgate("run", "--output", "report.json")
    assert ended.code == 0, ended.out + ended.err
    answered = [each.body for each in world.server.received if not is_judge(each.body)]
    assert sum("temperature" not in body for body in answered) == 2 * CASES, "the baseline is asked again"


def test_one_refused_case_is_undecided_and_named_with_the_endpoint_s_words(world: World) -> None:
    refuse_if(world, lambda body: "question 17\n" in body["messages"][-1]["content"], "The text has 9001 tokens.")
    world.edit()
    ended = world.evalgate("run", "--output", "report.json")
    assert ended.code in (0, 4)
    assert "case-017" in ended.out
    assert "9001 tokens" in " ".join(ended.out.split())


def test_recordings_are_found_whatever_the_endpoint_accepts(world: World) -> None:
    config = (world.root / "evalgate.yml").read_text()
    world.repository.write("evalgate.yml", config.replace("model: m,", "model: m, recordings: recorded.jsonl,"))
    refuse_if(world, lambda body: "temperature" in body, NO_TEMPERATURE)
    world.edit()
    assert world.evalgate("run", "--record").code == 0
    for path in (world.root / ".evalgate").iterdir():
        if path.name in ("adaptations.json", "cache.sqlite3"):
            path.unlink()
    world.server.received.clear()
    ended = world.evalgate("run")
    assert ended.code == 0, ended.out + ended.err
    assert not world.server.received
