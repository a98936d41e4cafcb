"""Gates in which something was not measured never pass."""

from __future__ import annotations

import json

import pytest
from chat_server import error
from gate.live_run import looking, rate, run
from gated_project import CASES, World


def rows(world: World) -> list[dict]:
    return [json.loads(line) for line in (world.root / "cases.jsonl").read_text().splitlines()]


def write(world: World, changed: list[dict]) -> None:
    world.repository.write("cases.jsonl", "".join(json.dumps(row) + "\n" for row in changed))


def test_fixed_cases_are_drawn_before_broken_ones_fail_a_change(world: World) -> None:
    looking(world, stop_early="false")
    world.application = lambda system, user: json.dumps({"answer": user + (" briefly" if "always" in system else "")})

    def grade(judged: str) -> int:
        number = int(judged.split("question ")[1].split(maxsplit=1)[0])
        brief = "briefly" in judged
        return 1 if (brief and number < 2) or (not brief and 2 <= number < 12) else 5

    world.grade = grade
    world.edit()
    gate = run(world)
    assert (len(gate["flips"]["broken"]), len(gate["flips"]["fixed"])) == (2, 10)
    assert gate["decision"] == "PASS", "eight more cases hold than before"


def test_judges_that_have_changed_places_are_asked(world: World) -> None:
    looking(world)
    config = (world.root / "evalgate.yml").read_text()
    api = next(line for line in config.splitlines() if line.lstrip().startswith("api:"))
    other = api.replace("api:", "other:").replace("model: m", "model: n")
    two = config.replace(api, f"{api}\n{other}").replace("dataset:", "target: api\n    dataset:")
    judges = "      - {rubric: faithfulness, target: %s}\n      - {rubric: relevance, target: %s}"
    for first, second in (("api", "other"), ("other", "api")):
        changed = two.replace("      - {rubric: faithfulness}", judges % (first, second))
        world.repository.write("evalgate.yml", changed)
        world.edit()
        world.server.received.clear()
        assert run(world)["decision"] == "PASS"
        assert any(r.body.get("response_format") for r in world.server.received), "the judges were asked"


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ("", "blocking_tags: [refund]"),
        ("", "critical_tags: [refund]"),
        ("", "stop_early: false"),
        ("", "max_drop: 0.02"),
    ],
)
def test_stricter_rules_are_not_met_by_a_run_that_stopped(world: World, then: str, now: str) -> None:
    changed = rows(world)
    for row in changed[:20]:
        row["tags"] = ["refund"]
    write(world, changed)
    looking(world, max_drop="0.1")
    world.edit()
    gate = run(world)
    assert gate["decision"] == "PASS" and gate["look"]["cases"] < CASES
    config = (world.root / "evalgate.yml").read_text()
    world.repository.write(
        "evalgate.yml", config.replace("max_drop: 0.1", now if "max_drop" in now else f"max_drop: 0.1, {now}")
    )
    ended = world.evalgate("decide", "report.json")
    assert ended.code == 4, ended.out
    assert "run the gate again" in " ".join(ended.out.split())


def test_a_critical_case_that_was_not_decided_is_no_pass(world: World) -> None:
    looking(world, max_drop="0.1")
    world.edit()
    last = run(world)["order"][-1]
    changed = rows(world)
    next(row for row in changed if row["id"] == last)["tags"].append("critical")
    write(world, changed)
    world.repository.git("commit", "--quiet", "--message", "critical", "cases.jsonl")
    world.repository.git("branch", "--force", "main", "HEAD")
    question = f"question {int(last[-3:])}\n"
    world.application = lambda system, user: (
        error(500, "down") if question in user and "always" in system else json.dumps({"answer": user})
    )
    gate = run(world, "--store", "another")
    assert gate["decision"] == "INCONCLUSIVE", world.ended.out
    assert world.ended.code == 4


def test_the_95th_percentile_is_of_every_output(world: World) -> None:
    looking(world, max_drop="0.1")
    config = (world.root / "evalgate.yml").read_text()
    config = config.replace("    judges:", "      - {type: latency, p95_seconds: 60}\n    judges:").replace(
        "policy:", "    thresholds: {latency: {max_drop: 0.1}}\npolicy:"
    )
    lines = config.splitlines()
    threshold = next(line for line in lines if "thresholds" in line)
    lines.remove(threshold)
    lines.insert(next(i for i, line in enumerate(lines) if line.startswith("run:")), threshold)
    world.repository.write("evalgate.yml", "\n".join(lines) + "\n")
    world.edit()
    gate = run(world)
    assert gate["look"]["cases"] < CASES
    assert f"over {CASES} outputs" in " ".join(f["sentence"] for f in gate["findings"])


def test_a_blocking_tag_must_be_there_and_large_enough(world: World) -> None:
    changed = rows(world)
    for row in changed[:7]:
        row["tags"] = ["refund"]
    write(world, changed)
    looking(world, max_drop="0.4", blocking_tags="[refund]")
    rate(world, dict.fromkeys(range(7), 3))
    world.edit()
    gate = run(world)
    assert gate["decision"] == "INCONCLUSIVE"
    assert "7 cases are too few to test: 8 are needed" in " ".join(f["sentence"] for f in gate["findings"])
    looking(world, max_drop="0.4", blocking_tags="[refnud]")
    ended = world.evalgate("run")
    assert ended.code == 2
    assert "no case has the tag refnud" in ended.err


TAMPERED = {
    "a case twice in the order": lambda gate: gate["order"].__setitem__(0, gate["order"][1]),
    "a score off the scale in a fresh sample": lambda gate: gate["confirmations"][0]["scores"]["faithfulness"].update(
        value=7.0
    ),
    "a fresh sample under the number of the own one": lambda gate: gate["confirmations"][0].update(repeat=0),
    "a result of a case that was not planned": lambda gate: gate["results"][0].update(case="case-999"),
    "an order cut short": lambda gate: gate["order"].pop(),
}


@pytest.mark.parametrize("tamper", TAMPERED.values(), ids=TAMPERED)
def test_a_report_that_no_run_could_have_written_is_refused(world: World, tamper) -> None:
    looking(world, stop_early="false")
    rate(world, {5: 1, 6: 1})
    world.edit()
    run(world)
    report = json.loads((world.root / "report.json").read_text())
    tamper(report["gates"][0])
    (world.root / "report.json").write_text(json.dumps(report))
    assert world.evalgate("decide", "report.json").code == 2
    assert world.evalgate("report", "report.json").code == 2


def test_cases_that_rose_and_were_not_drawn_again_set_off_nothing(world: World) -> None:
    """The mean fails, so nothing is drawn; under a wider drop the turned cases are as open as they were."""
    looking(world, stop_early="false")
    world.application = lambda system, user: json.dumps({"answer": user + (" briefly" if "always" in system else "")})

    def grade(judged: str) -> int:
        number = int(judged.split("question ")[1].split(maxsplit=1)[0])
        brief = "briefly" in judged
        return 1 if (brief and number < 14) or (not brief and 14 <= number < 18) else 5

    world.grade = grade
    world.edit()
    gate = run(world)
    assert (gate["decision"], gate["confirmations"]) == ("FAIL", [])
    config = (world.root / "evalgate.yml").read_text().replace("stop_early: false", "stop_early: false, max_drop: 0.9")
    world.repository.write("evalgate.yml", config)
    ended = world.evalgate("decide", "report.json")
    assert ended.code == 4
    assert "changed from pass to fail, with too few draws to decide" in " ".join(ended.out.split())
