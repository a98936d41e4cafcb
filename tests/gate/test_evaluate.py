"""The looks in a live run: what is asked, when it stops, what is drawn again, and that the verdict keeps to it."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from gate.live_run import BRIEF, asked, looking, rate, run
from gated_project import CASES, World, prompt


def test_a_clear_regression_stops_at_the_first_look_and_says_what_was_saved(world: World) -> None:
    looking(world)
    rate(world, dict.fromkeys(range(CASES), 1))
    world.edit()
    gate = run(world)
    assert (gate["decision"], gate["look"]["cases"], gate["look"]["planned"]) == ("FAIL", CASES // 2, CASES)
    assert asked(world, "candidate") == asked(world, "baseline") == CASES // 2
    assert gate["calls"]["made"] == 4 * CASES // 2
    assert gate["calls"]["stopped"] == 4 * CASES // 2
    assert gate["calls"]["confirming"] == 0, "the verdict is clear without a fresh sample"
    assert "(stopped early, of 64)" in " ".join(world.ended.out.split())
    assert "128 by stopping early" in world.ended.out


@pytest.mark.parametrize(("version", "policy"), [("2.0.0", {}), ("1.1.0", {"stop_early": "false"})])
def test_major_and_stop_early_false_run_everything(world: World, version: str, policy: dict[str, str]) -> None:
    looking(world, **policy)
    rate(world, dict.fromkeys(range(CASES), 1))
    world.edit(version)
    gate = run(world)
    assert (gate["decision"], gate["look"]["cases"], gate["look"]["of"]) == ("FAIL", CASES, 1)
    assert gate["calls"]["stopped"] == 0
    assert gate["look"]["level"] == 0.05


def test_the_order_of_the_file_changes_neither_verdict_nor_report(world: World) -> None:
    looking(world)
    rate(world, {n: 1 for n in range(CASES) if n % 3 == 0})
    world.edit()
    first = run(world)
    rows = (world.root / "cases.jsonl").read_text().splitlines()
    world.repository.write("cases.jsonl", "\n".join(reversed(rows)) + "\n")
    again = run(world, "--store", "another")
    assert first["order"] == again["order"]
    same = ("decision", "look", "comparisons", "findings")
    assert {key: first[key] for key in same} == {key: again[key] for key in same}


def test_cases_that_fail_every_fresh_sample_are_broken_and_fail_whatever_the_mean_says(world: World) -> None:
    looking(world, stop_early="false")
    rate(world, {5: 1, 6: 1})
    world.edit()
    gate = run(world)
    assert gate["decision"] == "FAIL"
    assert sorted(gate["flips"]["broken"]) == ["case-005", "case-006"]
    finding = next(f for f in gate["findings"] if f["kind"] == "broken")
    assert "2 cases are broken, and at most 1 more broken than fixed are allowed" in finding["sentence"]
    # 3 fresh draws of the candidate, and 2 of the baseline, which has one sample of its own
    assert len(gate["confirmations"]) == 2 * 5
    assert gate["calls"]["confirming"] == 2 * 5
    faithfulness = next(c for c in gate["comparisons"] if c["criterion"] == "faithfulness")
    assert faithfulness["difference"]["n"] == CASES
    assert faithfulness["difference"]["value"] == pytest.approx(-2 / CASES), "fresh samples take no part in the mean"


def test_a_case_that_passes_one_fresh_sample_is_not_broken(world: World) -> None:
    looking(world, stop_early="false")
    drawn: list[str] = []
    rate(world, {5: 1, 6: 1})
    fails = world.grade

    def answer(system: str, user: str) -> str:
        if BRIEF in system and "question 5" in user.split("\n"):
            drawn.append(user)
            return json.dumps({"answer": user + (" briefly" if len(drawn) == 1 else " at last")})
        return json.dumps({"answer": user + (" briefly" if BRIEF in system else "")})

    world.application, world.grade = answer, fails
    world.edit()
    gate = run(world)
    assert len(drawn) == 2, "one fresh sample, which passed"
    assert (gate["decision"], gate["flips"]["broken"]) == ("INCONCLUSIVE", [])
    assert gate["flips"]["open"] == ["case-006"], "one broken case is allowed: nothing hangs on it, so it is not asked"


def test_one_broken_case_that_is_critical_fails(world: World) -> None:
    rows = [json.loads(line) for line in (world.root / "cases.jsonl").read_text().splitlines()]
    rows[9]["tags"].append("critical")
    world.repository.write("cases.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    looking(world)
    rate(world, {9: 1})
    world.edit()
    gate = run(world)
    assert gate["decision"] == "FAIL"
    assert "Broken and critical (faithfulness): case-009" in " ".join(f["sentence"] for f in gate["findings"])
    assert gate["look"]["cases"] == CASES // 2, "a critical case is asked first, wherever it stands"


def test_a_pass_never_stops_early_on_a_broken_case(world: World) -> None:
    looking(world, max_drop="0.1")
    world.edit()
    assert run(world)["look"]["cases"] < CASES
    rate(world, dict.fromkeys([int(run(world)["order"][0][-3:])], 1))
    gate = run(world, "--store", "another")
    assert (gate["decision"], gate["look"]["cases"]) == ("PASS", CASES)
    assert len(gate["flips"]["broken"]) == 1


def test_checks_that_decide_see_every_output_however_early_the_judges_are_clear(world: World) -> None:
    looking(world, judged_only=False, max_drop="0.1")
    world.edit()
    gate = run(world)
    assert gate["decision"] == "PASS"
    assert gate["look"]["cases"] == 48
    assert (asked(world, "candidate"), asked(world, "baseline")) == (CASES, 48)
    late = gate["order"][-1]
    broken = f"question {int(late[-3:])}"

    def answer(system: str, user: str) -> str:
        fails = broken in user.split("\n") and (BRIEF in system or both)
        return "no JSON" if fails else json.dumps({"answer": user})

    world.application = answer
    both = False
    gate = run(world, "--store", "another")
    assert gate["decision"] == "FAIL"
    assert late in next(f for f in gate["findings"] if f["criterion"] == "is_json")["cases"]
    assert [r["case"] for r in gate["results"] if r["arm"] == "baseline"][-1] == late
    both = True
    gate = run(world, "--store", "a third")
    check = next(check for check in gate["blocking"] if check["criterion"] == "is_json")
    assert (gate["decision"], check["both"]) == ("PASS", [late]), "the baseline fails it as well"


def test_decide_reaches_the_same_verdict_of_a_run_that_stopped(world: World) -> None:
    looking(world)
    rate(world, dict.fromkeys(range(0, CASES, 2), 1))
    world.edit()
    run(world)
    before = (world.root / "report.json").read_bytes()
    assert world.evalgate("decide", "report.json", "--output", "again.json").code == 1
    assert (world.root / "again.json").read_bytes() == before
    config = (world.root / "evalgate.yml").read_text()
    world.repository.write("evalgate.yml", config.replace("alpha: 0.05", "alpha: 0.0000001"))
    ended = world.evalgate("decide", "report.json")
    assert ended.code == 4
    assert "the run stopped early, and these thresholds need more cases" in ended.out


def test_a_tag_that_may_block_is_seen_whole(world: World) -> None:
    rows = [json.loads(line) for line in (world.root / "cases.jsonl").read_text().splitlines()]
    for n in range(10):
        rows[n]["tags"] = ["refund"]
    world.repository.write("cases.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    looking(world, max_drop="0.4")
    rate(world, dict.fromkeys(range(10), 3))
    world.edit()
    gate = run(world)
    assert gate["decision"] == "PASS"
    assert [(fall["tag"], fall["criterion"], fall["blocks"]) for fall in gate["tags"]] == [
        ("refund", "faithfulness", False)
    ]
    looking(world, max_drop="0.4", blocking_tags="[refund]")
    gate = run(world)
    assert gate["decision"] == "FAIL"
    assert gate["look"]["cases"] == CASES
    assert "proven worse on the cases tagged refund: -0.5" in " ".join(f["sentence"] for f in gate["findings"])


def test_cases_of_one_cluster_stay_together_and_count_as_one(world: World) -> None:
    rows = [json.loads(line) for line in (world.root / "cases.jsonl").read_text().splitlines()]
    for n, row in enumerate(rows):
        row["cluster"] = f"document {n // 2}"
    world.repository.write("cases.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    looking(world)
    world.edit()
    gate = run(world)
    clusters = [gate["clusters"][case] for case in gate["order"]]
    assert clusters[::2] == clusters[1::2]
    assert next(c for c in gate["comparisons"] if c["criterion"] == "faithfulness")["difference"]["n"] == CASES // 2
    assert gate["look"]["of"] == 1, "32 clusters are looked at once"
    assert gate["decision"] == "INCONCLUSIVE", "32 clusters cannot prove a drop below 0.05"


def test_what_a_version_passed_with_is_not_its_baseline(world: World, tmp_path: Path) -> None:
    looking(world)
    world.edit()
    run(world)
    world.repository.commit("merged")
    world.repository.git("branch", "--force", "main", "HEAD")
    world.server.received.clear()
    world.repository.write("prompts/support.prompt.yml", prompt("1.1.1", BRIEF + "!"))
    gate = run(world)
    assert gate["baseline"]["version"] == "1.1.0"
    assert asked(world, "candidate") == CASES * 2, "the baseline is sampled afresh, with the same content"


@pytest.mark.parametrize("days", [6, 8])
def test_a_judge_is_asked_again_about_answers_of_any_version_after_a_week(world: World, days: int) -> None:
    """Another model may be behind the judge's name by then, and both versions need scores of one model."""
    looking(world, stop_early="false")
    rate(world, {}, baseline=4)
    world.edit("1.0.1", "Be exact!")
    assert run(world)["decision"] == "PASS"
    with sqlite3.connect(world.root / ".evalgate" / "cache.sqlite3") as cache:
        cache.execute("UPDATE entries SET created = created - ?", (days * 86_400,))
    world.edit()
    rate(world, dict.fromkeys(range(CASES), 4), baseline=5)  # the new model is kinder by a point
    world.server.received.clear()
    gate = run(world)
    judged = [r for r in world.server.received if r.body.get("response_format")]
    assert (len(judged), gate["decision"]) == ((CASES, "PASS") if days < 7 else (2 * CASES, "FAIL"))
