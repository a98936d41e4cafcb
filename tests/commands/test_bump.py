"""Tests of `evalgate bump`: the lowest number that the gate accepts, and only that in the file."""

from __future__ import annotations

import pytest
from gated_project import World, prompt

PATH = "prompts/support.prompt.yml"


def read(world: World) -> str:
    return (world.root / PATH).read_text()


def edit(world: World, version: str = "1.0.0", manner: str = "Be brief, always and everywhere, please.") -> str:
    world.edit(version, manner)
    return read(world)


def test_it_writes_what_the_finding_names_and_the_gate_accepts_it(world: World) -> None:
    before = edit(world)
    refused = world.evalgate("validate")
    assert refused.code == 1 and "evalgate bump" in refused.err
    told = world.evalgate("bump", "--change", "Shorter answers: fewer words")
    assert told.code == 0 and f"{PATH}: version 1.0.0 -> 1.1.0" in told.out
    after = before.replace('"1.0.0"', '"1.1.0"').replace("change: why", 'change: "Shorter answers: fewer words"')
    assert read(world) == after
    assert world.evalgate("validate").code == 0
    assert "needs no change" in world.evalgate("bump").out and read(world) == after


def test_a_level_counts_from_the_baseline_and_not_from_the_last_bump(world: World) -> None:
    edit(world)
    for _ in range(2):
        world.evalgate("bump", "major")
        assert 'version: "2.0.0"' in read(world)


def test_a_level_below_the_edit_is_refused(world: World) -> None:
    before = edit(world)
    told = world.evalgate("bump", "patch")
    assert told.code == 2 and "at least MINOR" in told.err and "evalgate bump minor" in told.err
    assert read(world) == before


def test_without_a_reason_it_says_how_to_give_one(world: World) -> None:
    edit(world)
    told = world.evalgate("bump")
    assert "say why" in told.out and "change: why\n" in read(world)


def test_a_number_that_was_used_is_not_used_again(world: World) -> None:
    world.repository.write(PATH, prompt("1.1.0", "Another manner that was tried once, on this branch, and dropped."))
    world.repository.commit("tried")
    edit(world, "1.1.0")
    assert "has 2 contents" in world.evalgate("validate").err
    assert "1.1.0 -> 1.1.1" in world.evalgate("bump").out
    assert world.evalgate("validate").code == 0


def test_an_unchanged_prompt_is_left_alone_unless_it_is_named(world: World) -> None:
    before = read(world)
    told = world.evalgate("bump")
    assert told.code == 0 and "no prompt differs" in told.out and read(world) == before
    assert world.evalgate("bump", "minor", "--gate", "support").code == 0
    assert read(world) == before.replace("1.0.0", "1.1.0")


@pytest.mark.parametrize("arguments", [["huge"], ["--change", " "], ["--gate", "other"]])
def test_wrong_usage_is_refused(world: World, arguments: list[str]) -> None:
    assert world.evalgate("bump", *arguments).code == 2
