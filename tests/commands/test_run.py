"""Tests of the whole pipeline: the command, a real repository, a scripted endpoint."""

from __future__ import annotations

import json

import pytest
from chat_server import Reply, completion, error
from gated_project import CASES, CONFIG, World, prompt


def worse_when_brief(system: str, user: str) -> str:
    """Answer odd cases wrongly if the prompt is brief."""
    number = int(user.split()[1])
    wrong = "brief" in system and number % 2
    return json.dumps({"answer": f"something else, {number}" if wrong else user})


def by_fact(judged: str) -> int:
    return 1 if "something else" in judged else 5


def test_a_harmless_minor_edit_passes_and_asks_for_a_canary(world: World) -> None:
    world.edit()
    ended = world.evalgate("run", "--output", "report.json", "--output", "report.md")
    assert ended.code == 0, ended.err
    assert ended.out.lstrip().startswith("PASS")
    gate = world.report()["gates"][0]
    assert gate["decision"] == "PASS"
    assert gate["level"] | {"reasons": [], "findings": []} == {
        "declared": "MINOR", "minimum": "MINOR", "effective": "MINOR", "reasons": [], "findings": []
    }  # fmt: skip
    assert gate["counts"] == {"expected": 3 * CASES, "decided": 3 * CASES, "failures": 0, "unscored": 0}
    assert [r["kind"] for r in gate["requirements"]] == ["canary"]
    assert gate["candidate"]["source"] == "working tree"
    assert gate["baseline"]["version"] == "1.0.0"
    # both arms give equal answers, so one judge call serves both: two arms of answers and one of judgements
    assert gate["calls"] == {"made": 3 * CASES, "cached": 0, "saved": CASES, "stopped": 0, "confirming": 0}
    assert gate["cost_usd"] == pytest.approx(3 * CASES * (100 * 1 + 10 * 2) / 1e6)
    assert (world.root / "report.md").read_text().startswith("##")


def test_a_quiet_regression_fails_and_names_its_cases(world: World) -> None:
    world.application, world.grade = worse_when_brief, by_fact
    world.edit()
    ended = world.evalgate("run", "--format", "terminal", "--format", "json", "--output", "report.json")
    assert ended.code == 1
    gate = world.report()["gates"][0]
    judged = next(c for c in gate["comparisons"] if c["criterion"] == "faithfulness")
    assert judged["regressed"] == [f"case-{i:03}" for i in range(1, CASES, 2)]
    assert judged["difference"]["value"] == -0.5
    assert "proven worse than the baseline" in ended.out
    assert "case-001" in ended.out
    assert "something else" in ended.out


def test_a_second_run_pays_nothing(world: World) -> None:
    world.edit()
    first = world.evalgate("run", "--output", "report.json")
    before = len(world.server.received)
    world.application = lambda system, user: "must not be asked"
    again = world.evalgate("run", "--output", "report.json")
    assert (first.code, again.code) == (0, 0)
    assert len(world.server.received) == before
    calls = world.report()["gates"][0]["calls"]
    assert (calls["made"], calls["cached"]) == (0, 3 * CASES)
    assert world.report()["gates"][0]["cost_usd"] == 0
    assert "decided before, in run " in again.out


def test_the_same_content_never_draws_a_fresh_ticket(world: World) -> None:
    world.application, world.grade = worse_when_brief, by_fact
    world.edit()
    assert world.evalgate("run", "--output", "first.json").code == 1
    world.grade = lambda judged: 5  # better by chance the second time
    before = len(world.server.received)
    assert world.evalgate("run", "--output", "report.json").code == 1
    assert len(world.server.received) == before
    first, again = world.report("first.json")["gates"][0], world.report()["gates"][0]
    assert first["comparisons"] == again["comparisons"]


def test_more_samples_add_to_those_that_were_drawn(world: World) -> None:
    world.edit()
    world.evalgate("run")
    world.server.received.clear()
    config = (world.root / "evalgate.yml").read_text()
    world.repository.write("evalgate.yml", config.replace("candidate: 1", "candidate: 2"))
    world.evalgate("run", "--output", "report.json")
    outputs = [r for r in world.server.received if not r.body.get("response_format")]
    assert len(outputs) == CASES, "one more sample of each case; the first one is kept"


@pytest.mark.parametrize("cases", [58, 59])
def test_a_major_that_cannot_pass_is_refused_before_a_call(world: World, cases: int) -> None:
    rows = (world.root / "cases.jsonl").read_text().splitlines()[:cases]
    world.repository.write("cases.jsonl", "\n".join(rows) + "\n")
    world.repository.git("commit", "--quiet", "--all", "--message", "fewer")
    world.repository.git("branch", "--force", "main", "HEAD")
    world.repository.write("prompts/support.prompt.yml", prompt("2.0.0") + "modelParameters: {temperature: 0.5}\n")
    ended = world.evalgate("run")
    assert ended.code == (5 if cases == 59 else 2), ended.out + ended.err
    if cases == 58:
        assert "58 cases cannot prove that faithfulness fell by less than 0.05: at least 59 are needed" in ended.err
        assert not world.server.received


