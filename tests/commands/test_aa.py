"""Tests of `evalgate aa`: the decision rule on equal versions."""

from __future__ import annotations

import json
import random
import re
from collections import Counter

import pytest
from gated_project import World


def report(world: World, *, cases: int = 80, samples: int = 3, name: str = "quality", cluster: bool = False) -> None:
    """Store a report whose baseline has the given number of samples of each case; clusters have four cases."""
    seeded = random.Random(7)
    rows = []
    for i in range(cases):
        for arm, repeats in (("baseline", samples), ("candidate", 1)):
            for repeat in range(repeats):
                value = 1.0 - seeded.choice((0, 0, 0, 0.25, 0.5))
                row = {"case": f"c{i}", "arm": arm, "criterion": name, "value": value, "repeat": repeat}
                rows.append({**row, "cluster": f"d{i // 4}"} if cluster else row)
    world.repository.write("scores.jsonl", "\n".join(map(json.dumps, rows)))
    world.evalgate("decide", "--scores", "scores.jsonl", "--output", "report.json")


def test_the_simulation_is_shown_in_three_formats(world: World) -> None:
    arguments = ("aa", "--simulate", "--runs", "30", "--seed", "2")
    shown = world.evalgate(*arguments)
    assert shown.code == 0
    assert shown.err == ""
    assert "an identical prompt" in shown.out and "30th identical in a row" in shown.out
    assert "100 golden cases, 30 runs per row, seed 2" in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80
    markdown = world.evalgate(*arguments, "--format", "markdown").out
    assert markdown.startswith("| blocks | mean >= baseline |")
    table = json.loads(world.evalgate(*arguments, "--format", "json").out)
    first = table["simulation"]["rows"][0]
    assert table["format"] == 1
    assert first["naive"]["runs"] == 30
    assert f"  {100 * first['naive']['value']:.1f}  " in shown.out
    assert f"| {100 * first['naive']['value']:.1f} % [" in markdown


def test_rollouts_are_simulated_in_three_formats(world: World) -> None:
    arguments = ("aa", "--simulate", "--rollout", "--runs", "2")
    shown = world.evalgate(*arguments)
    assert shown.code == 0
    lines = shown.out.splitlines()
    assert lines[0].split() == ["drop,", "5", "%", "canary", "scored", "keys", "a", "day:", "200", "2,000", "20,000"]
    assert [line.split("  ")[0] for line in lines[2:6]] == ["none", "-0.10", "-0.20", "-0.10, scored in proportion"]
    assert max(map(len, lines)) <= 100
    markdown = world.evalgate(*arguments, "--format", "markdown").out
    assert len({row.count("|") for row in markdown.splitlines() if row.startswith("|")}) == 1
    rows = json.loads(world.evalgate(*arguments, "--format", "json").out)["rollouts"]["rows"]
    assert [[one["traffic"]["per_day"] for one in row] for row in rows] == [[200, 2000, 20000]] * 4
    assert world.evalgate(*arguments).out == shown.out


def test_the_simulation_shows_small_sets_and_flaky_checks(world: World) -> None:
    shown = world.evalgate("aa", "--simulate", "--runs", "20").out
    found = json.loads(world.evalgate("aa", "--simulate", "--runs", "20", "--format", "json").out)["simulation"]
    assert [row["cases"] for row in found["small"]] == [8, 12, 20, 30]
    small = [
        [row["cases"], *(100 * row[name]["value"] for name in ("fails", "blocked", "found"))] for row in found["small"]
    ]
    lines = [line.split() for line in shown.splitlines() if re.match(r"(8|12|20|30) cases ", line)]
    assert [[float(line[0]), *map(float, line[2:])] for line in lines] == small
    for failing in (0.002, 0.01, 0.03):
        own = [row for row in found["flaky"] if row["failing"] == failing]
        assert [row["cases"] for row in own] == [20, 50, 100, 200]
        for rule, name in (("must hold", "must_hold"), ("evalgate", "compared")):
            (line,) = (x for x in shown.splitlines() if x.startswith(f"{100 * failing:g} % of answers fail: {rule}"))
            assert [float(cell) for cell in line.rpartition(rule)[2].split()] == [
                pytest.approx(100 * row[name]["value"]) for row in own
            ]


