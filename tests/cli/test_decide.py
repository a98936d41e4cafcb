"""Tests of `evalgate decide`: stored reports, and scores of any tool."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from commands.test_run import by_fact, worse_when_brief
from gated_project import CASES, CONFIG, World


def test_a_stored_report_gives_the_same_verdict_byte_for_byte(world: World) -> None:
    world.application, world.grade = worse_when_brief, by_fact
    world.edit()
    assert world.evalgate("run", "--output", "report.json").code == 1
    before = len(world.server.received)
    assert world.evalgate("decide", "report.json", "--output", "again.json").code == 1
    assert (world.root / "again.json").read_bytes() == (world.root / "report.json").read_bytes()
    assert world.evalgate("report", "report.json", "--format", "json", "--output", "third.json").code == 0
    assert (world.root / "third.json").read_bytes() == (world.root / "report.json").read_bytes()
    assert len(world.server.received) == before
    markdown = world.evalgate("report", "--format", "markdown")
    assert markdown.code == 0
    assert "FAIL" in markdown.out.splitlines()[0]
    page = world.evalgate("report", "--format", "html")
    assert page.code == 0 and page.out.startswith("<!doctype html>")
    assert world.evalgate("report", "--output", "report.html").code == 0
    assert (world.root / "report.html").read_text(encoding="utf-8") == page.out


def test_decide_follows_the_current_policy_and_the_options_over_it(world: World) -> None:
    # a drop from 5 to 3, so that no case changes from pass to fail
    world.application, world.grade = worse_when_brief, lambda judged: 3 if by_fact(judged) == 1 else 5
    world.edit()
    world.evalgate("run", "--output", "report.json")
    lenient = CONFIG.format(url=world.server.url).replace(
        "run:", "    thresholds: {faithfulness: {max_drop: 0.9}}\nrun:"
    )
    world.repository.write("evalgate.yml", lenient)
    assert world.evalgate("decide", "report.json").code == 0
    assert world.evalgate("decide", "report.json", "--max-drop", "0.05").code == 1
    assert world.evalgate("decide", "report.json", "--min", "faithfulness=0.85").code == 1
    assert world.evalgate("decide", "report.json", "--min", "faithfulness=0.2").code == 0
    unknown = world.evalgate("decide", "report.json", "--min", "faithfullness=0.75")
    assert unknown.code == 2
    assert 'did you mean "faithfulness"?' in unknown.err


def test_a_criterion_that_was_not_measured_is_undecided(world: World) -> None:
    world.edit("1.0.1", "Be exact!")
    assert world.evalgate("run", "--output", "report.json").code == 0
    config = CONFIG.format(url=world.server.url)
    world.repository.write("evalgate.yml", config.replace("policy: {", "policy: {patch: {judges: true}, "))
    ended = world.evalgate("decide", "report.json")
    assert ended.code == 4
    assert "faithfulness" in ended.out
    stricter = config.replace("{type: is_json}", "{type: is_json}\n      - {type: length, max_words: 1}")
    world.repository.write("evalgate.yml", stricter)
    assert world.evalgate("decide", "report.json").code == 4
    world.repository.write("evalgate.yml", config.replace("{type: is_json}", "{type: not_is_json, name: is_json}"))
    assert world.evalgate("decide", "report.json").code == 4
    world.repository.write("evalgate.yml", config.replace("name: support", "name: renamed"))
    renamed = world.evalgate("decide", "report.json")
    assert renamed.code == 2
    assert '"support" is not in evalgate.yml' in renamed.err


def scores(path: Path, drop: float, n: int = 100, spread: float = 0.1) -> None:
    seeded = random.Random(7)
    with path.open("w") as file:
        file.write("case,arm,criterion,value,tag\n")
        for i in range(n):
            base = 0.4 + 0.2 * seeded.random()
            new = min(1.0, max(0.0, base - drop + (spread if i % 2 else -spread)))
            file.write(f"c{i},baseline,quality,{base},t{i % 3}\nc{i},candidate,quality,{new},t{i % 3}\n")


@pytest.mark.parametrize(("drop", "spread", "code"), [(0.0, 0.02, 0), (0.2, 0.05, 1), (0.0, 0.3, 4), (-0.1, 0.02, 0)])
def test_any_tools_scores_can_be_gated(world: World, drop: float, spread: float, code: int) -> None:
    scores(world.root / "scores.csv", drop, spread=spread)
    ended = world.evalgate("decide", "--scores", "scores.csv", "--max-drop", "0.05", "--output", "report.json")
    assert ended.code == code, ended.out
    gate = world.report()["gates"][0]
    assert gate["counts"] == {"expected": 100, "decided": 100, "failures": 0, "unscored": 0}
    patch = world.evalgate("decide", "--scores", "scores.csv", "--level", "PATCH")  # as reports write it
    assert patch.code == (0 if code == 4 else code)


def test_a_case_with_one_arm_only_is_undecided(world: World) -> None:
    scores(world.root / "scores.csv", 0.0, spread=0.01)
    lines = (world.root / "scores.csv").read_text().splitlines(keepends=True)
    (world.root / "scores.csv").write_text("".join(lines[:-1]))
    ended = world.evalgate("decide", "--scores", "scores.csv")
    assert ended.code == 0
    assert "over 99 cases; 1 more could not be decided" in " ".join(ended.out.split())
    one_arm = ("c97,candidate", "c98,baseline", "c99,candidate")
    (world.root / "scores.csv").write_text("".join(line for line in lines if not line.startswith(one_arm)))
    ended = world.evalgate("decide", "--scores", "scores.csv")
    assert ended.code == 4, "of 100 cases two may lack an arm, and these are three"
    assert "c99" in ended.out


def test_scores_without_a_baseline_need_a_floor(world: World) -> None:
    rows = [json.dumps({"case": f"c{i}", "arm": "candidate", "criterion": "quality", "value": 0.9}) for i in range(60)]
    world.repository.write("scores.jsonl", "\n".join(rows))
    assert world.evalgate("decide", "--scores", "scores.jsonl").code == 4
    assert world.evalgate("decide", "--scores", "scores.jsonl", "--min", "quality=0.75").code == 0
    assert world.evalgate("decide", "--scores", "scores.jsonl", "--min", "quality=0.95").code == 1
    twice = world.evalgate("decide", "--scores", "scores.jsonl", "--min", "quality=0.95", "--min", "quality=0.75")
    assert twice.code == 2 and '"quality" has two floors, 0.95 and 0.75' in " ".join(twice.err.split())


def test_scores_with_holes_are_undecided(world: World) -> None:
    lines = ["case,arm,criterion,value,repeat"]
    for i in range(80):
        for arm in ("baseline", "candidate"):
            lines += [f"c{i},{arm},quality,0.9,{k}" for k in range(3) if arm == "baseline" or i % 2 or k == 0]
    world.repository.write("scores.csv", "\n".join(lines))
    assert world.evalgate("decide", "--scores", "scores.csv").code == 0, "some cases may have more samples than others"
    world.repository.write("scores.csv", "\n".join(line for line in lines if not line.startswith(("c7,b", "c8,c"))))
    assert world.evalgate("decide", "--scores", "scores.csv").code == 4
    world.repository.write("scores.csv", "\n".join(line for line in lines if ",candidate," in line or "case" in line))
    ended = world.evalgate("decide", "--scores", "scores.csv", "--max-drop", "0.05")
    assert ended.code == 2
    assert "no row has one" in ended.err


def test_a_repeat_that_is_missing_between_others_is_a_score_that_is_missing(world: World) -> None:
    lines = ["case,arm,criterion,value,repeat"]
    for i in range(80):
        lines += [f"c{i},baseline,quality,0.9,{k}" for k in (0, 1, 2)]
        lines += [f"c{i},candidate,quality,0.9,{k}" for k in ((0, 1_000_000_000) if i < 3 else (0, 1))]
    world.repository.write("scores.csv", "\n".join(lines))
    ended = world.evalgate("decide", "--scores", "scores.csv", "--output", "report.json")
    assert ended.code == 4
    assert "3 of 80 cases could not be decided (c0, c1, c2)" in " ".join(ended.out.split())
    assert world.evalgate("report", "report.json").out == ended.out


@pytest.mark.parametrize("arguments", [["--max-drop", "0"], ["--config", "evalgate.yml"], ["--min", "quality"]])
def test_options_that_scores_cannot_take(world: World, arguments: list[str]) -> None:
    scores(world.root / "scores.csv", 0.0)
    assert world.evalgate("decide", "--scores", "scores.csv", *arguments).code == 2


def test_scores_are_decided_without_a_package_for_tables(world: World) -> None:
    """Read scores without importing pandas or scipy, and decide without pandas: each import is slow."""
    rows = [f"c{i},{arm},quality,0.{i % 7}" for i in range(30) for arm in ("candidate", "baseline")]
    world.repository.write("scores.csv", "\n".join(["case,arm,criterion,value", *rows, ""]))
    load = """
