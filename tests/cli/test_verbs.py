"""Tests of the verbs that need no model: validate, plan, decide, report."""

from __future__ import annotations

import itertools
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from chat_server import error
from commands.test_run import by_fact, worse_when_brief
from gated_project import CASES, CONFIG, World, prompt


def test_validate_says_what_it_saw(world: World) -> None:
    ended = world.evalgate("validate")
    assert ended.code == 0, ended.err
    assert f"support: prompts/support.prompt.yml 1.0.0, {CASES} cases, 2 checks, 1 judges" in ended.out
    assert not world.server.received


def test_validate_names_all_faults_of_all_files_at_once(world: World) -> None:
    config = CONFIG.format(url=world.server.url).replace("rubric: faithfulness", "rubric: faithfulnes")
    world.repository.write("evalgate.yml", config + "polcy: {}\n")
    ended = world.evalgate("validate")
    assert ended.code == 2
    assert 'did you mean "faithfulness"?' in ended.err
    assert 'did you mean "policy"?' in ended.err
    assert ended.err.count("evalgate.yml:") == 2


def test_validate_finds_a_variable_that_no_case_gives_and_a_pattern_that_is_none(world: World) -> None:
    text = (world.root / "prompts/support.prompt.yml").read_text().replace("{{query}}", "{{qury}}")
    world.repository.write("prompts/support.prompt.yml", text)
    ended = world.evalgate("validate")
    assert ended.code == 2
    assert "qury" in ended.err and "query" in ended.err
    bad = CONFIG.format(url=world.server.url).replace("{type: is_json}", '{type: regex, pattern: "("}')
    world.repository.write("evalgate.yml", bad)
    ended = world.evalgate("validate")
    assert ended.code == 2
    assert "evalgate.yml:10:" in ended.err


def test_plan_tells_calls_tokens_and_dollars_and_calls_nobody(world: World) -> None:
    world.edit()
    ended = world.evalgate("plan")
    assert ended.code == 0, ended.err
    assert f"{4 * CASES} calls to make, 0 answers cached" in ended.out
    assert "; about $" in ended.out
    assert not world.server.received
    world.evalgate("run")
    assert f"{2 * CASES} answers cached" in world.evalgate("plan").out


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


def test_a_run_without_a_verdict_leaves_no_old_one_behind(world: World) -> None:
    world.edit()
    assert world.evalgate("run").code == 0
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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "json", "--format", "markdown"], "cannot share stdout"),
        (["--output", "x.pdf"], "give its --format"),
        (["--format", "json", "--output", "a.json", "--output", "b.json"], "2 --output for 1 --format"),
        (["--format", "json", "--format", "terminal", "--output", "a.md"], "no --format markdown"),
    ],
)
def test_outputs_that_do_not_fit_their_formats(world: World, arguments: list[str], message: str) -> None:
    ended = world.evalgate("run", *arguments)
    assert ended.code == 2
    assert message in ended.err
    assert not world.server.received


def test_the_plan_says_what_the_cases_can_decide(world: World) -> None:
    config = (world.root / "evalgate.yml").read_text().replace("stop_early: false", "max_drop: 0.1")
    world.repository.write("evalgate.yml", config)
    world.edit()
    before = world.evalgate("plan")
    assert before.code == 0, before.err
    assert (
        "standard deviation 0.200 (assumed, because nothing was measured yet): 64 cases reliably detect a drop of 0.075"
        in before.out
    )
    assert "to decide on the allowed drop of 0.1: enough (no PASS below 29)" in before.out
    assert "stopping early" in before.out
    world.grade = lambda judged: 3 if "question 1" in judged else 5
    world.evalgate("run")
    after = world.evalgate("plan")
    assert "(from the last comparison)" in after.out or "estimated from the baseline's scores" in after.out
    assert "0 calls to make" not in after.out, "judges are counted, since their answers are not known before"