def test_progress_is_shown_on_a_terminal_only_and_wiped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setattr("evalgate.cli.progress._FRAME_SECONDS", 0.0)
    monkeypatch.setenv("COLUMNS", "80")
    shown = world.evalgate("aa", "--simulate", "--runs", "2")
    assert "simulating: 50 of 50 decisions" in shown.err
    assert shown.err.endswith("\r\x1b[2K")
    report(world)
    assert "simulating: 15 decisions" in world.evalgate("aa", "report.json", "--runs", "5").err


def test_a_baseline_against_itself(world: World) -> None:
    report(world)
    ended = world.evalgate("aa", "report.json", "--runs", "200")
    assert ended.code == 0, ended.out
    assert "scores: quality" in ended.out
    assert "on these 80 cases the baseline fails against itself in" in ended.out
    assert "A true drop of 0.10 fails in" in ended.out
    data = json.loads(world.evalgate("aa", "report.json", "--runs", "200", "--format", "json").out)
    (one,) = data["criteria"]
    assert one["found"]["fails"]["low"] <= 0.05
    assert (one["found"]["cases"], one["found"]["samples"]) == (80, 3)
    assert one["sentence"] in ended.out
    assert "| scores: quality |" in world.evalgate("aa", "report.json", "--runs", "20", "--format", "markdown").out
    table = [line for line in ended.out.splitlines() if line.startswith(("percent of runs", "scores: quality", "---"))]
    assert len(table) == 3 and max(map(len, table)) <= 80


def test_cases_that_are_one_count_as_one(world: World) -> None:
    report(world, cluster=True)
    (one,) = json.loads(world.evalgate("aa", "report.json", "--runs", "20", "--format", "json").out)["criteria"]
    assert (one["found"]["cases"], one["found"]["units"]) == (80, 20)
    assert "on these 80 cases in 20 independent units" in one["sentence"]


def own_checks(world: World, *, copies: int = 1) -> None:
    """Run with three samples of a baseline that fails a blocking check at random."""
    config = (world.root / "evalgate.yml").read_text().replace("baseline: 1", "baseline: 3")
    world.repository.write("evalgate.yml", config)
    rows = [json.loads(row) for row in (world.root / "cases.jsonl").read_text().splitlines()]
    asked = [{**row, "query": f"question {i // copies}", "context": "x"} for i, row in enumerate(rows)]
    world.repository.write("cases.jsonl", "".join(json.dumps(row) + "\n" for row in asked))
    world.repository.commit("three samples")
    world.repository.git("branch", "--force", "main", "HEAD")
    asked_before: Counter[str] = Counter()

    def application(system: str, user: str) -> str:
        """Fail once for some texts, by the text and how often it was asked: calls arrive in any order."""
        asked_before[user] += 1
        drawn = random.Random(user)
        fails = drawn.random() < 0.15 and asked_before[user] == drawn.randint(1, 3)
        return "no JSON" if fails else json.dumps({"answer": user})

    world.application = application
    world.edit()
    world.evalgate("run", "--output", "report.json")


def test_blocking_checks_are_tried_as_well(world: World) -> None:
    own_checks(world)
    ended = world.evalgate("aa", "report.json", "--runs", "100")
    assert ended.code == 0, ended.out
    assert "is_json: on these 64 cases the baseline fails against itself in" in ended.out
    assert "When 10% more of the answers fail it, that is found in" in ended.out
    found = json.loads(world.evalgate("aa", "report.json", "--runs", "100", "--format", "json").out)["criteria"]
    check, judge = (next(one for one in found if one["criterion"] == name) for name in ("is_json", "faithfulness"))
    assert [one["criterion"] for one in found] == ["is_json", "faithfulness"], "every sample is an answer"
    assert (check["found"]["margin"], judge["found"]["margin"]) == (None, 0.05)
    assert check["found"]["mean"] < 1.0 and check["found"]["units"] == 64
    assert judge["found"]["mean"] == 1.0, "outputs that fail a blocking check are not judged"


