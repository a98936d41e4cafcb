"""A judge whose first replies all fail alike ends the run, with the setting that mends it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from chat_server import Reply, completion
from gated_project import CASES, World

from evalgate.gate.reply_watch import ALIKE

VERDICT = json.dumps({"score": 5, "reason": "fine"})
SPENT = {"completion_tokens": 9, "prompt_tokens": 1, "completion_tokens_details": {"reasoning_tokens": 9}}


def configure(world: World, concurrency: int = 4, judge: str = "{rubric: faithfulness}") -> None:
    text = (world.root / "evalgate.yml").read_text()
    text = text.replace("{attempts: 2}", f"{{attempts: 2, concurrency: {concurrency}}}")
    world.repository.write("evalgate.yml", text.replace("{rubric: faithfulness}", judge))
    world.repository.git("switch", "--quiet", "main")
    world.repository.commit("settings")
    world.repository.git("switch", "--quiet", "work")
    world.repository.git("merge", "--quiet", "--ff-only", "main")
    world.edit()


def count_judged(world: World) -> int:
    return sum("judgement" in json.dumps(each.body.get("response_format", {})) for each in world.server.received)


@pytest.mark.parametrize(
    ("reply", "named"),
    [
        (completion(None, finish_reason="length") | {"usage": SPENT}, "max_tokens"),
        (completion('{"score": 5, "rea', finish_reason="length"), "max_tokens"),
        (completion("<think>let me see", finish_reason="length"), "max_tokens"),
        (completion(f"My verdict:\n```json\n{VERDICT}\n```"), "reading: lenient"),
        (completion("I give it 4 of 5."), "response_format: none"),
    ],
)
@pytest.mark.parametrize("concurrency", [2, 24])
def test_first_replies_that_fail_alike_end_the_run(
    world: World, reply: dict[str, object], named: str, concurrency: int
) -> None:
    configure(world, concurrency)
    world.grade = lambda judged: Reply(body=reply)
    ended = world.evalgate("run")
    assert ended.code == 3
    assert named in ended.err and '"faithfulness"' in ended.err
    assert ALIKE <= count_judged(world) <= ALIKE + 2 * concurrency < 2 * CASES


def test_the_next_run_continues_with_the_answers_so_far(world: World) -> None:
    configure(world)
    world.grade = lambda judged: "Surely: " + VERDICT
    assert world.evalgate("run").code == 3
    before = len(world.server.received)
    judge = "{rubric: faithfulness, reading: lenient}"
    configure(world, judge=judge)
    assert world.evalgate("run").code == 0
    assert len(world.server.received) - before < 4 * CASES - before + 8  # calls in flight at the end are made again


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(lambda n: VERDICT if n == 5 else "prose", id="one score"),
        pytest.param(lambda n: "prose" if n < 9 else VERDICT, id="nine failures"),
    ],
)
def test_one_score_among_the_first_replies_is_enough(world: World, script: Callable[[int], str]) -> None:
    configure(world, concurrency=1)
    numbers = iter(range(10_000))
    world.grade = lambda judged: script(next(numbers))
    ended = world.evalgate("run")
    assert ended.code != 3
    assert count_judged(world) >= CASES


def test_refusals_are_no_fault_of_a_setting(world: World) -> None:
    configure(world)
    world.grade = lambda judged: Reply(body=completion(None, message={"content": None, "refusal": "no"}))
    assert world.evalgate("run").code == 4


def test_the_same_reply_to_equal_requests_counts_once(world: World) -> None:
    configure(world)
    world.application = lambda system, user: json.dumps({"answer": "fact 1 fact 2"})
    world.grade = lambda judged: "prose" if "question 7\n" in judged else VERDICT
    assert world.evalgate("run").code != 3