def test_a_damaged_verdict_is_reached_again(world: World) -> None:
    world.edit()
    world.evalgate("run")
    (stored,) = (world.root / ".evalgate/verdicts").iterdir()
    text = stored.read_text()
    stored.write_text(text.replace('"exit_code": 0', '"exit_code": 1'))
    assert world.evalgate("run").code == 0
    assert stored.read_text().count('"exit_code": 0') == text.count('"exit_code": 0')


def test_a_patch_asks_no_judge(world: World) -> None:
    world.edit("1.0.1", "Be exact!")
    ended = world.evalgate("run", "--output", "report.json")
    gate = world.report()["gates"][0]
    assert (ended.code, gate["level"]["effective"]) == (0, "PATCH")
    assert [c["criterion"] for c in gate["comparisons"]] == ["is_json", "fact", "answered"]
    assert len(world.server.received) == 2 * CASES


def test_a_major_needs_a_sign_off(world: World) -> None:
    world.repository.write("prompts/support.prompt.yml", prompt("2.0.0") + "modelParameters: {temperature: 0.5}\n")
    ended = world.evalgate("run", "--output", "report.json")
    assert ended.code == 5, ended.out
    gate = world.report()["gates"][0]
    assert {"kind": "sign_off", "state": "pending"}.items() <= gate["requirements"][1].items()
    assert {received.body.get("temperature") for received in world.server.received} >= {0.5, None}


def test_a_level_declared_too_low_fails_with_the_lines_to_edit(world: World) -> None:
    world.repository.write("prompts/support.prompt.yml", prompt("1.0.1") + "modelParameters: {temperature: 0.5}\n")
    ended = world.evalgate("run", "--output", "report.json")
    assert ended.code == 1
    finding = next(f for f in world.report()["gates"][0]["findings"] if f["kind"] == "level")
    assert "prompts/support.prompt.yml:2:" in finding["sentence"]
    assert '"2.0.0"' in finding["sentence"]


def test_content_changed_without_a_new_version_fails(world: World) -> None:
    world.edit("1.0.0")
    ended = world.evalgate("run")
    assert ended.code == 1
    assert '"1.1.0"' in ended.out


def test_one_version_with_two_contents_in_history_fails(world: World) -> None:
    world.edit("1.1.0", "Be kind and patient with everybody here.")
    world.repository.commit("1.1.0, then taken back")
    world.repository.write("prompts/support.prompt.yml", prompt())
    world.repository.commit("back to 1.0.0")
    world.edit("1.1.0", "Be brief, always and everywhere, please.")
    ended = world.evalgate("run", "--output", "report.json")
    assert ended.code == 1
    assert any(f["kind"] == "immutability" for f in world.report()["gates"][0]["findings"])


def test_a_new_prompt_is_decided_by_absolute_thresholds_alone(world: World) -> None:
    config = CONFIG.format(url=world.server.url).replace("support", "other")
    floor = config.replace("run:", "    thresholds: {faithfulness: {min: 0.7}}\nrun:")
    world.repository.write("prompts/other.prompt.yml", prompt())
    # with other cases: a new gate that shares a case with a removed one counts as that gate, moved
    others = (world.root / "cases.jsonl").read_text().replace("question", "another question")
    world.repository.write("other.jsonl", others)
    world.repository.write("evalgate.yml", floor.replace("dataset: cases.jsonl", "dataset: other.jsonl"))
    ended = world.evalgate("run", "--output", "report.json")
    assert ended.code == 0, ended.out + ended.err
    gate = world.report()["gates"][0]
    assert gate["baseline"] is None
    assert "absolute thresholds alone decide" in ended.out
    world.grade = lambda judged: 2
    assert world.evalgate("run", "--store", "another").code == 1


def test_a_crashed_call_is_never_a_pass(world: World) -> None:
    world.edit()
    world.application = lambda system, user: (
        error(500, "down") if "question 7\n" in user and "brief" in system else json.dumps({"answer": user})
    )
    ended = world.evalgate("run", "--output", "report.json")
    assert ended.code == 4
    gate = world.report()["gates"][0]
    assert gate["decision"] == "INCONCLUSIVE"
    assert "case-007" in ended.out
    assert gate["counts"]["failures"] == 1
    world.application = lambda system, user: json.dumps({"answer": user})
    assert world.evalgate("run").code == 0, "the next run requests only missing answers"