def test_equal_requests_count_once(world: World) -> None:
    own_checks(world, copies=4)
    found = json.loads(world.evalgate("aa", "report.json", "--runs", "20", "--format", "json").out)["criteria"]
    check, judge = (one["found"] for one in found)
    assert (check["cases"], check["units"]) == (16, 16), "a check counts equal requests once, under their first case"
    assert (judge["cases"], judge["units"]) == (64, 16)
    ended = world.evalgate("aa", "report.json", "--runs", "20")
    assert ended.code == 4
    assert "16 independent units are too few for a PASS" in ended.out


def test_the_stored_samples_know_which_cases_ask_the_same(world: World) -> None:
    own_checks(world, copies=4)
    sampled = world.evalgate("baseline", "sample")
    assert sampled.code == 0, sampled.err
    found = json.loads(world.evalgate("aa", "--runs", "20", "--format", "json").out)["criteria"]
    assert [one["found"]["units"] for one in found] == [16, 16]


def test_one_sample_of_each_case_does_not_suffice(world: World) -> None:
    report(world, samples=1)
    ended = world.evalgate("aa", "report.json")
    assert ended.code == 3
    assert "the baseline has one sample of each case" in ended.out
    assert "samples: {baseline: 3}" in ended.out


def test_no_baseline_and_nothing_to_compare(world: World) -> None:
    rows = [json.dumps({"case": f"c{i}", "arm": "candidate", "criterion": "quality", "value": 0.9}) for i in range(60)]
    world.repository.write("scores.jsonl", "\n".join(rows))
    world.evalgate("decide", "--scores", "scores.jsonl", "--output", "report.json")
    ended = world.evalgate("aa", "report.json")
    assert ended.code == 3
    assert "there is no baseline" in ended.out
    world.edit("1.0.1", "Be exact!")
    world.evalgate("run", "--output", "report.json")
    ended = world.evalgate("aa", "report.json")
    assert ended.code == 3
    assert "is_json: the baseline has one sample of each case" in ended.out
    config = (world.root / "evalgate.yml").read_text()
    world.repository.write("evalgate.yml", config.replace("run:", "    thresholds: {is_json: {min: 0.5}}\nrun:"))
    world.evalgate("run", "--output", "report.json")
    ended = world.evalgate("aa", "report.json")
    assert ended.code == 3
    assert "Nothing is compared with the baseline" in ended.out


def test_the_last_run_is_the_default_and_few_cases_are_inconclusive(world: World) -> None:
    assert "there is no such report" in world.evalgate("aa").err
    report(world, cases=7)
    ended = world.evalgate("aa", "report.json", "--runs", "20")
    assert ended.code == 4
    assert "7 cases are too few to decide" in ended.out


def test_hostile_names_stay_text(world: World) -> None:
    report(world, name="a\x1b[31m|b")
    shown = world.evalgate("aa", "report.json", "--runs", "20").out
    assert "\x1b" not in shown
    markdown = world.evalgate("aa", "report.json", "--runs", "20", "--format", "markdown").out
    assert len({row.count("|") for row in markdown.splitlines() if row.startswith("|")}) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--simulate", "report.json"],
        ["--cases", "50"],
        ["--margin", "0.1"],
        ["--simulate", "--margin", "0"],
        ["--rollout"],
        ["--simulate", "--rollout", "--cases", "50"],
    ],
)
def test_options_that_do_not_go_together(world: World, arguments: list[str]) -> None:
    assert world.evalgate("aa", *arguments).code == 2
