"""The rule in live runs: checks compared with the baseline, units, repeats, bad hours, and one verdict for each content."""

from __future__ import annotations

import json

import pytest
from chat_server import Reply, completion, error
from gate.live_run import BRIEF, STORE, configure, number, outputs, run
from gated_project import CASES, CONFIG, World, prompt


def test_a_check_that_fails_once_is_asked_again_and_holds(world: World) -> None:
    drawn: list[str] = []

    def answer(system: str, user: str) -> str:
        if BRIEF in system and number(user) == 5:
            drawn.append(user)
            return "no JSON" if len(drawn) == 1 else json.dumps({"answer": user})
        return json.dumps({"answer": user})

    world.application = answer
    world.edit()
    gate = run(world)
    (check,) = (check for check in gate["blocking"] if check["criterion"] == "is_json")
    assert (gate["decision"], check["failed"], check["wavered"], len(drawn)) == ("PASS", 1, ["case-005"], 2)


def test_a_check_that_fails_a_case_for_good_fails_and_the_baseline_is_drawn_up_to_three(world: World) -> None:
    world.application = lambda system, user: (
        "no JSON" if BRIEF in system and number(user) == 5 else json.dumps({"answer": user})
    )
    world.edit()
    gate = run(world)
    (check,) = (check for check in gate["blocking"] if check["criterion"] == "is_json")
    assert (gate["decision"], check["for_good"]) == ("FAIL", ["case-005"])
    drawn = [result["arm"] for result in gate["confirmations"]]
    assert (drawn.count("candidate"), drawn.count("baseline")) == (6, 2)


@pytest.mark.parametrize("level", ["1.0.1", "1.1.0", "2.0.0"])
def test_what_the_baseline_fails_as_well_blames_no_change(world: World, level: str) -> None:
    world.application = lambda system, user: "no JSON" if number(user) == 5 else json.dumps({"answer": user})
    world.edit(level, "Be exact!" if level == "1.0.1" else BRIEF)
    gate = run(world)
    (check,) = (check for check in gate["blocking"] if check["criterion"] == "is_json")
    assert (gate["decision"], check["both"]) == ("PASS", ["case-005"])
    assert not gate["confirmations"]


def test_a_strict_check_fails_at_the_first_draw(world: World) -> None:
    configure(world, ("{type: is_json}", "{type: is_json, strict: true}"))
    world.application = lambda system, user: "no JSON" if number(user) == 5 else json.dumps({"answer": user})
    world.edit()
    assert run(world)["decision"] == "FAIL"


@pytest.mark.parametrize(
    ("check", "thresholds", "words"),
    [
        ("{type: is_json, strict: true, blocking: false}", "", "is strict but not blocking"),
        ("{type: is_json, strict: true}", "thresholds: {is_json: {min: 0.9}}", "is strict and has a threshold"),
        ("{type: is_json, name: answered}", "", '"answered" is the name of a check that every gate has'),
    ],
)
def test_what_contradicts_itself_is_refused_with_its_place(
    world: World, check: str, thresholds: str, words: str
) -> None:
    text = CONFIG.format(url=world.server.url).replace("{type: is_json}", check)
    world.repository.write("evalgate.yml", text.replace("run:", f"    {thresholds}\nrun:" if thresholds else "run:"))
    ended = world.evalgate("validate")
    assert ended.code == 2
    assert words in ended.err
    assert "evalgate.yml:10:" in ended.err


def test_answers_that_are_cut_are_no_answers_unless_they_are_meant_to_be(world: World) -> None:
    def cut(system: str, user: str) -> Reply:
        reply = completion(json.dumps({"answer": user}))
        reply["choices"][0]["finish_reason"] = "length" if BRIEF in system else "stop"
        return Reply(body=reply)

    world.application = cut
    world.edit()
    gate = run(world)
    (check,) = (check for check in gate["blocking"] if check["criterion"] == "answered")
    assert (gate["decision"], check["decision"], check["failed"]) == ("FAIL", "FAIL", CASES)
    assert not any(result["replies"] for result in gate["results"] if result["arm"] == "candidate")
    configure(world, ("    samples:", "    answered: {cut: allow}\n    samples:"))
    world.edit("1.2.0")
    assert run(world)["decision"] == "PASS"


@pytest.mark.parametrize(("version", "manner"), [("1.0.1", "Be exact!"), ("1.1.0", BRIEF), ("2.0.0", BRIEF)])
def test_nothing_that_is_not_answered_is_a_pass_at_any_level_or_stored(world: World, version: str, manner: str) -> None:
    works = world.application
    world.application = lambda system, user: ""
    world.edit(version, manner)
    gate = run(world)
    assert (gate["decision"], world.ended.code) == ("INCONCLUSIVE", 4)
    assert not list((world.root / STORE / "verdicts").glob("*.json"))
    world.application = works
    assert run(world)["decision"] == "PASS", "the next run asks again"


