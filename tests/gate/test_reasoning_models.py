"""Gates on models that reason: what checks and judges see of it, with and without `strip_reasoning`."""

from __future__ import annotations

import json

import pytest
from chat_server import Reply, completion
from gated_project import CASES, World

BLOCK = "<think>\nPerhaps OOPS?\n</think>\n\n"


def configure(world: World, *, strip: bool, check: str = "{type: is_json}") -> None:
    text = (world.root / "evalgate.yml").read_text()
    text = text.replace("model: m,", f"model: m, strip_reasoning: {'true' if strip else 'false'},")
    world.repository.write("evalgate.yml", text.replace("{type: is_json}", check))
    world.repository.git("switch", "--quiet", "main")
    world.repository.commit("settings")
    world.repository.git("switch", "--quiet", "work")
    world.repository.git("merge", "--quiet", "--ff-only", "main")
    world.edit()


def answer(user: str) -> str:
    return BLOCK + json.dumps({"answer": user})


@pytest.mark.parametrize("check", ["{type: is_json, strict: true}", "{type: not_contains, value: OOPS, strict: true}"])
def test_a_check_that_fails_because_of_reasoning_names_the_setting(world: World, check: str) -> None:
    configure(world, strip=False, check=check)
    world.application = lambda system, user: answer(user)
    ended = world.evalgate("run", "--output", "report.json")
    assert ended.code == 1
    assert "strip_reasoning: true" in json.dumps(world.report())


def test_a_stripped_answer_is_scored_and_judged_without_its_reasoning(world: World) -> None:
    configure(world, strip=True, check="{type: is_json, strict: true}")
    world.application = lambda system, user: answer(user)
    seen: list[str] = []
    world.grade = lambda judged: seen.append(judged) or 5  # type: ignore[func-returns-value]
    ended = world.evalgate("run", "--output", "report.json")
    assert ended.code == 0
    assert seen and not any("OOPS" in judged for judged in seen)
    outcomes = [result["outcome"] for result in world.report()["gates"][0]["results"]]
    assert {outcome["text"][0] for outcome in outcomes} == {"{"}
    assert {outcome["reasoning"] for outcome in outcomes} == {"Perhaps OOPS?"}
    assert world.evalgate("decide").code == 0


def test_the_setting_applies_to_stored_answers(world: World) -> None:
    configure(world, strip=False, check="{type: is_json, strict: true}")
    world.application = lambda system, user: answer(user)
    assert world.evalgate("run").code == 1
    answers = len(world.server.received)
    text = (world.root / "evalgate.yml").read_text()
    world.repository.write("evalgate.yml", text.replace("strip_reasoning: false", "strip_reasoning: true"))
    assert world.evalgate("run").code == 0
    again = [each for each in world.server.received[answers:] if "response_format" not in each.body]
    assert again == []


def test_reasoning_that_never_ends_is_no_answer(world: World) -> None:
    configure(world, strip=True, check="{type: contains, value: a, strict: true}")
    world.application = lambda system, user: (
        Reply(body=completion("<think>and a", finish_reason="length")) if "Be brief" in system else "a"
    )
    ended = world.evalgate("run", "--output", "report.json")
    assert ended.code == 1
    lost = [r for r in world.report()["gates"][0]["results"] if "failure" in r["outcome"]]
    assert len(lost) >= CASES
    assert "spent on reasoning" in lost[0]["outcome"]["message"]


def test_a_judge_that_reasons_first_is_read(world: World) -> None:
    configure(world, strip=False)
    world.grade = lambda judged: '<think>{"score": 1}?</think>\n{"score": 5, "reason": "fine"}'
    ended = world.evalgate("run", "--output", "report.json")
    assert ended.code == 0
    scores = [result["scores"]["faithfulness"] for result in world.report()["gates"][0]["results"]]
    assert {score["value"] for score in scores} == {1.0}
