"""Stored samples of the baseline: when a run uses them, and why not."""

from __future__ import annotations

from gate.live_run import BRIEF, STORE, number, run
from gated_project import CASES, World


def test_a_baseline_of_a_bad_hour_is_not_stored_and_sampled_anew(world: World) -> None:
    works = world.application
    world.application = lambda system, user: "" if number(user) % 8 == 0 else works(system, user)
    ended = world.evalgate("baseline", "sample")
    assert ended.code == 3
    assert "8 of 64 draws are not answers, and 10% are allowed" in ended.err
    assert not (world.root / STORE / "baselines").exists()
    world.application = works
    assert world.evalgate("baseline", "sample").code == 0


def test_a_baseline_of_a_bad_hour_in_the_same_run_is_undecided(world: World) -> None:
    works = world.application
    world.application = lambda system, user: (
        "" if BRIEF not in system and number(user) % 8 == 0 else works(system, user)
    )
    world.edit()
    gate = run(world)
    assert (gate["decision"], world.ended.code) == ("INCONCLUSIVE", 4)
    assert "sample the baseline again" in " ".join(f["sentence"] for f in gate["findings"])


def test_shards_take_their_own_part_of_a_stored_baseline(world: World) -> None:
    assert world.evalgate("baseline", "sample").code == 0
    world.edit()
    for number_ in (1, 2):
        arguments = ["--shard", f"{number_}/2", "--output", f"{number_}.json"]
        assert world.evalgate("run", *arguments).code == 0
    assert world.evalgate("merge", "1.json", "2.json", "--output", "merged.json").code == 0
    merged = world.report("merged.json")["gates"][0]
    assert (merged["decision"], len(merged["results"])) == ("PASS", 2 * CASES)
