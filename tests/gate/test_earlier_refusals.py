"""A refusal that depends on chance is not hidden by running again."""

from __future__ import annotations

import json

import pytest
from chat_server import Reply, error
from gate.live_run import BRIEF, number
from gated_project import World

FAILED = "Failed to generate JSON. Please adjust your prompt."
MODERATED = "Output blocked by content filtering policy"


def answer(user: str) -> str:
    return json.dumps({"answer": user})


def refuse(world: World, message: str) -> None:
    """Refuse a fifth of the candidate's first requests."""

    def some(system: str, user: str) -> str | Reply:
        is_refused = number(user) % 5 == 0 and BRIEF in system
        return error(400, message) if is_refused else answer(user)

    world.application = some


def mend(world: World) -> None:
    world.application = lambda system, user: answer(user)


@pytest.mark.matrix
@pytest.mark.parametrize("message", [FAILED, MODERATED])
@pytest.mark.parametrize("flags", [(), ("--no-cache",), ("--redraw", "failed"), ("--live",)])
def test_an_answer_after_a_refusal_does_not_count(world: World, message: str, flags: tuple[str, ...]) -> None:
    refuse(world, message)
    world.edit()
    assert world.evalgate("run").code == 4
    mend(world)
    for options in (flags, (), ()):
        ended = world.evalgate("run", *options)
        assert ended.code == 4
    assert "followed a refusal in an earlier run" in " ".join(ended.out.split())
    assert message[:20] in ended.out


def test_another_prompt_or_forgotten_verdicts_begin_anew(world: World) -> None:
    refuse(world, FAILED)
    world.edit()
    assert world.evalgate("run").code == 4
    mend(world)
    world.edit(manner=BRIEF.replace("brief", "short"))
    assert world.evalgate("run").code == 0
    world.edit()
    assert world.evalgate("run").code == 4
    assert world.evalgate("cache", "prune", "--forget-verdicts").code == 0
    assert world.evalgate("run").code == 0


def test_an_endpoint_that_refused_both_versions_is_measured_once_it_is_mended(world: World) -> None:
    def some(system: str, user: str) -> str | Reply:
        # of two kinds: ten equal refusals in a row, without an answer between them, would end the run
        message = FAILED if number(user) % 2 else MODERATED
        return error(400, message) if number(user) % 5 == 0 else answer(user)

    world.application = some
    world.edit()
    assert world.evalgate("run").code == 4
    mend(world)
    assert world.evalgate("run").code == 0
