"""Tests of `evalgate plan`."""

from __future__ import annotations

import itertools
import json

import pytest
from gated_project import CASES, CONFIG, World, prompt


def unwrap(text: str) -> str:
    """Join the lines and the columns of a text."""
    return " ".join(text.split())


def test_plan_prints_calls_tokens_and_dollars_and_makes_no_call(world: World) -> None:
    world.edit()
    ended = world.evalgate("plan")
    assert ended.code == 0, ended.err
    assert f"{4 * CASES} calls to make, 0 answers cached" in unwrap(ended.out)
    assert "; about $" in unwrap(ended.out)
    assert not world.server.received
    world.evalgate("run")
    assert f"0 calls to make, {4 * CASES} answers cached" in unwrap(world.evalgate("plan").out)


def test_the_plan_says_what_the_cases_can_decide(world: World) -> None:
    config = (world.root / "evalgate.yml").read_text().replace("stop_early: false", "max_drop: 0.1")
    world.repository.write("evalgate.yml", config)
    world.edit()
    before = world.evalgate("plan")
    assert before.code == 0, before.err
    assert (
        "standard deviation 0.200 (assumed, because nothing was measured yet): 64 cases reliably detect a drop of 0.075"
        in unwrap(before.out)
    )
    assert "to decide on the allowed drop of 0.1: enough (no PASS below 29)" in unwrap(before.out)
    assert "stopping early" in unwrap(before.out)
    world.grade = lambda judged: 3 if "question 1" in judged else 5
    world.evalgate("run")
    after = world.evalgate("plan")
    assert "(from the last comparison)" in unwrap(after.out) or "estimated from the baseline's scores" in unwrap(
        after.out
    )
    assert f"every case {4 * CASES} calls to make" in unwrap(before.out)
    assert f"every case {4 * CASES} calls to make" not in unwrap(after.out)


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
    assert "units 52 are independent; everything below counts these:" in unwrap(ended.out)
    assert "12 cases are in 3 clusters, and a cluster counts as one" in unwrap(ended.out)
    assert "3 cases repeat the request of another one, and equal requests count as one" in unwrap(ended.out)
    assert ": 52 independent units reliably detect a drop of " in unwrap(ended.out)
    report = world.evalgate("run", "--output", "report.json")
    assert report.code in (0, 4)
    assert world.report()["gates"][0]["units"] == 52


def test_the_plan_of_independent_cases_says_nothing_of_units(world: World) -> None:
    world.edit()
    assert " units " not in unwrap(world.evalgate("plan").out)


@pytest.mark.parametrize(("version", "manner"), [("1.0.1", "Be exact!"), ("1.1.0", "Be brief, always and everywhere.")])
def test_the_plan_says_that_few_units_decide_nothing(world: World, version: str, manner: str) -> None:
    config = CONFIG.format(url=world.server.url).replace("policy: {", "policy: {patch: {judges: true}, ")
    with_cases(world, cases_of(world)[:7], config)
    world.edit(version, manner)
    patch = version == "1.0.1"
    planned = world.evalgate("plan")
    assert planned.code == 0, planned.err
    assert "7 are enough only to find broken cases, 8 are needed" in planned.out
    assert ("this PATCH merges with a warning" in unwrap(planned.out)) is patch
    assert ("this MINOR is inconclusive and blocks (exit code 4)" in unwrap(planned.out)) is not patch
    assert "reliably detect" not in planned.out
    assert world.evalgate("run").code == (0 if patch else 4)
    with_cases(world, [*cases_of(world), {**cases_of(world)[0], "id": "more", "query": "one more"}])
    world.edit(version, manner)
    assert "decide nothing" not in unwrap(world.evalgate("plan").out)


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
    before = unwrap(world.evalgate("plan").out)
    assert "repeats 2 cases with 3 samples instead of 1, where the stored" in before
    # one answer and one judgement each
    assert "baseline varies most; of the calls below: 8 calls to make, 0 answers cached" in before
    assert f"every case {2 * CASES + 8} calls to make" in before
    world.evalgate("run", "--output", "report.json")
    results = world.report()["gates"][0]["results"]
    candidate = [result["case"] for result in results if result["arm"] == "candidate"]
    assert sorted(candidate) == sorted([f"case-{i:03}" for i in range(CASES)] + ["case-003", "case-004"] * 2)
    off = config.replace("candidate: 1}", "candidate: 1, wavering: 1}")
    world.repository.write("evalgate.yml", off)
    assert " repeats " not in unwrap(world.evalgate("plan").out)


def test_a_plan_by_batch_costs_half_and_has_no_looks(world: World) -> None:
    config = (world.root / "evalgate.yml").read_text().replace("stop_early: false", "max_drop: 0.1")
    world.repository.write("evalgate.yml", config.replace("{input: 1, output: 2}", "{input: 1000, output: 2000}"))
    world.edit()
    by_call, by_batch = (unwrap(world.evalgate("plan", "--engine", engine).out) for engine in ("asyncio", "batch"))

    def dollars(out: str) -> float:
        return float(out.partition(" every case ")[2].partition("$")[2].split()[0])

    assert dollars(by_call) > 10
    assert dollars(by_batch) == pytest.approx(dollars(by_call) / 2, abs=0.01)
    assert "half the price" in by_batch
    assert "half the price" not in by_call
    assert " stopping early " in by_call
    assert " stopping early " not in by_batch
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
    assert "cannot pass: 50 cases cannot prove that faithfulness fell by less than 0.05; at least 59" in unwrap(
        ended.out
    )
    assert not world.server.received
