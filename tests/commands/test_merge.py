"""Tests of `evalgate merge`: the verdict of the whole run from its shards, and no verdict of a part."""

from __future__ import annotations

import json

import pytest
from gate.live_run import looking, rate
from gated_project import CASES, World


def shards(world: World, of: int) -> list[str]:
    names = []
    for number in range(1, of + 1):
        name = f"shard-{number}.json"
        ended = world.evalgate("run", "--shard", f"{number}/{of}", "--store", f"store-{number}", "--output", name)
        assert ended.code == 0, ended.err
        names.append(name)
    return names


def verdict(world: World, name: str) -> dict:
    """Return the parts of a report to compare, without the counts of confirmed broken cases.

    Shards may confirm more of them than the whole run: a shard cannot know that the mean alone decides.
    """
    gate = world.report(name)["gates"][0]
    keys = ("decision", "exit_code", "look", "comparisons", "requirements", "counts", "tags")
    findings = [finding for finding in gate["findings"] if finding["kind"] != "broken"]
    for comparison in gate["comparisons"]:
        comparison |= {"broken": [], "fixed": [], "suspects": []}
    return {key: gate[key] for key in keys} | {"findings": findings}


@pytest.mark.parametrize("early", ["true", "false"])
@pytest.mark.parametrize("graded", [{}, {5: 1}, {5: 1, 6: 1}, dict.fromkeys(range(0, CASES, 2), 1)], ids=len)
def test_the_merged_verdict_is_that_of_the_whole_run(world: World, early: str, graded: dict[int, int]) -> None:
    looking(world, stop_early=early, max_drop="0.1")
    rate(world, graded)
    world.edit()
    whole = world.evalgate("run", "--output", "report.json")
    merged = world.evalgate("merge", *shards(world, 3), "--output", "merged.json")
    assert merged.code == whole.code
    assert verdict(world, "merged.json") == verdict(world, "report.json")


def test_a_shard_runs_its_cases_alone_and_decides_nothing(world: World) -> None:
    looking(world)
    world.edit()
    names = shards(world, 4)
    parts = [world.report(name)["gates"][0] for name in names]
    cases = [{r["case"] for r in part["results"]} for part in parts]
    assert sum(map(len, cases)) == len(set().union(*cases)) == CASES
    assert {part["decision"] for part in parts} == {"INCONCLUSIVE"}
    assert {part["exit_code"] for part in parts} == {4}
    assert world.evalgate("decide", names[0]).code == 4


def test_a_missing_shard_is_never_a_pass(world: World) -> None:
    looking(world)
    world.edit()
    names = shards(world, 3)
    ended = world.evalgate("merge", names[0], names[2])
    assert ended.code == 4
    assert "gate support: shard 2 of 3 is missing" in ended.out
    assert "the run stopped early" not in ended.out, "a shard is missing"


def test_missing_shards_are_named_in_a_line_however_many(world: World) -> None:
    looking(world)
    world.edit()
    first, _ = shards(world, 2)
    part = world.report(first)
    part["gates"][0]["shard"]["of"] = 10**15
    sentence = part["gates"][0]["findings"][0]
    sentence["sentence"] = sentence["sentence"].replace("of 2:", f"of {10**15}:")
    world.repository.write("many.json", json.dumps(part))
    ended = world.evalgate("merge", "many.json", "--output", "merged.json")
    assert ended.code == 4
    (warning,) = world.report("merged.json")["warnings"]
    assert warning == f"gate support: shards {', '.join(map(str, range(2, 22)))}, ... of {10**15:,} are missing"


def test_what_does_not_belong_together_is_refused(world: World) -> None:
    looking(world)
    world.edit()
    first, second = shards(world, 2)
    assert "shard 1 is also in shard-1.json" in world.evalgate("merge", first, first).err
    world.evalgate("run", "--output", "whole.json", "--store", "whole")
    assert "is not a shard" in world.evalgate("merge", first, "whole.json").err
    world.edit("1.2.0", "Be brief, always and everywhere, dear.")
    world.evalgate("run", "--shard", "2/2", "--store", "other", "--output", "other.json")
    ended = world.evalgate("merge", first, "other.json")
    assert ended.code == 2
    assert "not the same run as shard-1.json" in ended.err
    part = json.loads((world.root / second).read_text())
    part["gates"][0]["results"][0]["case"] = world.report(first)["gates"][0]["results"][0]["case"]
    (world.root / second).write_text(json.dumps(part))
    assert world.evalgate("merge", first, second).code == 2


@pytest.mark.parametrize("part", ["0/3", "4/3", "x", "1/", "1/99999"])
def test_a_part_that_is_none_is_refused(world: World, part: str) -> None:
    world.edit()
    ended = world.evalgate("run", "--shard", part)
    assert ended.code == 2
    assert not world.server.received


def test_shards_of_a_change_are_judged_by_the_base_as_well(world: World) -> None:
    """Run shards with `--policy-ref base`, as in the README: a change does not choose its cases and checks."""
    world.application = lambda system, user: "no json" if "Be brief" in system else "{}"
    world.edit()
    config = (world.root / "evalgate.yml").read_text().replace("{type: is_json}", "{type: length, min_chars: 1}")
    world.repository.commit("edit", **{"evalgate.yml": config})
    for number in (1, 2):
        arguments = ("--policy-ref", "base", "--shard", f"{number}/2", "--output", f"part-{number}.json")
        assert world.evalgate("run", *arguments).code == 0
    assert world.evalgate("merge", "part-1.json", "part-2.json").code == 1