def test_a_gate_of_judges_alone_runs_them_for_a_patch(world: World) -> None:
    configure(world, ("      - {type: is_json}\n", ""))
    world.edit("1.0.1", "Be exact!")
    gate = run(world)
    assert (gate["level"]["effective"], gate["decision"], world.ended.code) == ("PATCH", "PASS", 0)
    assert any(result["replies"] for result in gate["results"])
    world.grade = lambda judged: 5 if number(judged.split("Query:")[1].split("\n", 2)[2]) % 2 else 4
    world.edit("1.0.2", "Be exact?")
    assert run(world)["exit_code"] in (0, 1)


def test_copies_of_a_question_are_one_and_prove_nothing(world: World) -> None:
    rows = [{"id": f"c{i:03}", "query": "question 1", "context": "fact 1", "expected": f"{i}"} for i in range(CASES)]
    world.repository.write("cases.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    configure(world)
    world.edit()
    gate = run(world)
    assert (gate["units"], gate["decision"]) == (1, "INCONCLUSIVE")
    assert world.ended.code == 4
    assert "1 independent unit is too few to decide" in world.ended.out.replace("\n", " ")


def test_cases_on_which_the_baseline_varies_are_drawn_three_times(world: World) -> None:
    configure(world, ("samples: {baseline: 1, candidate: 1}", "samples: {baseline: 3}"))
    seen: dict[str, int] = {}

    def grade(judged: str) -> int:
        return 1 + 2 * int(judged.split("draw ")[1][0]) if "draw" in judged else 5

    def answer(system: str, user: str) -> str:
        if number(user) != 9:
            return json.dumps({"answer": user})
        key = f"{system}{user}"
        seen[key] = seen.get(key, 0) + 1
        return json.dumps({"answer": f"{user} draw {(seen[key] - 1) % 3}"})

    world.application, world.grade = answer, grade
    assert world.evalgate("baseline", "sample").code == 0
    world.edit()
    world.server.received.clear()
    plan = world.evalgate("plan").out
    gate = run(world)
    own = [r["case"] for r in gate["results"] if r["arm"] == "candidate"]
    assert own.count("case-009") == 3
    assert len(own) == outputs(world, brief=True) == CASES + 2
    assert "case" in plan


def test_a_failed_call_leaves_one_pair_out_where_only_judges_decide(world: World) -> None:
    configure(world, ("{type: is_json}", "{type: is_json, blocking: false}"))
    works = world.application
    world.application = lambda system, user: (
        error(500, "down") if BRIEF in system and number(user) == 7 else works(system, user)
    )
    world.edit()
    gate = run(world)
    assert (gate["decision"], gate["counts"]["failures"]) == ("PASS", 1)
    assert "1 more could not be decided" in " ".join(f["sentence"] for f in gate["findings"])
    assert not list((world.root / STORE / "verdicts").glob("*.json")), "the next run asks what is missing"


def test_one_text_for_everything_is_no_pass(world: World) -> None:
    world.application = lambda system, user: json.dumps({"answer": "fact" if BRIEF in system else user})
    world.edit()
    gate = run(world)
    assert (gate["decision"], world.ended.code) == ("INCONCLUSIVE", 4)
    assert gate["constant_output"] == {"text": '{"answer": "fact"}', "cases": CASES}


def test_the_order_and_what_is_asked_first_do_not_depend_on_the_candidate(world: World) -> None:
    world.edit()
    first = run(world)["order"]
    for manner in (BRIEF + " ", BRIEF + " Or not.", "Be long."):
        world.edit("1.2.0", manner)
        assert run(world)["order"] == first


def test_a_prompt_that_shows_nothing_of_the_cases_is_refused(world: World) -> None:
    world.repository.write("prompts/support.prompt.yml", prompt("1.1.0").replace("{{query}}\\n{{context}}", "Go."))
    for verb in ("validate", "run"):
        ended = world.evalgate(verb)
        assert ended.code == 2
        assert "no message uses a field of the cases, so all 64 cases send the same request" in ended.err
        assert "prompts/support.prompt.yml:4" in ended.err
    assert not world.server.received


@pytest.mark.parametrize("nothing", ["\u200b", " \n", "<think>hm</think>\n", "<think>hm", "\ufeff\u2060"])
def test_what_a_reader_does_not_see_is_no_answer(world: World, nothing: str) -> None:
    world.application = lambda system, user: nothing
    world.edit()
    gate = run(world)
    assert (gate["decision"], world.ended.code) == ("INCONCLUSIVE", 4)
    assert not any(result["replies"] for result in gate["results"])
