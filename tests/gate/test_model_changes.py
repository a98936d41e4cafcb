"""A model that changes behind its name between the baseline's answers and those of the candidate."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from typing import Any

import pytest
from chat_server import Reply, completion, error
from gate.live_run import BRIEF, STORE, looking, number, run
from gated_project import CASES, World


def serve(world: World, *, answering: str, judging: str) -> None:
    """Answer as models of these names do: a new one is better by a point, the candidate is worse by one."""

    def application(system: str, user: str) -> Reply:
        points = (answering == "new") + (BRIEF not in system)
        return name(completion(json.dumps({"answer": f"{user} quality {points}"})), answering)

    def grade(judged: str) -> Reply:
        points = int(judged.rpartition("quality ")[2][0]) if "quality " in judged else 0
        score = 2 + points + (judging == "new")
        return name(completion(json.dumps({"score": score, "reason": "as scripted"})), judging)

    world.application, world.grade = application, grade


def name(body: dict[str, Any], model: str) -> Reply:
    return Reply(body={**body, "model": model, "system_fingerprint": f"fp_{model}"})


@pytest.mark.matrix
@pytest.mark.parametrize("sampled", [False, True])
@pytest.mark.parametrize("changed", ["answering", "judging"])
def test_a_baseline_of_a_model_that_is_gone_is_drawn_anew(world: World, changed: str, sampled: bool) -> None:
    looking(world, stop_early="false")
    serve(world, answering="old", judging="old")
    if sampled:
        assert world.evalgate("baseline", "sample").code == 0
    else:
        world.edit("1.0.1", "Be exact!")
        assert run(world)["decision"] == "PASS"
    serve(world, **{"answering": "old", "judging": "old", changed: "new"})
    world.edit()
    world.server.received.clear()
    gate = run(world)
    assert gate["decision"] == "FAIL", "the candidate is a point worse with either model"
    assert any("drawn and judged anew" in note for note in gate["notes"])
    assert gate["calls"]["made"] == len(world.server.received)
    world.server.received.clear()
    assert run(world)["decision"] == "FAIL"
    assert world.server.received == [], "the verdict stays"


def test_a_baseline_of_the_same_model_is_kept_whatever_its_fingerprint(world: World) -> None:
    looking(world, stop_early="false")
    serve(world, answering="old", judging="old")
    world.edit("1.0.1", "Be exact!")
    run(world)
    answer = world.application

    def again(system: str, user: str) -> Reply:
        reply = answer(system, user)
        assert isinstance(reply, Reply) and isinstance(reply.body, dict)
        return Reply(body={**reply.body, "system_fingerprint": "fp_other"})

    world.application = again
    world.edit()
    world.server.received.clear()
    gate = run(world)
    assert len(world.server.received) == 2 * CASES, "only the candidate is asked, and judged"
    assert not any("anew" in note for note in gate["notes"])


@pytest.mark.parametrize("seen", ["13 of the cases", "the first half"])
def test_a_baseline_partly_of_a_model_that_is_gone_is_drawn_anew(world: World, seen: str) -> None:
    looking(world, stop_early="true")
    serve(world, answering="old", judging="old")
    if seen == "the first half":  # the candidate is so much worse that the first look ends the run
        world.grade = lambda judged: 5 if "quality 1" in judged else 1
        world.edit()
        assert run(world)["look"]["cases"] == CASES // 2
        world.edit(manner=f"{BRIEF} Always.")
    else:
        world.edit("1.0.1", "Be exact!")
        assert world.evalgate("run", "--first", "13").code == 4
        world.edit()
    serve(world, answering="new", judging="old")
    gate = run(world)
    assert gate["decision"] == "FAIL", "the candidate is a point worse with either model"
    assert {one["outcome"]["served_by"] for one in gate["results"]} == {"new/fp_new"}
    assert sum("drawn and judged anew" in note for note in gate["notes"]) == 1


@pytest.mark.parametrize("changed", ["answering", "judging"])
def test_a_candidate_of_a_model_that_is_gone_is_drawn_anew(world: World, changed: str) -> None:
    """The baseline's answers and all judgements are too old, and of the candidate's a better model gave the kept ones."""
    looking(world, stop_early="false")
    serve(world, **{"answering": "old", "judging": "old", changed: "new"})
    world.edit()
    assert run(world)["decision"] == "FAIL"
    looking(world, stop_early="false", min_cases="10")
    with contextlib.closing(sqlite3.connect(world.root / STORE / "cache.sqlite3")) as cache, cache:
        cache.execute("UPDATE entries SET created = created - 8 * 86400")
    serve(world, answering="old", judging="old")
    world.server.received.clear()
    gate = run(world)
    assert gate["decision"] == "FAIL", "the candidate is a point worse with either model"
    assert {one["outcome"]["served_by"] for one in gate["results"]} == {"old/fp_old"}
    assert any("for the candidate: the candidate was drawn" in note for note in gate["notes"]) == (
        changed == "answering"
    )
    assert gate["calls"]["made"] == len(world.server.received)


@pytest.mark.parametrize("every", [2, 32])
def test_a_gateway_that_names_several_models_keeps_the_baseline(world: World, every: int) -> None:
    """Models that take turns answer both versions, and one that helps out answers a few cases of one of them."""
    looking(world, stop_early="false")

    def application(system: str, user: str) -> Reply:
        helps = number(user) % every == 0 and (every == 2 or "Be exact!" in system)
        return name(completion(json.dumps({"answer": user})), "other" if helps else "usual")

    world.application, world.grade = application, lambda judged: 5
    world.edit("1.0.1", "Be exact!")
    run(world)
    world.edit()
    world.server.received.clear()
    gate = run(world)
    assert not any("anew" in note for note in gate["notes"])
    assert len(world.server.received) <= 2 * CASES


def test_a_kept_candidate_is_drawn_anew_where_the_kept_baseline_is_of_the_model_that_answers_now(world: World) -> None:
    """Nothing is asked at first, so that only the baseline drawn anew shows which model is gone."""
    looking(world, stop_early="false")
    serve(world, answering="new", judging="old")
    world.edit()
    assert run(world)["decision"] == "FAIL"
    serve(world, answering="old", judging="old")
    world.edit(manner="Be exact, and be friendly too.")
    assert run(world)["decision"] == "PASS"
    looking(world, stop_early="false", min_cases="10")
    world.edit()
    world.server.received.clear()
    gate = run(world)
    assert gate["decision"] == "FAIL", "the candidate is a point worse with either model"
    assert {one["outcome"]["served_by"] for one in gate["results"]} == {"old/fp_old"}
    assert gate["calls"]["made"] == len(world.server.received) == 4 * CASES, "each version is asked and judged once"


@pytest.mark.parametrize(
    "refusal", [error(400, "too long", code="context_length_exceeded"), name(completion(""), "new")]
)
def test_a_refused_draw_of_the_candidate_is_none_again_where_the_baseline_is_drawn_anew(
    world: World, refusal: Reply
) -> None:
    looking(world, stop_early="false")
    serve(world, answering="old", judging="old")
    world.edit("1.0.1", "Be exact!")
    assert run(world)["decision"] == "PASS"
    serve(world, answering="new", judging="old")
    asked: list[str] = []
    answer = world.application

    def application(system: str, user: str) -> str | Reply:
        if BRIEF not in system or number(user) % 8 != 3:
            return answer(user, user)
        asked.append(user)
        return refusal if asked.count(user) == 1 else answer(user, user)

    world.application = application
    world.edit()
    gate = run(world)
    assert any("the baseline was drawn and judged anew" in note for note in gate["notes"])
    assert gate["decision"] != "PASS"
    assert len(asked) == CASES // 8, "each of these is asked once"
