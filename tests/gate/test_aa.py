"""aa: the rule on equal versions, as a user asks for it."""

from __future__ import annotations

import json
import random

import pytest

from .conftest import World


def report(world: World, *, cases: int = 80, samples: int = 3, spread: float = 1.0, name: str = "quality") -> None:
    """A stored report whose baseline has so many samples of each case."""
    seeded = random.Random(7)
    rows = []
    for i in range(cases):
        for arm, repeats in (("baseline", samples), ("candidate", 1)):
            for repeat in range(repeats):
                value = 1.0 - spread * seeded.choice((0, 0, 0, 0.25, 0.5))
                rows.append({"case": f"c{i}", "arm": arm, "criterion": name, "value": value, "repeat": repeat})
    world.repository.write("scores.jsonl", "\n".join(map(json.dumps, rows)))
    world.evalgate("decide", "--scores", "scores.jsonl", "--output", "report.json")


def test_the_simulation_is_shown_in_three_formats(world: World) -> None:
    arguments = ("aa", "--simulate", "--runs", "30", "--seed", "2")
    shown = world.evalgate(*arguments)
    assert shown.code == 0
    assert shown.err == ""
    assert "an identical prompt" in shown.out and "the 30th identical one in a row" in shown.out
    assert "100 golden cases, 30 runs a row, seed 2" in shown.out
    assert world.evalgate(*arguments, "--format", "markdown").out.startswith("| blocks | mean >= baseline |")
    table = json.loads(world.evalgate(*arguments, "--format", "json").out)
    first = table["simulation"]["rows"][0]
    assert table["format"] == 1
    assert first["naive"]["runs"] == 30
    assert f"{100 * first['naive']['value']:.1f} %" in shown.out


def test_progress_is_shown_on_a_terminal_only_and_wiped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setattr("evalgate.cli.aa._FRAME_SECONDS", 0.0)
    shown = world.evalgate("aa", "--simulate", "--runs", "2")
    assert "simulating: 10 of 10 decisions" in shown.err
    assert shown.err.endswith("\r")
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
    assert "Nothing is compared with the baseline" in ended.out


def test_the_last_run_is_the_default_and_few_cases_are_inconclusive(world: World) -> None:
    assert "there is no such report" in world.evalgate("aa").err
    report(world, cases=19)
    ended = world.evalgate("aa", "report.json", "--runs", "20")
    assert ended.code == 4
    assert "19 cases decide nothing" in ended.out


def test_hostile_names_stay_text(world: World) -> None:
    report(world, name="a\x1b[31m|b")
    shown = world.evalgate("aa", "report.json", "--runs", "20").out
    assert "\x1b" not in shown
    markdown = world.evalgate("aa", "report.json", "--runs", "20", "--format", "markdown").out
    assert len({row.count("|") for row in markdown.splitlines() if row.startswith("|")}) == 1


@pytest.mark.parametrize(
    "arguments",
    [["--simulate", "report.json"], ["--cases", "50"], ["--margin", "0.1"], ["--simulate", "--margin", "0"]],
)
def test_options_that_do_not_go_together(world: World, arguments: list[str]) -> None:
    assert world.evalgate("aa", *arguments).code == 2
