"""A judge is asked once more about an output, and in later runs in place of a reply that could not be read."""

from __future__ import annotations

import pytest
from gate.live_run import configure, run
from gated_project import CASES, World

PROSE = "I would say that this is quite good."


def judged(world: World) -> int:
    return sum(bool(received.body.get("response_format")) for received in world.server.received)


@pytest.mark.parametrize("unread", [PROSE, "{}", '{"score": 9, "reason": "x"}', '{"score": 5'])
@pytest.mark.parametrize("share", [1, 4])
def test_a_judge_that_has_recovered_is_asked_in_place_of_replies_that_could_not_be_read(
    world: World, unread: str, share: int
) -> None:
    """Of all replies (the run ends with exit code 3), or of those on a part of the cases (exit code 4)."""
    world.edit()
    world.grade = lambda text: unread if any(f"question {n}\\n" in text for n in range(0, CASES, share)) else 5
    ended = world.evalgate("run")
    assert ended.code == (3 if share == 1 else 4), ended.out
    world.grade = lambda text: 5
    assert run(world)["decision"] == "PASS"
    before = judged(world)
    assert run(world)["decision"] == "PASS"
    assert judged(world) == before


def test_a_judge_that_never_replies_as_asked_is_asked_a_few_times_in_all(world: World) -> None:
    world.edit()
    world.grade = lambda text: PROSE if any(f"question {n}\\n" in text for n in (3, 5)) else 5
    counts = []
    for _ in range(12):
        assert run(world)["decision"] == "INCONCLUSIVE"
        counts.append(judged(world))
    assert counts[-1] == counts[-2], "no end of calls"
    found = next(one for one in world.report()["gates"][0]["results"] if one["case"] == "case-003")
    assert len(found["replies"]["faithfulness"]) == 10


def test_recorded_replies_that_cannot_be_read_are_not_asked_for_again(world: World) -> None:
    configure(world, ("prices: {input: 1", "recordings: recorded.jsonl, prices: {input: 1"))
    world.edit()
    world.grade = lambda text: PROSE if any(f"question {n}\\n" in text for n in (3, 5)) else 5
    assert world.evalgate("run", "--record").code == 4
    before = len(world.server.received)
    assert run(world)["counts"]["unscored"] == 4
    assert len(world.server.received) == before