@pytest.mark.parametrize("reply", ["{}", "I would say five.", '{"score": 9, "reason": "x"}', '{"score": 5'])
def test_an_unreadable_judge_is_asked_once_more_and_then_counted(world: World, reply: str) -> None:
    world.edit()
    unread = ("question 3\\n", "question 5\\n")
    world.grade = lambda judged: reply if any(question in judged for question in unread) else 5
    ended = world.evalgate("run", "--output", "report.json")
    assert ended.code == 4, "one case may lack a score, but two do"
    gate = world.report()["gates"][0]
    assert gate["counts"]["unscored"] == 4
    result = next(r for r in gate["results"] if r["case"] == "case-003")
    assert "unscored" in result["scores"]["faithfulness"]
    assert len(result["replies"]["faithfulness"]) == 2


def test_an_empty_judge_reply_is_asked_once_more_and_a_good_second_one_counts(world: World) -> None:
    world.edit()
    asked: list[str] = []

    def empty_at_first(judged: str) -> int | str:
        if "question 3\\n" not in judged:
            return 5
        asked.append(judged)
        return "" if len(asked) == 1 else 5

    world.grade = empty_at_first
    ended = world.evalgate("run", "--output", "report.json")
    assert ended.code == 0, ended.out
    assert len(asked) == 2
    assert world.report()["gates"][0]["counts"]["unscored"] == 0


def test_outputs_that_fail_a_blocking_check_are_not_judged(world: World) -> None:
    world.edit()
    world.application = lambda system, user: "prose" if "brief" in system else json.dumps({"answer": user})
    ended = world.evalgate("run", "--output", "report.json")
    assert ended.code == 1
    gate = world.report()["gates"][0]
    assert gate["calls"]["made"] == 3 * CASES
    candidate = next(r for r in gate["results"] if r["arm"] == "candidate")
    assert candidate["scores"]["faithfulness"] == {"unscored": "not asked: the blocking check is_json failed"}


def test_candidate_and_baseline_by_reference_and_by_file(world: World) -> None:
    world.edit()
    world.repository.commit("edited")
    world.repository.write("elsewhere.prompt.yml", prompt("1.2.0", "Be funny about everything you say."))
    ended = world.evalgate(
        "run", "--candidate", "elsewhere.prompt.yml", "--baseline", "HEAD", "--output", "report.json"
    )
    assert ended.code == 0, ended.err
    gate = world.report()["gates"][0]
    assert (gate["candidate"]["version"], gate["baseline"]["version"]) == ("1.2.0", "1.1.0")


def test_changed_gates_only_what_differs(world: World) -> None:
    nothing = world.evalgate("run", "--changed")
    assert nothing.code == 0
    assert "nothing to gate" in nothing.out.lower()
    world.edit()
    assert world.evalgate("run", "--changed", "--output", "report.json").code == 0
    assert world.report()["gates"][0]["name"] == "support"
    assert world.server.received


def test_interrupted_work_is_not_paid_twice(world: World) -> None:
    world.edit()
    served = 0

    def dies(system: str, user: str) -> Reply | str:
        nonlocal served
        served += 1
        return error(401, "expired") if served > 40 else json.dumps({"answer": user})

    world.application = dies
    first = world.evalgate("run")
    assert first.code == 3
    assert "API_KEY" in first.err
    assert "secret-key-123" not in first.err + first.out
    paid = served - 1
    world.application = lambda system, user: json.dumps({"answer": user})
    before = len(world.server.received)
    assert world.evalgate("run").code == 0
    assert len(world.server.received) - before <= 3 * CASES - min(paid, 40) + 8


def test_the_secret_is_nowhere(world: World) -> None:
    world.edit()
    world.evalgate("run", "--output", "report.json")
    assert world.server.received[0].headers["authorization"] == "Bearer secret-key-123"
    for path in world.root.rglob("*"):
        if path.is_file():
            assert b"secret-key-123" not in path.read_bytes(), path


def test_expected_scores_come_from_the_probabilities(world: World) -> None:
    config = CONFIG.format(url=world.server.url).replace(
        "rubric: faithfulness", "rubric: faithfulness, score: expected"
    )
    world.repository.write("evalgate.yml", config)
    world.edit()
    tops = [{"token": "5", "logprob": -0.6931471805599453}, {"token": "3", "logprob": -0.6931471805599453}]
    tokens = [
        {"token": '{"score":', "logprob": 0.0, "top_logprobs": []},
        {"token": "5", "logprob": -0.69, "top_logprobs": tops},
    ]
    text = '{"score":5,"reason":"ok"}'
    world.grade = lambda judged: Reply(body=completion(text, logprobs={"content": tokens}))
    assert world.evalgate("run", "--output", "report.json").code == 0
    score = world.report()["gates"][0]["results"][0]["scores"]["faithfulness"]["value"]
    assert score == pytest.approx(0.75)