def with_cases(world: World, rows: list[dict[str, object]], config: str | None = None) -> None:
    """Commit these cases to the default branch."""
    world.repository.write("cases.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    if config is not None:
        world.repository.write("evalgate.yml", config)
    world.repository.git("commit", "--quiet", "--all", "--message", "other cases")
    world.repository.git("branch", "--force", "main", "HEAD")


def cases_of(world: World) -> list[dict[str, object]]:
    return [json.loads(row) for row in (world.root / "cases.jsonl").read_text().splitlines()]


def test_the_plan_says_how_many_units_the_cases_are_and_why(world: World) -> None:
    rows = cases_of(world)
    for i in range(12):
        rows[i]["cluster"] = f"document {i // 4}"
    for i in (20, 21, 22):
        rows[i] |= {"query": rows[30]["query"], "context": rows[30]["context"]}
    with_cases(world, rows)
    world.edit()
    ended = world.evalgate("plan")
    assert ended.code == 0, ended.err
    assert "units             52 are independent; everything below counts these:" in ended.out
    assert "12 cases are in 3 clusters, and a cluster counts as one" in ended.out
    assert "3 cases repeat the request of another one, and equal requests count as one" in ended.out
    assert ": 52 independent units reliably detect a drop of " in ended.out
    report = world.evalgate("run", "--output", "report.json")
    assert report.code in (0, 4)
    assert world.report()["gates"][0]["units"] == 52


def test_the_plan_of_independent_cases_says_nothing_of_units(world: World) -> None:
    world.edit()
    assert "  units  " not in world.evalgate("plan").out


@pytest.mark.parametrize(("version", "manner"), [("1.0.1", "Be exact!"), ("1.1.0", "Be brief, always and everywhere.")])
def test_the_plan_says_that_few_units_decide_nothing(world: World, version: str, manner: str) -> None:
    config = CONFIG.format(url=world.server.url).replace("policy: {", "policy: {patch: {judges: true}, ")
    with_cases(world, cases_of(world)[:7], config)
    world.edit(version, manner)
    patch = version == "1.0.1"
    planned = world.evalgate("plan")
    assert planned.code == 0, planned.err
    assert "7 are enough only to find broken cases, 8 are needed" in planned.out
    assert ("this PATCH merges with a warning" in planned.out) is patch
    assert ("this MINOR is inconclusive and blocks (exit code 4)" in planned.out) is not patch
    assert "reliably detect" not in planned.out
    assert world.evalgate("run").code == (0 if patch else 4)
    with_cases(world, [*cases_of(world), {**cases_of(world)[0], "id": "more", "query": "one more"}])
    world.edit(version, manner)
    assert "decide nothing" not in world.evalgate("plan").out


@pytest.mark.parametrize("cases", [1, 7, 63])
def test_blocking_checks_alone_are_decided_at_any_size(world: World, cases: int) -> None:
    with_cases(world, cases_of(world)[:cases])
    world.edit("1.0.1", "Be exact!")
    planned = world.evalgate("plan")
    assert planned.code == 0, planned.err
    assert "decides           blocking checks alone, at any number of cases" in planned.out
    assert "decide nothing" not in planned.out
    assert world.evalgate("run").code == 0
    world.application = lambda system, user: "no JSON" if "Be precise!" in system else json.dumps({"answer": user})
    world.edit("1.0.2", "Be precise!")
    assert world.evalgate("run").code == 1


def test_the_plan_says_which_cases_are_repeated_and_what_that_costs(world: World) -> None:
    config = (world.root / "evalgate.yml").read_text().replace("baseline: 1", "baseline: 3")
    with_cases(world, cases_of(world), config)
    answers = iter(range(10_000))
    world.application = lambda system, user: json.dumps({"answer": user, "n": next(answers)})
    grades = {"question 3\\n": itertools.cycle((5, 1)), "question 4\\n": itertools.cycle((5, 1))}
    world.grade = lambda judged: next((next(own) for asked, own in grades.items() if asked in judged), 5)
    assert world.evalgate("baseline", "sample").code == 0
    world.edit()
    before = world.evalgate("plan").out
    assert "repeats           2 cases with 3 samples instead of 1, where the stored" in before
    # one answer and one judgement each
    assert "baseline varies most; of the calls below: 8 calls to make, 0 answers cached" in before
    assert f"every case        {2 * CASES + 8} calls to make" in before
    world.evalgate("run", "--output", "report.json")
    results = world.report()["gates"][0]["results"]
    candidate = [result["case"] for result in results if result["arm"] == "candidate"]
    assert sorted(candidate) == sorted([f"case-{i:03}" for i in range(CASES)] + ["case-003", "case-004"] * 2)
    off = config.replace("candidate: 1}", "candidate: 1, wavering: 1}")
    world.repository.write("evalgate.yml", off)
    assert "  repeats  " not in world.evalgate("plan").out


def test_a_plan_by_batch_costs_half_and_has_no_looks(world: World) -> None:
    config = (world.root / "evalgate.yml").read_text().replace("stop_early: false", "max_drop: 0.1")
    world.repository.write("evalgate.yml", config.replace("{input: 1, output: 2}", "{input: 1000, output: 2000}"))
    world.edit()
    by_call, by_batch = (world.evalgate("plan", "--engine", engine).out for engine in ("asyncio", "batch"))

    def dollars(out: str) -> float:
        (line,) = [line for line in out.splitlines() if line.startswith("  every case")]
        return float(line.rpartition("$")[2])

    assert dollars(by_call) > 10
    assert dollars(by_batch) == pytest.approx(dollars(by_call) / 2, abs=0.01)
    assert "half the price" in by_batch
    assert "half the price" not in by_call
    assert "stopping early   " in by_call
    assert "stopping early   " not in by_batch
    assert not world.server.received


def test_a_plan_by_batch_of_what_no_batch_answers_is_refused_as_the_run_is(world: World) -> None:
    config = (world.root / "evalgate.yml").read_text()
    world.repository.write("evalgate.yml", config.replace("type: is_json", "type: latency, p95_seconds: 9"))
    world.edit()
    planned, ran = (world.evalgate(verb, "--engine", "batch") for verb in ("plan", "run"))
    assert planned.code == ran.code == 2
    assert "needs seconds, and a batch does not report any" in planned.err
    assert planned.err == ran.err
    assert not world.server.received


def test_the_plan_says_that_a_major_cannot_pass(world: World) -> None:
    rows = (world.root / "cases.jsonl").read_text().splitlines()[:50]
    world.repository.write("cases.jsonl", "\n".join(rows) + "\n")
    world.repository.git("commit", "--quiet", "--all", "--message", "fewer")
    world.repository.git("branch", "--force", "main", "HEAD")
    world.repository.write("prompts/support.prompt.yml", prompt("2.0.0") + "modelParameters: {temperature: 0.5}\n")
    ended = world.evalgate("plan")
    assert ended.code == 2
    assert "cannot pass: 50 cases cannot prove that faithfulness fell by less than 0.05; at least 59" in ended.out
    assert not world.server.received


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
