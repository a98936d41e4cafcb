"""Tests of `evalgate drift`: a changed model is detected by the stored samples only."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chat_server import Received, Reply, completion, error
from gated_project import CASES, CONFIG, World, prompt

from evalgate.commands import drift
from evalgate.domain import Verdict
from evalgate.gate.options import CallMode, Machine, Selection
from evalgate.store.store import Store

from .test_baseline import edited, merged, sample

THREE = ("baseline: 1", "baseline: 3")
WORSE = frozenset(range(0, CASES, 2))


def number(text: str) -> int:
    return int(text.split("question ")[1].split("\\n", maxsplit=1)[0].split("\n", maxsplit=1)[0])


def degrade(world: World, cases: frozenset[int] = WORSE, *, model: str = "m-1") -> None:
    """Answer these cases badly from now on, with this model name."""

    def application(system: str, user: str) -> str | Reply:
        text = json.dumps({"answer": user + (" or so" if number(user) in cases else "")})
        return Reply(body=completion(text, model=model))

    world.application = application
    world.grade = lambda judged: 1 if "or so" in judged else 5


def watch(world: World, *arguments: str) -> dict[str, Any]:
    world.server.received.clear()
    world.ended = world.evalgate("drift", "--output", "report.json", *arguments)
    assert (world.root / "report.json").exists(), world.ended.err
    return world.report()["gates"][0]


def answers(world: World) -> int:
    return sum(not received.body.get("response_format") for received in world.server.received)


def judgements(world: World) -> int:
    return len(world.server.received) - answers(world)


def store(world: World) -> dict[str, bytes]:
    folder = world.root / ".evalgate"
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_model_that_answers_worse_fails_with_the_cases_it_lost(world: World) -> None:
    merged(world, THREE)
    path = sample(world)
    sampled = json.loads(path.read_text())["sampled_at"]
    before = store(world)
    degrade(world, model="m-2")
    gate = watch(world)
    assert (world.ended.code, gate["decision"]) == (1, "FAIL")
    (faithfulness,) = [c for c in gate["comparisons"] if c["criterion"] == "faithfulness"]
    assert set(faithfulness["regressed"]) == {f"case-{i:03}" for i in WORSE}
    assert (gate["candidate"]["source"], gate["baseline"]["source"]) == ("now", f"stored on {sampled}")
    assert gate["candidate"]["digest"] == gate["baseline"]["digest"]
    assert (gate["level"], gate["stored_baseline"]["samples"]) == (None, 3)
    assert any(sampled in note and "only the target's behaviour differs" in note for note in gate["notes"])
    assert "served then by m-1; now by m-2" in gate["notes"]
    assert answers(world) == CASES, "each case is requested once, and stored samples are not requested again"
    assert judgements(world) == CASES + len(WORSE), "stored and new outputs that are equal share one judgement"
    assert store(world) == before, "neither samples, cache, verdicts nor journal have changed"
    assert "nothing was edited" in " ".join(world.ended.out.split())


def test_the_report_is_one_that_decide_takes(world: World) -> None:
    sample(world)
    degrade(world)
    watch(world)
    ended = world.evalgate("decide", "report.json", "--output", "again.json")
    assert ended.code == 1
    assert (world.root / "again.json").read_bytes() == (world.root / "report.json").read_bytes()


def test_an_unchanged_model_passes_however_old_the_samples_are(world: World) -> None:
    path = sample(world)
    edited(path, sampled_at="2020-01-02T03:04:05+00:00")
    gate = watch(world)
    assert (world.ended.code, gate["decision"]) == (0, "PASS")
    assert gate["baseline"]["source"] == "stored on 2020-01-02T03:04:05+00:00"
    assert not any("served" in note for note in gate["notes"])
    assert not gate["requirements"], "nothing is merged, so there is no canary and no sign-off"
    assert (answers(world), judgements(world)) == (CASES, CASES)


@pytest.mark.matrix
@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("seed", range(3))
def test_noise_that_was_there_before_is_no_drift(world: World, samples: int, seed: int) -> None:
    merged(world, ("baseline: 1", f"baseline: {samples}"))
    asked: Counter[str] = Counter()

    def application(system: str, user: str) -> str:
        asked[user] += 1
        chance = hashlib.sha256(f"{seed} {user} {asked[user]}".encode()).digest()[0]
        if chance < 12:
            return "not even JSON"
        return json.dumps({"answer": user + (" or so" if chance < 70 else "")})

    world.application = application
    world.grade = lambda judged: 2 if "or so" in judged else 5
    sample(world)
    gate = watch(world)
    assert gate["decision"] != "FAIL", [finding["sentence"] for finding in gate["findings"]]
    assert any(r["outcome"]["text"] == "not even JSON" for r in gate["results"] if r["arm"] == "candidate")


def test_cases_that_always_worked_and_never_do_any_more_are_proven_by_fresh_answers_of_now(world: World) -> None:
    merged(world, THREE)
    sample(world)
    degrade(world, frozenset({3, 5, 8}))
    gate = watch(world)
    assert set(gate["flips"]["broken"]) == {"case-003", "case-005", "case-008"}
    # several criteria are compared, so a broken case fails seven of seven draws
    assert (gate["decision"], answers(world)) == ("FAIL", CASES + 3 * 6)


def test_who_answered_then_is_never_asked_now(world: World) -> None:
    sample(world)
    degrade(world, frozenset({3, 5, 8}))
    gate = watch(world)
    assert not gate["confirmations"], "a new sample of the baseline would be from the current model"
    assert answers(world) == CASES
    assert gate["decision"] == "INCONCLUSIVE"
    assert world.ended.code == 4
    assert any("1 stored sample of each case cannot prove" in note for note in gate["notes"])


def test_a_clear_drift_stops_early(world: World) -> None:
    merged(world, ("stop_early: false", "stop_early: true"))
    sample(world)
    degrade(world, frozenset(range(CASES)))
    gate = watch(world)
    assert (gate["decision"], gate["look"]["cases"]) == ("FAIL", CASES // 2)
    assert (answers(world), judgements(world)) == (CASES // 2, CASES)


def test_the_budget_holds_and_what_it_left_out_is_no_pass(world: World) -> None:
    merged(world, ("run: {attempts: 2}", "run: {attempts: 2, max_cost_usd: 0.001}"))
    world.evalgate("baseline", "sample")
    merged(world)
    sample(world)
    merged(world, ("run: {attempts: 2}", "run: {attempts: 2, max_cost_usd: 0.001}"))
    gate = watch(world)
    assert (gate["decision"], world.ended.code) == ("INCONCLUSIVE", 4)
    assert len(world.server.received) < CASES
    paid = len(world.server.received)
    merged(world)
    assert watch(world)["decision"] == "PASS"
    assert len(world.server.received) == 2 * CASES - paid, "answered requests are not paid again"


def test_a_judge_that_moved_is_not_taken_for_the_model(world: World) -> None:
    sample(world)
    world.grade = lambda judged: 3
    gate = watch(world)
    assert gate["decision"] == "PASS", "the current judge scores both arms"
    assert "the judge faithfulness scores the same 64 stored outputs 0.500 now, and 1.000 then" in gate["notes"]


def test_other_criteria_are_no_obstacle_and_a_note_names_them(world: World) -> None:
    sample(world)
    merged(
        world,
        ("name: fact", "name: truth"),
        ("{rubric: faithfulness}", "{rubric: faithfulness, model: m-2}"),
        ("baseline: 1", "baseline: 2"),
    )
    gate = watch(world)
    assert gate["decision"] == "PASS"
    (note,) = [note for note in gate["notes"] if note.startswith("also changed since")]
    assert note.endswith("the checks, the judges, the number of samples")
    assert gate["stored_baseline"]["samples"] == 1


def test_floors_and_seconds_are_no_drift(world: World) -> None:
    world.application = lambda system, user: "plain text"
    merged(
        world,
        ("{type: is_json}", "{type: is_json}\n      - {type: latency, p95_seconds: 0.000001}"),
        ("    judges:", "    thresholds: {faithfulness: {min: 0.9}, fact: {min: 0.9}}\n    judges:"),
    )
    sample(world)
    gate = watch(world)
    assert gate["decision"] == "PASS", "no output passed the check, then or now"
    assert [criterion["name"] for criterion in gate["criteria"]] == ["is_json", "fact", "faithfulness", "answered"]


NOTHING: dict[str, tuple[Callable[[World, Path], object], str]] = {
    "nothing stored": (lambda world, path: path.unlink(), "are stored for these cases and this target"),
    "another prompt": (
        lambda world, path: (world.edit(), merged(world)),
        "no samples of support 1.1.0",
    ),
    "another dataset": (
        lambda world, path: world.repository.write(
            "cases.jsonl", (world.root / "cases.jsonl").read_text().replace('"fact 3"', '"fact 3."')
        ),
        "differ in the dataset",
    ),
    "another model": (lambda world, path: merged(world, ("model: m,", "model: m-2,")), "differ in the target"),
    "damaged": (lambda world, path: path.write_text(path.read_text()[:5000]), "is damaged"),
    "of the future": (
        lambda world, path: edited(
            path, sampled_at=(datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=2)).isoformat()
        ),
        "its date is in the future",
    ),
}


@pytest.mark.parametrize("name", NOTHING)
def test_where_nothing_is_stored_to_compare_with_nothing_is_evaluated(world: World, name: str) -> None:
    spoil, why = NOTHING[name]
    spoil(world, sample(world))
    ended = world.evalgate("drift", "--output", "report.json")
    assert ended.code == 3
    assert why in ended.err
    assert "evalgate baseline sample" in ended.err
    assert not (world.root / "report.json").exists()
    assert not world.server.received


def test_what_is_edited_here_is_not_in_production(world: World) -> None:
    sample(world)
    world.edit()
    assert watch(world)["baseline"]["version"] == "1.0.0"


def test_a_prompt_that_was_not_merged_is_not_in_production(world: World) -> None:
    sample(world)
    config = (world.root / "evalgate.yml").read_text()
    world.repository.write("evalgate.yml", config.replace("support.prompt.yml", "new.prompt.yml"))
    world.repository.write("prompts/new.prompt.yml", prompt("1.0.0", "Be new, and like nothing before."))
    ended = world.evalgate("drift")
    assert ended.code == 2
    assert 'gate "support": the default branch: ' in ended.err
    assert "has no prompts/new.prompt.yml" in ended.err
    assert "once it is merged" in ended.err
    assert not world.server.received


def test_a_branch_that_is_not_there_is_said(world: World) -> None:
    sample(world)
    ended = world.evalgate("drift", "--default-branch", "release")
    assert (ended.code, 'there is no branch "release"' in ended.err) == (2, True)
    assert "; `evalgate run` and `evalgate plan` also take --baseline FILE" in ended.err, "drift has no --baseline"


def test_the_pinned_release_is_what_is_in_production(world: World) -> None:
    sample(world)
    world.evalgate("baseline", "pin", "--by", "Ada")
    world.edit()
    merged(world)
    gate = watch(world)
    assert (gate["baseline"]["version"], gate["decision"]) == ("1.0.0", "PASS")


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT as a terminal does")
def test_an_interrupted_watch_goes_on_where_it_stopped(world: World) -> None:
    path = sample(world)
    kept = path.read_bytes()
    degrade(world, model="m-2")
    works = world.server.script
    assert callable(works)

    def interrupted(received: Received, count: int) -> Reply:
        if count == 50:
            os.kill(os.getpid(), signal.SIGINT)
        return works(received, count)

    world.server.script = interrupted
    assert world.evalgate("drift").code == 130
    (journal,) = (world.root / ".evalgate/journal").glob("drift-*.jsonl")
    paid = len(journal.read_bytes().splitlines())
    assert 40 < paid < CASES
    world.server.script = works
    gate = watch(world)
    assert gate["decision"] == "FAIL"
    assert len(world.server.received) == CASES + CASES + len(WORSE) - paid
    assert not journal.exists()
    assert path.read_bytes() == kept


def test_yesterdays_interrupted_watch_begins_anew(world: World) -> None:
    sample(world)
    works = world.application
    world.application = lambda system, user: error(503, "busy") if number(user) in (7, 8) else works(system, user)
    gate = watch(world)
    assert (gate["decision"], world.ended.code) == ("INCONCLUSIVE", 4)
    (journal,) = (world.root / ".evalgate/journal").glob("drift-*.jsonl")
    then = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=13)
    journal.rename(journal.with_name(f"{journal.stem.rpartition('-')[0]}-{then:%Y%m%dT%H%M%SZ}.jsonl"))
    world.application = works
    assert watch(world)["decision"] == "PASS"
    assert answers(world) == CASES


def test_each_watch_asks_anew_though_a_cache_is_full_and_a_run_finds_nothing_of_it(world: World) -> None:
    path = sample(world)
    world.repository.write("prompts/support.prompt.yml", prompt("1.0.0"))
    world.evalgate("run", "--no-cache")
    world.edit()
    world.evalgate("run")
    cache = (world.root / ".evalgate/cache.sqlite3").read_bytes()
    for _ in range(2):
        watch(world)
        assert answers(world) == CASES
    assert (world.root / ".evalgate/cache.sqlite3").read_bytes() == cache
    path.unlink()
    world.repository.write("prompts/support.prompt.yml", prompt("1.2.0", "Be brief, and really so."))
    world.server.received.clear()
    world.evalgate("run")
    assert answers(world) == 2 * CASES, "drift requested neither arm"


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("{type: recorded, path: o.jsonl}", "are recorded already"),
        ('{type: python, function: "json:loads"}', "a function without a `version`"),
    ],
)
def test_what_cannot_drift_is_refused(world: World, target: str, why: str) -> None:
    rows = "".join(json.dumps({"case": f"case-{i:03}", "text": "{}"}) + "\n" for i in range(CASES))
    world.repository.write("o.jsonl", rows)
    merged(
        world,
        ("gates:", f"  app: {target}\ngates:"),
        ("    samples", "    target: app\n    samples"),
        ("{rubric: faithfulness}", "{rubric: faithfulness, target: api}"),
    )
    ended = world.evalgate("drift")
    assert ended.code == 2
    assert 'the gate "support" was not watched for drift' in ended.err
    assert why in ended.err
    assert not world.server.received


def test_recordings_are_of_then_and_the_model_is_asked(world: World) -> None:
    merged(world, ("model: m,", "model: m, recordings: r.jsonl,"))
    world.evalgate("run", "--record")
    sample(world)
    degrade(world)
    assert watch(world)["decision"] == "FAIL"
    assert answers(world) == CASES


def test_a_baseline_file_is_what_is_sampled_and_what_is_watched(world: World) -> None:
    world.repository.write("prompts/before.prompt.yml", prompt("0.9.0", "Be exact, as ever."))
    merged(world, ("    dataset:", "    baseline: prompts/before.prompt.yml\n    dataset:"))
    sample(world)
    assert watch(world)["baseline"]["version"] == "0.9.0"


def twice(world: World, *, recorded: bool = False) -> None:
    """Add a second gate like the first, or one whose outputs are recorded."""
    text = CONFIG.format(url=world.server.url)
    gate = text[text.index("  - name: support") : text.index("run:")].replace("{rubric", "{target: api, rubric")
    both = [
        gate.replace("    samples", f"    target: {name}\n    samples")
        for name in ("api", "app" if recorded else "api")
    ]
    other = both[1].replace("name: support", "name: sales")
    app = "  app: {type: recorded, path: o.jsonl}\n" if recorded else ""
    world.repository.write(
        "evalgate.yml", text[: text.index("gates:")] + app + "gates:\n" + both[0] + other + text[text.index("run:") :]
    )
    world.repository.commit("merged")
    world.repository.git("branch", "--force", "main", "HEAD")


def test_one_gate_without_samples_keeps_all_from_being_called_fine(world: World) -> None:
    sample(world)
    twice(world)
    config = (world.root / "evalgate.yml").read_text()
    own = config.rindex("prompts/support.prompt.yml")
    world.repository.write("prompts/sales.prompt.yml", prompt("3.0.0", "Sell."))
    world.repository.write("evalgate.yml", config[:own] + config[own:].replace("support.prompt", "sales.prompt", 1))
    world.repository.commit("merged")
    world.repository.git("branch", "--force", "main", "HEAD")
    ended = world.evalgate("drift")
    assert (ended.code, world.server.received) == (3, [])
    assert 'gate "sales": no samples of support 3.0.0' in ended.err
    assert 'gate "support"' not in ended.err
    assert watch(world, "--gate", "support")["decision"] == "PASS"


def test_of_several_gates_the_summary_and_the_title_name_what_drifted(world: World) -> None:
    sample(world)
    twice(world)
    degrade(world)
    watch(world)
    assert "2 of 2 gates have drifted." in world.ended.out
    assert answers(world) == CASES, "equal requests of two gates are sent once"


def test_a_gate_that_cannot_drift_is_passed_over_with_a_warning(world: World) -> None:
    rows = "".join(json.dumps({"case": f"case-{i:03}", "text": "{}"}) + "\n" for i in range(CASES))
    world.repository.write("o.jsonl", rows)
    sample(world)
    twice(world, recorded=True)
    watch(world)
    (warning,) = world.report()["warnings"]
    assert 'the gate "sales" was not watched for drift' in warning
    assert [gate["name"] for gate in world.report()["gates"]] == ["support"]


def test_a_store_that_is_committed_is_refused(world: World) -> None:
    sample(world)
    world.repository.git("add", "--force", ".evalgate")
    ended = world.evalgate("drift")
    assert (ended.code, "is under version control" in ended.err) == (2, True)


def test_another_door_is_told_what_has_drifted(world: World) -> None:
    path = sample(world)
    store = Store(root=world.root / ".evalgate")
    machine = Machine(environment={"API_KEY": "secret-key-123"}, store=store, home=world.root)
    report = drift.run(world.root / "evalgate.yml", Selection(), machine, CallMode())
    assert (report.decision, drift.describe(report)) == (Verdict.PASS, "")
    assert drift.describe_title(report) == "No drift: production answers as well as it did"
    degrade(world)
    report = drift.run(world.root / "evalgate.yml", Selection(), machine, CallMode())
    day = json.loads(path.read_text())["sampled_at"][:10]
    assert drift.describe_title(report) == f"Drift: support answers worse than on {day}, without any edit"
    (line,) = drift.describe(report).splitlines()
    assert line.startswith(f"support, compared with its answers of {day}: faithfulness: proven worse")


STRICT = ("- {type: is_json}", "- {type: is_json}\n      - {type: not_contains, value: SECRET, strict: true}")


def say_secrets(world: World, cases: set[int], share: float = 1.0) -> None:
    """Say a secret in these cases from now on, and in their draws of this share."""
    chance = random.Random(1)
    world.application = lambda system, user: json.dumps(
        {"answer": user + (" SECRET" if number(user) in cases and chance.random() < share else "")}
    )


@pytest.mark.parametrize("edits", [(STRICT,), (STRICT, ("stop_early: false", "stop_early: true"))])
def test_one_case_that_a_strict_check_newly_fails_is_drift(world: World, edits: tuple[tuple[str, str], ...]) -> None:
    merged(world, THREE, *edits)
    sample(world)
    for case in (5, 40):
        say_secrets(world, {case})
        gate = watch(world)
        assert gate["decision"] == "FAIL"
        assert [f["cases"] for f in gate["findings"] if f["decision"] == "FAIL"] == [[f"case-{case:03}"]]
    assert world.evalgate("decide", "report.json").code == 1


@pytest.mark.parametrize("cases", [{5}, {60}, {3, 30}])
def test_each_case_that_a_blocking_check_newly_fails_for_good_is_drift(world: World, cases: set[int]) -> None:
    merged(world, THREE, ("stop_early: false", "stop_early: true"))
    sample(world)
    world.application = lambda system, user: "no JSON" if number(user) in cases else json.dumps({"answer": user})
    gate = watch(world)
    named = {case for f in gate["findings"] if f["decision"] == "FAIL" for case in f["cases"]}
    assert gate["decision"] == "FAIL"
    assert named and named <= {f"case-{case:03}" for case in cases}, "the first that is proven ends the run"


def test_what_failed_before_is_no_drift(world: World) -> None:
    """Cases that always failed a check, and a strict check that wavered: neither is new."""
    merged(world, THREE, STRICT)
    say_secrets(world, {5, 6}, 0.6)
    sample(world)
    say_secrets(world, {5, 6, 7}, 0.4)
    assert watch(world)["decision"] == "PASS"
    merged(world, THREE)
    world.application = lambda system, user: "no JSON" if number(user) % 4 == 0 else json.dumps({"answer": user})
    for path in (world.root / ".evalgate/baselines").glob("*.json"):
        path.unlink()
    sample(world)
    assert watch(world)["decision"] == "PASS"


def test_too_few_samples_and_checks_that_only_compare_prove_no_single_case(world: World) -> None:
    merged(world)
    sample(world)
    world.application = lambda system, user: "no JSON" if number(user) == 5 else json.dumps({"answer": user})
    assert watch(world)["decision"] != "FAIL"
