"""Tests of `evalgate calibrate`: judges compared with labels and anchors."""

from __future__ import annotations

import json
import random

import pytest
from gated_project import World


def report(world: World, *, cases: int = 150, lenient: float = 0.0) -> dict[str, float]:
    """Store a report with scores of a judge; return the human score of each case."""
    seeded = random.Random(3)
    human = {f"c{i}": seeded.choice((0.25, 0.5, 0.75, 0.75, 1.0)) for i in range(cases)}
    rows = []
    for case, truth in human.items():
        for arm in ("baseline", "candidate"):
            value = min(1.0, max(0.0, truth + lenient + seeded.choice((0, 0, 0, 0.25, -0.25))))
            rows.append({"case": case, "arm": arm, "criterion": "quality", "value": value})
    write(world, "scores.jsonl", rows)
    world.evalgate("decide", "--scores", "scores.jsonl", "--output", "report.json")
    return human


def write(world: World, name: str, rows: list[dict]) -> None:
    world.repository.write(name, "\n".join(map(json.dumps, rows)))


def label(world: World, human: dict[str, float], count: int, **more: object) -> None:
    rows = [{"case": case, "criterion": "quality", "value": human[case], **more} for case in list(human)[:count]]
    write(world, "labels.jsonl", rows)


def test_a_fair_judge_and_its_corrected_floor(world: World) -> None:
    label(world, report(world), 60)
    arguments = ("calibrate", "report.json", "--labels", "labels.jsonl")
    ended = world.evalgate(*arguments)
    assert ended.code == 0, ended.err
    assert "scores: quality: the judge against 60 labels" in ended.out
    assert "floor" not in ended.out
    for floor, code, word in ((0.5, 0, "PASS"), (0.65, 4, "INCONCLUSIVE"), (0.8, 1, "FAIL")):
        ended = world.evalgate(*arguments, "--min", f"quality={floor}")
        assert ended.code == code, ended.out
        assert f"floor   {floor}: {word}" in ended.out
    data = json.loads(world.evalgate(*arguments, "--min", "quality=0.5", "--format", "json").out)
    assert data["labels"][0]["decision"] == "PASS"
    assert data["labels"][0]["corrected"]["labelled"] == 60
    assert data["labels"][0]["corrected"]["unlabelled"] == 90


def test_a_lenient_judge_is_named(world: World) -> None:
    label(world, report(world, lenient=0.15), 60)
    ended = world.evalgate("calibrate", "report.json", "--labels", "labels.jsonl", "--min", "quality=0.75")
    assert "warning: the judge is too lenient" in ended.out
    assert "warning: the observed bias is larger than the margin" in ended.out
    assert ended.code in (1, 4)


def test_few_labels_leave_a_floor_open(world: World) -> None:
    label(world, report(world), 19)
    ended = world.evalgate("calibrate", "report.json", "--labels", "labels.jsonl", "--min", "quality=0.1")
    assert ended.code == 4
    assert "needs 20 labelled cases" in ended.out


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ({"case": "nobody"}, 'labels.jsonl:1: the report has no output of case "nobody", candidate, repeat 0'),
        ({"criterion": "qualty"}, 'did you mean "quality"?'),
        ({"repeat": 1}, 'no output of case "c0", candidate, repeat 1'),
        ({"value": 4}, "map a rating"),
        ({"arm": "human"}, '"arm" must be candidate or baseline'),
    ],
)
def test_a_label_of_nothing_is_refused(world: World, edit: dict, message: str) -> None:
    label(world, report(world), 1, **edit)
    ended = world.evalgate("calibrate", "report.json", "--labels", "labels.jsonl")
    assert ended.code == 2
    assert message in ended.err


def anchored(world: World, name: str, shift: float, *, repeats: int = 1, count: int = 30) -> None:
    seeded = random.Random(name)
    rows = [
        {
            "case": f"a{i}",
            "criterion": "quality",
            "repeat": k,
            "value": 0.3 + i % 5 / 10 + shift + 0.1 * seeded.random(),
        }
        for i in range(count)
        for k in range(repeats)
    ]
    write(world, name, rows)


