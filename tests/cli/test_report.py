"""Tests of `evalgate report` and of reading a stored report."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from chat_server import error
from commands.test_run import by_fact, worse_when_brief
from gated_project import Ended, World
from history_runs import RUNS, make_run

import evalgate as library
from evalgate.domain.history_rows import list_runs
from evalgate.store import report_json
from evalgate.store.run_log import append_runs


def test_a_run_shows_those_before_it_and_one_without_a_verdict_leaves_no_report_behind(world: World) -> None:
    world.edit()
    append_runs(world.root / ".evalgate" / "runs.jsonl", [make_run(gate="support")])
    assert world.evalgate("run", "--output", "page.html").code == 0
    assert "last 2 runs: 2 PASS" in (world.root / "page.html").read_text()
    world.edit("1.1.1", "Be brief, always and everywhere, please!")
    world.application = lambda system, user: error(401, "expired")
    assert world.evalgate("run").code == 3
    assert "there is no such report" in world.evalgate("decide").err


def _edit(data: dict, change: str) -> None:
    gate = data["gates"][0]
    match change:
        case "a score":
            next(r for r in gate["results"] if r["arm"] == "candidate")["scores"]["faithfulness"]["value"] = 1e6
        case "a result twice":
            gate["results"].append(gate["results"][0])
        case "the verdict":
            data["decision"] = gate["decision"] = "PASS"
            data["exit_code"] = gate["exit_code"] = 0
        case "no baseline":
            gate["baseline"] = None
        case "a criterion less":
            gate["criteria"].pop()
        case "alpha":
            gate["policy"]["alpha"] = 7.0
        case "the policy":
            gate["policy"]["max_drop"] = 0.9
        case "a huge number":
            gate["policy"]["alpha"] = 10**400


@pytest.mark.parametrize(
    "change",
    [
        "a score",
        "a result twice",
        "the verdict",
        "no baseline",
        "a criterion less",
        "alpha",
        "the policy",
        "a huge number",
    ],
)
def test_an_edited_report_is_refused(world: World, change: str) -> None:
    world.application, world.grade = worse_when_brief, by_fact
    world.edit()
    world.evalgate("run", "--output", "report.json")
    data = world.report()
    _edit(data, change)
    world.repository.write("report.json", json.dumps(data))
    for verb in ("decide", "report"):
        ended = world.evalgate(verb, "report.json")
        assert ended.code == 2, ended.out
        assert "report.json" in ended.err


@pytest.mark.parametrize("damage", ['{"format": 2}', "{", "[]", "not json", '{"format": 1, "gates": []}'])
def test_a_report_that_is_none_is_refused(world: World, damage: str) -> None:
    world.repository.write("broken.json", damage)
    for verb in ("decide", "report"):
        ended = world.evalgate(verb, "broken.json")
        assert ended.code == 2
        assert "broken.json" in ended.err


def test_there_is_no_last_report_yet(world: World) -> None:
    ended = world.evalgate("report")
    assert ended.code == 2
    assert "there is no such report" in ended.err


def test_the_page_of_a_report_has_the_runs_until_this_one_of_the_log_that_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, evalgate: Callable[..., Ended]
) -> None:
    report = library.decide_scores(
        [
            {"case": f"c{n}", "arm": a, "criterion": "tone", "value": 0.9}
            for n in range(9)
            for a in ("baseline", "candidate")
        ]
    )
    own, *_ = list_runs(report)
    store, here = tmp_path / "project" / ".evalgate", tmp_path / "elsewhere"
    here.mkdir()
    monkeypatch.chdir(here)
    append_runs(store / "runs.jsonl", [replace(RUNS[0], gate=own.gate), own, replace(RUNS[1], gate=own.gate)])
    (store / "report.json").write_text(report_json.render(report))
    pages = {}
    for place in (store / "report.json", here / "report.json"):
        place.write_text(report_json.render(report))
        pages[place] = evalgate("report", str(place), "--format", "html").out
        assert evalgate("report", str(place), "--format", "json").out == report_json.render(report)
    assert "last 2 runs: 1 PASS, 1 INCONCLUSIVE" in pages[store / "report.json"]
    assert "History" not in pages[here / "report.json"], "there is no log of this report"
    append_runs(here / ".evalgate" / "runs.jsonl", [replace(RUNS[0], gate=own.gate)])
    assert evalgate("report", "report.json", "--format", "html").out == pages[here / "report.json"], (
        "of another project"
    )
