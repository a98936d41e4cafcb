"""Tests of second draws: they are shown, and the verdict of the first one stays."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from chat_server import Reply, error
from gated_project import CASES, World, prompt
from hypothesis import given
from hypothesis import strategies as st
from plan import small_gate

import evalgate
from evalgate.decide import evidence as evidences
from evalgate.decide import policy
from evalgate.domain import Check, Config, Limits, Threshold
from evalgate.gate import adapted_targets, redraw, reports
from evalgate.store import report_json
from evalgate.store.atomic import write_file
from evalgate.store.store import Store

FLAGS = [("--no-cache",), ("--live",), ("--redraw", "all")]
BRIEF = "Be brief, always and everywhere, please."


def worse_when_brief(system: str, user: str) -> str:
    """Answer odd cases wrongly if the prompt is brief."""
    wrong = "brief" in system and int(user.split()[1]) % 2
    return json.dumps({"answer": "something else" if wrong else user})


def by_fact(judged: str) -> int:
    return 1 if "something else" in judged else 5


def well(system: str, user: str) -> str:
    return json.dumps({"answer": user})


def asked(world: World) -> int:
    """The requests since the last call of this function."""
    count = len(world.server.received)
    world.server.received.clear()
    return count


def make_one_attempt(world: World) -> None:
    config = (world.root / "evalgate.yml").read_text()
    world.repository.write("evalgate.yml", config.replace("attempts: 2", "attempts: 1"))


def stored(world: World) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (world.root / ".evalgate" / "verdicts").glob("*.json")}


def gate_of(world: World, name: str = ".evalgate/report.json") -> dict[str, Any]:
    return world.report(name)["gates"][0]


@pytest.mark.parametrize("flags", FLAGS)
def test_a_second_draw_asks_for_everything_and_turns_no_fail_into_a_pass(world: World, flags: tuple[str, ...]) -> None:
    world.application, world.grade = worse_when_brief, by_fact
    world.edit()
    assert world.evalgate("run").code == 1
    asked(world)
    before = stored(world)
    world.application = well
    ended = world.evalgate("run", *flags)
    assert asked(world) >= 3 * CASES - CASES // 2, "both arms and the judge"
    lines = ended.out.strip().splitlines()
    for line in (lines[0], lines[-1]):
        assert line.startswith("drawn again: all answers")
        assert line.endswith("the verdict stays FAIL, exit code 1.")
    assert ended.code == 1
    report = world.report(".evalgate/report.json")
    assert (report["decision"], report["exit_code"]) == ("PASS", 1)
    assert report["redrawn"] == {"what": "all", "decision": "FAIL", "cases": []}
    assert stored(world) == before
    plain = world.evalgate("run")
    assert (plain.code, asked(world)) == (1, 0)
    assert "This report decides nothing" not in plain.out


POLICIES = {
    "policy": ("policy: {stop_early: false}", "policy: {stop_early: false, min_cases: 10}"),
    "threshold": ("run: {attempts: 2}", "    thresholds: {fact: {max_drop: 0.06}}\nrun: {attempts: 2}"),
    "judge": ("      - {rubric: faithfulness}", "      - {rubric: faithfulness, name: other}"),
}


def test_other_rules_decide_from_the_first_answers_and_not_from_a_second_draw(world: World) -> None:
    world.application, world.grade = worse_when_brief, by_fact
    world.edit()
    assert world.evalgate("run").code == 1
    config = (world.root / "evalgate.yml").read_text()
    before = stored(world)
    world.application, world.grade = well, lambda judged: 5
    for number, (name, (old, new)) in enumerate(POLICIES.items()):
        assert old in config
        world.repository.write("evalgate.yml", config.replace(old, new))
        ended = world.evalgate("run", *FLAGS[number % len(FLAGS)])
        assert ended.code == 1 and ended.out.startswith("drawn again: all answers"), (name, ended.out, ended.err)
        assert world.report(".evalgate/report.json")["redrawn"]["decision"] == "FAIL"
    assert world.evalgate("run").code == 1
    assert len(stored(world)) == len(before) + len(POLICIES)


RULES: dict[str, Any] = {
    "thresholds": {"gate": {"thresholds": {"faithfulness": Threshold(max_drop=0.3)}}},
    "checks": {"gate": {"checks": (Check(name="json", type="is_json"),)}},
    "judges": {"gate": {"judges": ()}},
    "level": {"level": small_gate.PATCH},
    "baseline": {"baseline": small_gate.prompt("Other: {{query}} from {{context}}")},
}
CONTENT: dict[str, Any] = {
    "prompt": {"candidate": small_gate.prompt("Be exact. {{query}} from {{context}}")},
    "cases": {"cases": small_gate.dataset(small_gate.case(0), small_gate.case(9))},
    "target": {"gate": {"candidate_target": "pinned"}},
    "samples": {"gate": {"candidate_samples": 3}},
    "name": {"gate": {"name": "other"}},
}


@given(st.sets(st.sampled_from([*RULES])), st.none() | st.sampled_from([*CONTENT]))
def test_answers_were_decided_whatever_the_rules_were(
    tmp_path_factory: pytest.TempPathFactory, rules: set[str], content: str | None
) -> None:
    changes: dict[str, Any] = {"gate": {}}
    for one in [*(RULES[name] for name in sorted(rules)), *([] if content is None else [CONTENT[content]])]:
        changes["gate"] |= one.get("gate", {})
        changes |= {name: value for name, value in one.items() if name != "gate"}
    store = Store(root=tmp_path_factory.mktemp("store"))
    decided = small_gate.plan()
    now = small_gate.plan(replace(small_gate.gate(), **changes.pop("gate")), **changes)
    evidence = replace(
        evidences.make_evidence(decided, small_gate.TARGETS),
        answering=adapted_targets.digest_answering(decided, small_gate.TARGETS),
        verdict_key="k",
    )
    report = reports.make_report([policy.decide_at_level(evidence, {}, small_gate.POLICY)])
    write_file(store.find_verdict("k"), report_json.pieces(report))
    config = Config(
        path="evalgate.yml",
        gates=(now.gate,),
        targets=small_gate.TARGETS,
        policy=replace(small_gate.POLICY, min_cases=9),
        limits=Limits(),
    )
    assert redraw._was_decided(now, config, store) is (content is None)


def test_other_cases_are_a_first_draw(world: World) -> None:
    world.application, world.grade = worse_when_brief, by_fact
    world.edit()
    assert world.evalgate("run").code == 1
    rows = (world.root / "cases.jsonl").read_text()
    world.repository.write("cases.jsonl", rows.replace("question 7", "question 700"))
    ended = world.evalgate("run", "--no-cache")
    assert (ended.code, "drawn again" in ended.out) == (1, False)


@pytest.mark.parametrize("flags", FLAGS)
def test_a_second_draw_takes_no_pass_away(world: World, flags: tuple[str, ...]) -> None:
    world.edit()
    assert world.evalgate("run").code == 0
    world.application, world.grade = worse_when_brief, by_fact
    ended = world.evalgate("run", *flags)
    assert (ended.code, world.report(".evalgate/report.json")["decision"]) == (0, "FAIL")
    assert world.evalgate("run").code == 0


@pytest.mark.parametrize("flags", FLAGS)
def test_where_nothing_is_known_the_run_s_own_answers_decide(world: World, flags: tuple[str, ...]) -> None:
    world.application, world.grade = worse_when_brief, by_fact
    world.edit()
    first = world.evalgate("run", *flags)
    assert (first.code, "decides nothing" in first.out) == (1, False)
    asked(world)
    world.application = well
    assert (world.evalgate("run").code, asked(world)) == (1, 0)


@pytest.mark.parametrize("flags", FLAGS)
def test_an_undecided_first_draw_is_completed_and_not_replaced(world: World, flags: tuple[str, ...]) -> None:
    """A FAIL with lost calls is not stored; its answers are still the first ones."""

    def losing(system: str, user: str) -> str | Reply:
        return error(500, "no") if int(user.split()[1]) >= CASES - 8 else worse_when_brief(system, user)

    world.application, world.grade = losing, by_fact
    make_one_attempt(world)
    world.edit()
    world.evalgate("run", *flags)
    assert not stored(world)
    world.application = well
    ended = world.evalgate("run", *flags)
    assert ended.out.startswith("drawn again")
    assert (ended.code, world.report(".evalgate/report.json")["redrawn"]["decision"]) == (1, "FAIL")
    assert world.evalgate("run").code == 1


def test_broken_cases_are_asked_again_on_both_arms_and_no_other(world: World) -> None:
    world.application, world.grade = worse_when_brief, by_fact
    world.edit()
    assert world.evalgate("run").code == 1
    world.server.received.clear()
    world.application = well
    ended = world.evalgate("run", "--redraw", "broken")
    asking = [r.body["messages"] for r in world.server.received if "response_format" not in r.body]
    assert {int(messages[-1]["content"].split()[1]) % 2 for messages in asking} == {1}
    for brief in (True, False):
        assert sum(("brief" in messages[0]["content"]) is brief for messages in asking) == CASES // 2
    assert f"drawn again: the answers to {CASES // 2} cases that newly failed" in ended.out.splitlines()[0]
    assert ended.code == 1
    gate = gate_of(world)
    assert gate["decision"] == "PASS"
    assert len(gate["results"]) == 2 * CASES
    drawn = world.report(".evalgate/report.json")["redrawn"]["cases"]
    assert sorted(drawn) == [f"case-{i:03}" for i in range(1, CASES, 2)]


def test_stored_samples_of_broken_cases_are_drawn_again_too(world: World) -> None:
    world.grade = by_fact
    assert world.evalgate("baseline", "sample", "--candidate", "HEAD").code == 0
    world.application = worse_when_brief
    world.edit()
    world.evalgate("run")
    world.server.received.clear()
    ended = world.evalgate("run", "--redraw", "broken")
    asking = [r.body["messages"] for r in world.server.received if "response_format" not in r.body]
    baseline = [messages for messages in asking if "brief" not in messages[0]["content"]]
    assert {int(messages[-1]["content"].split()[1]) % 2 for messages in baseline} == {1}
    assert ended.out.startswith("drawn again")


def test_without_a_broken_case_nothing_is_drawn_again(world: World) -> None:
    world.edit()
    world.evalgate("run")
    asked(world)
    ended = world.evalgate("run", "--redraw", "broken")
    assert (ended.code, asked(world)) == (0, 0)
    assert "nothing is drawn again: no case newly fails" in ended.out


def test_a_case_that_failed_a_check_is_no_failed_call(world: World) -> None:
    world.application, world.grade = worse_when_brief, by_fact
    world.edit()
    world.evalgate("run")
    asked(world)
    world.application = well
    assert (world.evalgate("run", "--redraw", "failed").code, asked(world)) == (1, 0)


def test_failed_calls_are_made_again_and_decide(world: World) -> None:
    def losing(system: str, user: str) -> str | Reply:
        return error(500, "no") if int(user.split()[1]) < 8 else well(system, user)

    world.application = losing
    make_one_attempt(world)
    world.edit()
    assert world.evalgate("run").code not in (0, 1)
    asked(world)
    world.application = well
    ended = world.evalgate("run", "--redraw", "failed")
    assert (ended.code, "decides nothing" in ended.out) == (0, False)
    assert asked(world) == 16 + 8
    assert (world.evalgate("run").code, asked(world)) == (0, 0)


def test_a_failed_call_of_a_stored_verdict_is_made_again_beside_it(world: World) -> None:
    hurt = "question 7\n"
    world.grade = lambda judged: error(500, "no") if hurt in judged else 5
    make_one_attempt(world)
    config = (world.root / "evalgate.yml").read_text()
    world.repository.write("evalgate.yml", config.replace("policy: {", "policy: {max_left_out: 0.1, "))
    world.edit()
    world.evalgate("run")
    verdicts = stored(world)
    assert verdicts
    asked(world)
    world.grade = lambda judged: 5
    ended = world.evalgate("run", "--redraw", "failed")
    assert asked(world) == 1
    assert (ended.code, ended.out.startswith("drawn again: the failed calls of 1 case.")) == (0, True)
    assert stored(world) == verdicts


@pytest.mark.parametrize("flags", [("--record",), ("--shard", "1/2")])
def test_what_has_no_verdict_is_not_drawn_again(world: World, flags: tuple[str, ...]) -> None:
    world.edit()
    ended = world.evalgate("run", "--redraw", "all", *flags)
    assert ended.code == 2
    assert "asks again after a verdict" in ended.err
    assert not world.server.received


@pytest.mark.matrix
@pytest.mark.parametrize("flags", [(), ("--live",), ("--engine", "batch")], ids=" ".join)
@pytest.mark.parametrize("spelling", ["command", "library"])
def test_a_shard_uses_the_answers_that_are_known(world: World, flags: tuple[str, ...], spelling: str) -> None:
    """A shard has no verdict beside which new answers could be shown: they would decide once they are merged."""
    world.edit()
    if spelling == "command":
        ended = world.evalgate("run", "--no-cache", "--shard", "1/2", *flags)
        assert ended.code == 2
        assert "--no-cache asks again after a verdict, and --shard has none" in ended.err
    else:
        engine = "batch" if flags[:1] == ("--engine",) else "asyncio"
        with pytest.raises(evalgate.InputError, match="--no-cache asks again"):
            evalgate.run_gate(
                world.root / "evalgate.yml", no_cache=True, shard=(1, 2), live="--live" in flags, engine=engine
            )
    assert not world.server.received


def run_shards(world: World, *flags: str) -> list[int]:
    """Return the exit codes of two shards, and of their merged report."""
    parts = [f"part-{number}.json" for number in (1, 2)]
    codes = [
        world.evalgate("run", "--shard", f"{number}/2", "--output", name, *flags).code
        for number, name in enumerate(parts, start=1)
    ]
    return [*codes, world.evalgate("merge", *parts, "--output", "merged.json").code]


@pytest.mark.parametrize("flags", [(), ("--live",)], ids=" ".join)
def test_a_stored_fail_is_that_of_the_shards_even_without_its_answers(world: World, flags: tuple[str, ...]) -> None:
    world.application, world.grade = worse_when_brief, by_fact
    world.edit()
    assert world.evalgate("run").code == 1
    world.application = well
    (world.root / ".evalgate" / "cache.sqlite3").unlink()
    asked(world)
    assert run_shards(world, *flags) == [1, 1, 1]
    assert asked(world) == 0
    assert "decided before" in world.evalgate("report", "merged.json").out


def test_one_shard_that_knows_a_stored_fail_is_enough(world: World) -> None:
    world.application, world.grade = worse_when_brief, by_fact
    world.edit()
    assert world.evalgate("run").code == 1
    world.application = well
    assert world.evalgate("run", "--shard", "1/2", "--output", "part-1.json").code == 1
    assert world.evalgate("run", "--shard", "2/2", "--output", "part-2.json", "--store", "other").code == 0
    assert world.evalgate("merge", "part-2.json", "part-1.json").code == 1
    world.edit("1.2.0", "Be brief, always and everywhere, dear.")
    assert world.evalgate("run", "--shard", "2/2", "--output", "part-2.json", "--store", "other").code == 0
    ended = world.evalgate("merge", "part-1.json", "part-2.json")
    assert ended.code == 2
    assert "not the same run" in ended.err


@pytest.mark.parametrize("flags", FLAGS)
def test_no_second_draw_follows_the_answers_of_shards(world: World, flags: tuple[str, ...]) -> None:
    world.application, world.grade = worse_when_brief, by_fact
    world.edit()
    assert run_shards(world) == [0, 0, 1]
    world.application = well
    assert world.evalgate("run", *flags).code == 1
    assert run_shards(world)[-1] == 1


def test_a_stored_pass_is_that_of_the_shards_by_their_answers(world: World) -> None:
    world.edit()
    assert world.evalgate("run").code == 0
    asked(world)
    assert run_shards(world) == [0, 0, 0]


def test_a_report_on_a_second_draw_decides_nothing(world: World) -> None:
    world.edit()
    world.evalgate("run")
    world.evalgate("run", "--no-cache", "--output", "again.md", "--output", "again.html")
    ended = world.evalgate("decide")
    assert ended.code == 2
    assert "it decides nothing" in ended.err
    shown = world.evalgate("report")
    assert shown.code == 0
    assert shown.out.startswith("drawn again")
    for name in ("again.md", "again.html"):
        assert (world.root / name).read_text().count("drawn again: all answers") == 2


def test_a_file_of_recorded_outputs_cannot_be_drawn_again(world: World) -> None:
    rows = "".join(json.dumps({"case": f"case-{i:03}", "text": f'{{"fact {i}": 1}}'}) + "\n" for i in range(CASES))
    config = (world.root / "evalgate.yml").read_text()
    targets, judges = config.index("targets:"), config.index("    judges:")
    own = "targets:\n" + "".join(f"  {n}: {{type: recorded, path: {n}.jsonl}}\n" for n in ("new", "old"))
    gates = config[config.index("gates:") : judges].replace(
        "samples:", "target: {candidate: new, baseline: old}\n    samples:"
    )
    world.repository.write("evalgate.yml", config[:targets] + own + gates + config[config.index("run:") :])
    for name in ("new", "old"):
        world.repository.write(f"{name}.jsonl", rows)
    world.repository.commit("recorded outputs")
    world.repository.git("branch", "--force", "main", "HEAD")
    world.edit()
    ended = world.evalgate("run", "--redraw", "all")
    assert "nothing is drawn again: every answer is recorded" in ended.out, ended.err
    assert not world.server.received


def test_an_interrupted_second_draw_leaves_no_answers_to_the_next_run(world: World) -> None:
    world.application, world.grade = worse_when_brief, by_fact
    world.edit()
    world.evalgate("run")
    kept = stored(world)
    world.application = lambda system, user: error(401, "wrong key")
    assert world.evalgate("run", "--no-cache").code == 3
    assert stored(world) == kept
    world.application = well
    assert world.evalgate("run").code == 1
    world.repository.write("prompts/support.prompt.yml", prompt("1.1.0", BRIEF))
    assert world.evalgate("run").code == 1