def test_anchors_stable_and_drifted(world: World) -> None:
    anchored(world, "then.jsonl", 0.0, repeats=3)
    for shift, code, word in ((0.0, 0, "stable"), (-0.2, 1, "DRIFT"), (0.2, 1, "DRIFT")):
        anchored(world, "now.jsonl", shift)
        ended = world.evalgate("calibrate", "--anchors", "then.jsonl", "--now", "now.jsonl")
        assert ended.code == code, ended.out
        assert "quality: 30 anchors moved by" in ended.out and word in ended.out
    data = json.loads(
        world.evalgate("calibrate", "--anchors", "then.jsonl", "--now", "now.jsonl", "--format", "json").out
    )
    assert data["anchors"][0]["alarm"] is True


def test_anchors_that_change_places_or_never_differ(world: World) -> None:
    values = [0.2, 0.4, 0.6, 0.8] * 10
    rows = [{"case": f"a{i}", "criterion": "quality", "value": value} for i, value in enumerate(values)]
    write(world, "then.jsonl", rows)
    arguments = ("calibrate", "--anchors", "then.jsonl", "--now", "now.jsonl")
    for now, code, word in (
        (values, 0, "stable"),
        (values[::-1], 1, "DRIFT"),
        ([0.5] * 40, 1, "DRIFT"),
        ([value if i % 2 else 1 - value for i, value in enumerate(values)], 1, "DRIFT"),
    ):
        write(world, "now.jsonl", [{**row, "value": value} for row, value in zip(rows, now, strict=True)])
        ended = world.evalgate(*arguments)
        assert ended.code == code, ended.out
        assert word in ended.out
    for name in ("then.jsonl", "now.jsonl"):
        write(world, name, [{**row, "value": 1.0} for row in rows])
    ended = world.evalgate(*arguments)
    assert ended.code == 4
    assert "too little evidence" in ended.out


def test_repeats_and_clusters_count_once(world: World) -> None:
    """Count units once if each output is labelled 20 times, or if each question has 20 wordings."""
    seeded = random.Random(5)
    truth = [(seeded.choice((0.25, 0.5, 0.75)), seeded.choice((-0.25, 0.0, 0.25, 0.25))) for _ in range(30)]
    told = {}
    for form, copies in (("once", 1), ("repeats", 20), ("clusters", 20)):
        scores, labels = [], []
        for i, (human, error) in enumerate(truth):
            for k in range(copies):
                own = {"case": f"c{i}-{k}" if form == "clusters" else f"c{i}", "criterion": "quality"}
                own |= {"repeat": k} if form == "repeats" else {}
                cluster = {"cluster": f"d{i}"} if form == "clusters" else {}
                scores += [{**own, **cluster, "arm": arm, "value": human + error} for arm in ("baseline", "candidate")]
                labels.append({**own, "value": human})
        write(world, "scores.jsonl", scores)
        write(world, "labels.jsonl", labels)
        world.evalgate("decide", "--scores", "scores.jsonl", "--output", "report.json")
        ended = world.evalgate(
            "calibrate", "report.json", "--labels", "labels.jsonl", "--format", "json", "--min", "quality=0.4"
        )
        found = json.loads(ended.out)["labels"][0]
        assert found["agreement"].pop("labels") == 30 * copies
        told[form] = (ended.code, found["corrected"], found["decision"], found["agreement"]["standing"])
        for name, value in found["agreement"].items():
            if isinstance(value, float):
                assert value == pytest.approx(told.setdefault(name, value)), name
    assert told["once"][0] == told["repeats"][0] == told["clusters"][0]
    assert told["once"][2:] == told["repeats"][2:] == told["clusters"][2:]
    assert told["clusters"][1]["labelled"] == 30


