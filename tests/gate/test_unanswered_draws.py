"""A draw that the endpoint answered with no answer counts in every later run of the same content, unless in an outage."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from chat_server import Reply, completion, error
from gate.live_run import BRIEF, STORE, configure, number, outputs, run
from gated_project import World
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Arm, Failure
from evalgate.gate.unanswered_draws import UnansweredDraws

KINDS: dict[str, Callable[[], Reply]] = {
    "refusal": lambda: Reply(body=completion(None, message={"refusal": "I cannot help with that."})),
    "filtered": lambda: Reply(body=completion("", finish_reason="content_filter")),
    "empty": lambda: Reply(body=completion("")),
    "refused": lambda: error(400, "too long", code="context_length_exceeded"),
}


def answer(user: str) -> str:
    return json.dumps({"answer": user})


def fail(world: World, kind: str, share: float, seed: int = 1, *, arms: tuple[bool, ...] = (True,)) -> None:
    """Leave a share of the draws without an answer: of the candidate (True in `arms`), of the baseline (False)."""
    chance = random.Random(seed)
    world.application = lambda system, user: (
        KINDS[kind]() if (BRIEF in system) in arms and chance.random() < share else answer(user)
    )


def mend(world: World) -> None:
    world.application = lambda system, user: answer(user)


def store_baseline(world: World) -> None:
    configure(world, ("baseline: 1", "baseline: 3"))
    assert world.evalgate("baseline", "sample").code == 0


@pytest.mark.matrix
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("share", "version"), [(0.15, "1.1.0"), (0.35, "1.0.1")])
def test_running_again_never_turns_a_verdict_on_unanswered_draws(
    world: World, kind: str, share: float, version: str
) -> None:
    store_baseline(world)
    fail(world, kind, share)
    world.edit(version)
    first = run(world)
    assert first["decision"] != "PASS"
    mend(world)
    asked = outputs(world, brief=True)
    for _ in range(2):
        assert (run(world)["decision"], world.ended.code) == (first["decision"], first["exit_code"])
    assert outputs(world, brief=True) == asked, "no draw of the candidate is made a second time"


@pytest.mark.matrix
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.3, 1.0])
def test_an_outage_of_both_arms_is_measured_again(world: World, kind: str, share: float) -> None:
    """A dead endpoint ends the run, and one that lacks some answers does not."""
    store_baseline(world)
    fail(world, kind, share, arms=(True, False))
    world.edit()
    assert world.evalgate("run").code != 0
    mend(world)
    assert run(world)["decision"] == "PASS", "the prompt is not to blame"


@pytest.mark.parametrize(("repeats", "share"), [(2, 0.4), (3, 0.3), (5, 0.25)])
def test_an_outage_is_one_as_well_where_the_candidate_has_several_draws(
    world: World, repeats: int, share: float
) -> None:
    """One of several draws lacks an answer more often than the only draw of a control does."""
    configure(world, ("baseline: 1, candidate: 1", f"baseline: 1, candidate: {repeats}"))
    fail(world, "empty", share, arms=(True, False))
    world.edit()
    assert world.evalgate("run").code != 0
    mend(world)
    assert run(world)["decision"] == "PASS", "the prompt is not to blame"


@pytest.mark.parametrize("repeats", [2, 3])
def test_a_prompt_that_lacks_answers_in_several_draws_keeps_them(world: World, repeats: int) -> None:
    configure(world, ("baseline: 1, candidate: 1", f"baseline: 1, candidate: {repeats}"))
    fail(world, "empty", 0.3)
    world.edit()
    first = run(world)
    mend(world)
    assert run(world)["decision"] == first["decision"] != "PASS"


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_ended_with_an_error_forgets_no_draw(world: World, kind: str) -> None:
    store_baseline(world)
    seen: set[int] = set()
    later = count()

    def application(system: str, user: str) -> str | Reply:
        # the draws before have arrived by the time that twice as many as are asked at once have been answered
        if len(seen) >= 4 and next(later) >= 16:
            return error(401, "Incorrect API key", code="invalid_api_key")
        if BRIEF in system and number(user) % 10 == 0 and len(seen) < 4:
            seen.add(number(user))
            return KINDS[kind]()
        return answer(user)

    world.application = application
    world.edit()
    assert world.evalgate("run").code == 3
    mend(world)
    gate = run(world)
    assert gate["decision"] != "PASS"
    lacking = {r["case"] for r in gate["results"] if r["arm"] == "candidate" and "failure" in r["outcome"]}
    assert {f"case-{n:03}" for n in seen} <= lacking
    assert any("had no answer in an earlier run" in note for note in gate["notes"])


def test_a_confirmation_that_was_refused_is_not_drawn_again(world: World) -> None:
    configure(world)
    asked: list[int] = []

    def application(system: str, user: str) -> str | Reply:
        if BRIEF not in system or number(user) != 5:
            return answer(user)
        asked.append(1)
        return "no JSON" if len(asked) == 1 else KINDS["refused"]()

    world.application = application
    world.edit()
    assert run(world)["exit_code"] == 4
    mend(world)
    assert run(world)["exit_code"] == 4
    world.edit(manner=BRIEF.replace("brief", "short"))
    assert run(world)["exit_code"] == 0, "other content is measured anew"


def test_the_shards_of_a_run_share_its_draws(world: World) -> None:
    store_baseline(world)
    fail(world, "refusal", 0.3)
    world.edit()
    run(world, "--shard", "1/2")
    mend(world)
    again = run(world, "--shard", "1/2")
    assert any(r["outcome"].get("failure") == "unusable" for r in again["results"] if r["arm"] == "candidate")


def test_an_application_without_a_baseline_keeps_what_a_working_endpoint_refused(world: World) -> None:
    world.repository.git("rm", "--quiet", "--cached", "prompts/support.prompt.yml")
    world.repository.git("commit", "--quiet", "--message", "no prompt yet")
    world.repository.git("branch", "--force", "main", "HEAD")
    world.application = lambda system, user: KINDS["refusal"]() if number(user) % 3 == 0 else answer(user)
    world.edit()
    first = run(world)
    assert (first["baseline"], first["decision"]) == (None, "FAIL")
    mend(world)
    assert run(world)["decision"] == "FAIL"


Rows = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]
RULES: dict[str, tuple[str, str]] = {
    "policy": ("policy: {stop_early: false}", "policy: {stop_early: false, min_cases: 10}"),
    "threshold": ("run: {attempts: 2}", "    thresholds: {fact: {max_drop: 0.06}}\nrun: {attempts: 2}"),
    "check": ("      - {type: is_json}", "      - {type: is_json}\n      - {type: length, max_chars: 900}"),
    "judge": ("      - {rubric: faithfulness}", "      - {rubric: faithfulness, name: other}"),
    "samples": ("candidate: 1", "candidate: 2"),
    "name": ("  - name: support", "  - name: other"),
}
ROWS: dict[str, Rows] = {
    "one case more": lambda rows: [*rows, {**rows[0], "id": "new", "query": "question 900"}],
    "one case less": lambda rows: rows[:1] + rows[2:],
    "a tag": lambda rows: [{**row, "tags": ["other"]} for row in rows],
    "the expected answer": lambda rows: [{**row, "expected": "fact"} for row in rows],
    "the order": lambda rows: rows[::-1],
    "the ids": lambda rows: [{**row, "id": f"support-{row['id']}"} for row in rows],
}


def edit_rows(world: World, edit: Rows) -> None:
    rows = [json.loads(line) for line in (world.root / "cases.jsonl").read_text().splitlines()]
    world.repository.write("cases.jsonl", "".join(json.dumps(row) + "\n" for row in edit(rows)))


@pytest.mark.parametrize("edited", [*RULES, *ROWS])
def test_other_rules_and_other_cases_are_no_second_draw_of_a_refusal(world: World, edited: str) -> None:
    configure(world)
    world.application = lambda system, user: (
        KINDS["refusal"]() if BRIEF in system and number(user) % 10 == 4 else answer(user)
    )
    world.edit()
    first = run(world)
    assert first["decision"] == "FAIL"
    mend(world)
    if edited in RULES:
        config = (world.root / "evalgate.yml").read_text()
        assert RULES[edited][0] in config
        world.repository.write("evalgate.yml", config.replace(*RULES[edited]))
    else:
        edit_rows(world, ROWS[edited])
    gate = run(world)
    lacking = {one["case"] for one in gate["results"] if one["arm"] == "candidate" and "failure" in one["outcome"]}
    assert {case.removeprefix("support-") for case in lacking} == {f"case-{n:03}" for n in range(4, 64, 10)}
    assert gate["decision"] == "FAIL"


def test_a_case_that_asks_something_else_is_drawn_anew(world: World) -> None:
    configure(world)
    world.application = lambda system, user: (
        KINDS["refusal"]() if BRIEF in system and number(user) in {4, 5} else answer(user)
    )
    world.edit()
    assert run(world)["decision"] == "FAIL"
    mend(world)
    edit_rows(world, lambda rows: [{**row, "query": row["query"].replace("n 4", "n 400")} for row in rows])
    gate = run(world)
    lacking = [one["case"] for one in gate["results"] if one["arm"] == "candidate" and "failure" in one["outcome"]]
    assert lacking == ["case-005"]


def plan_of(cases: list[str]) -> Any:
    gate = SimpleNamespace(candidate_target="api", baseline_target="api")
    dataset = SimpleNamespace(cases=[SimpleNamespace(id=case) for case in cases])
    return SimpleNamespace(gate=gate, stored=(), baseline=None, candidate=None, dataset=dataset)


@given(st.binary(max_size=200), st.lists(st.tuples(st.text(max_size=5), st.integers(0, 6)), max_size=3, unique=True))
def test_what_is_written_is_read_back_beside_lines_that_are_damaged(
    tmp_path_factory: pytest.TempPathFactory, damage: bytes, draws: list[tuple[str, int]]
) -> None:
    path: Path = tmp_path_factory.mktemp("draws") / "key.unanswered"
    failure = Failure(kind="unusable", message="the reply is empty")
    target: Any = SimpleNamespace(kind="recorded", name="api", identity="api")
    plan = plan_of([*dict.fromkeys([case for case, _ in draws]), *(f"another case {n}" for n in range(64))])
    log = UnansweredDraws(path, plan, {"api": target})
    for case, repeat in draws:
        trial: Any = SimpleNamespace(case=SimpleNamespace(id=case), repeat=repeat, arm=Arm.CANDIDATE, request=None)
        asking = log.ask(trial)
        next(asking)
        with pytest.raises(StopIteration):
            asking.send((failure,))
    if draws:
        with path.open("ab") as file:
            file.write(damage)
    assert set(log.load()) == set(draws)


def test_forgotten_verdicts_take_their_draws_along(world: World) -> None:
    store_baseline(world)
    fail(world, "refusal", 0.3)
    world.edit()
    assert run(world)["decision"] == "FAIL"
    assert list((world.root / STORE / "verdicts").glob("*.unanswered"))
    assert world.evalgate("cache", "prune", "--forget-verdicts").code == 0
    assert not list((world.root / STORE / "verdicts").iterdir())
    mend(world)
    assert run(world)["decision"] == "PASS"