from pathlib import Path
from evalgate.inputs.score_rows import load_scores
from evalgate.inputs.tree import WorkTree
assert len(load_scores(WorkTree(Path()), "scores.csv")) == 60
"""
    decide = """
from evalgate.cli import root
words = ["decide", "--scores", "scores.csv", "--min", "quality=0.9"]
assert root.main(words, standalone_mode=False) == 1
"""
    for code, unwanted in ((load, {"pandas", "scipy", "numpy"}), (decide, {"pandas"})):
        check = f"import sys\n{code}\nprint(*{unwanted} & set(sys.modules), file=sys.stderr)"
        ended = subprocess.run(
            [sys.executable, "-c", check], cwd=world.root, capture_output=True, text=True, check=False
        )
        assert (ended.returncode, ended.stderr.strip()) == (0, "")


@pytest.mark.parametrize(
    ("row", "place"),
    [
        ("c1,baseline,quality,NaN", 'scores.csv:2: "value"'),
        ("c1,baseline,quality,", 'scores.csv:2: "value"'),
        ("c1,basline,quality,0.5", 'scores.csv:2: "arm"'),
        ("c1,baseline,quality,1.5", 'scores.csv:2: "value"'),
    ],
)
def test_a_bad_row_has_its_place(world: World, row: str, place: str) -> None:
    world.repository.write("scores.csv", f"case,arm,criterion,value\n{row}\n")
    ended = world.evalgate("decide", "--scores", "scores.csv")
    assert ended.code == 2
    assert place in ended.err


def test_the_scores_as_a_table_lead_to_the_same_numbers(world: World) -> None:
    world.application, world.grade = worse_when_brief, by_fact
    world.edit()
    world.evalgate("run", "--output", "report.json")
    assert world.evalgate("report", "report.json", "--output", "scores.csv", "--format", "csv").code == 0
    lines = (world.root / "scores.csv").read_text().splitlines()
    assert lines[0] == "gate,case,arm,criterion,value,repeat,tag,cluster,reason"
    assert len(lines) == 1 + 3 * 2 * CASES
    assert world.evalgate("decide", "--scores", "scores.csv", "--output", "again.json").code == 1
    kept = {c["criterion"]: c["difference"]["value"] for c in world.report()["gates"][0]["comparisons"]}
    again = {c["criterion"]: c["difference"]["value"] for c in world.report("again.json")["gates"][0]["comparisons"]}
    del kept["answered"]  # computed from the outputs
    assert again == pytest.approx(kept)