@pytest.mark.parametrize(
    ("people", "judge", "code", "word"),
    [
        ("truth", "truth", 0, "proven"),
        ("truth", "chance", 1, "do not gate on it"),
        ("truth", "reversed", 1, "do not gate on it"),
        ("truth", "constant", 1, "do not gate on it"),
        ("constant", "truth", 4, "few to show whether"),
        ("constant", "constant", 4, "few to show whether"),
    ],
)
def test_a_judge_must_agree_with_people_at_all(world: World, people: str, judge: str, code: int, word: str) -> None:
    seeded = random.Random(9)
    truth = [seeded.choice((0.25, 0.5, 0.75, 1.0)) for _ in range(400)]
    said = {
        "truth": [min(1.0, max(0.0, value + seeded.choice((0, 0.25, -0.25)))) for value in truth],
        "chance": [seeded.choice(truth) for _ in truth],
        "reversed": [1.25 - value for value in truth],
        "constant": [0.75] * len(truth),
    }
    human = truth if people == "truth" else said[people]
    rows = [
        {"case": f"c{i}", "criterion": "quality", "arm": arm, "value": value}
        for i, value in enumerate(said[judge])
        for arm in ("baseline", "candidate")
    ]
    write(world, "scores.jsonl", rows)
    world.evalgate("decide", "--scores", "scores.jsonl", "--output", "report.json")
    label(world, {f"c{i}": value for i, value in enumerate(human)}, 400)
    ended = world.evalgate("calibrate", "report.json", "--labels", "labels.jsonl")
    assert ended.code == code, ended.out
    assert word in ended.out


def test_anchors_that_do_not_answer_each_other(world: World) -> None:
    anchored(world, "then.jsonl", 0.0)
    anchored(world, "now.jsonl", 0.0, count=22)
    ended = world.evalgate("calibrate", "--anchors", "then.jsonl", "--now", "now.jsonl")
    assert ended.code == 2
    assert 'now.jsonl: the anchor "a22" (candidate) has no score for "quality"' in ended.err
    assert "and 3 more like these" in ended.err
    anchored(world, "then.jsonl", 0.0, count=19)
    anchored(world, "now.jsonl", 0.0, count=19)
    ended = world.evalgate("calibrate", "--anchors", "then.jsonl", "--now", "now.jsonl")
    assert ended.code == 2
    assert "at least 20 anchors" in ended.err


@pytest.mark.parametrize(
    "arguments",
    [[], ["--anchors", "x.csv"], ["--now", "x.csv"], ["--anchors", "x.csv", "--now", "y.csv", "--min", "q=0.5"]],
)
def test_options_that_do_not_go_together(world: World, arguments: list[str]) -> None:
    ended = world.evalgate("calibrate", *arguments)
    assert ended.code == 2
    assert "Usage" in ended.err


@pytest.mark.parametrize("side", ["then.jsonl", "now.jsonl"])
def test_clusters_of_anchors_count_whichever_file_names_them(world: World, side: str) -> None:
    anchored(world, "then.jsonl", 0.0)
    anchored(world, "now.jsonl", 0.0)
    lines = (world.root / side).read_text().splitlines()
    write(world, side, [{**json.loads(line), "cluster": "one"} for line in lines])
    ended = world.evalgate("calibrate", "--anchors", "then.jsonl", "--now", "now.jsonl")
    assert ended.code == 2
    assert "at least 20 anchors, each of its own cluster, not 1" in ended.err


def test_clusters_that_the_labels_name_count(world: World) -> None:
    label(world, report(world), 60, cluster="one")
    arguments = ("calibrate", "report.json", "--labels", "labels.jsonl", "--min", "quality=0.1")
    ended = world.evalgate(*arguments)
    assert ended.code == 4
    assert "60 labels of 1 independent output" in ended.out
    assert "NaN" not in world.evalgate(*arguments, "--format", "json").out


@pytest.mark.parametrize(("skipped", "code"), [(0, 0), (1, 0), (2, 4), (20, 4)])
def test_a_judge_that_skips_the_bad_outputs_shows_no_floor(world: World, skipped: int, code: int) -> None:
    seeded = random.Random(1)
    human = {f"c{i}": 0.0 if i < skipped else seeded.choice((0.75, 1.0)) for i in range(60)}
    rows = [
        {"case": case, "criterion": criterion, "arm": arm, "value": value if seeded.random() < 0.9 else 1.0}
        for i, (case, value) in enumerate(human.items())
        for criterion in ("quality", "other")
        for arm in ("baseline", "candidate")
        if criterion == "other" or i >= skipped
    ]
    write(world, "scores.jsonl", rows)
    world.evalgate("decide", "--scores", "scores.jsonl", "--output", "report.json")
    label(world, human, 60)
    for floor in ((), ("--min", "quality=0.7")):
        ended = world.evalgate("calibrate", "report.json", "--labels", "labels.jsonl", *floor)
        assert ended.code == code, ended.out
        assert ("lack a score" in ended.out) is (code == 4)
