"""Tests of stored baselines: sampled after a merge, and used only while fresh and comparable."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chat_server import error
from gated_project import CASES, CONFIG, World, prompt

BRIEF = "Be brief, always and everywhere, please."
TURNED = ("question 5\n", "question 6\n")


def merged(world: World, *edits: tuple[str, str]) -> None:
    """Edit the configuration, and commit the working tree to the default branch."""
    text = CONFIG.format(url=world.server.url)
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    world.repository.write("evalgate.yml", text)
    world.repository.commit("merged")
    world.repository.git("branch", "--force", "main", "HEAD")


def sample(world: World, *arguments: str) -> Path:
    """Sample the baseline; return its file."""
    ended = world.evalgate("baseline", "sample", *arguments)
    assert ended.code == 0, ended.err
    (path,) = (world.root / ".evalgate/baselines").glob("*.json")
    world.server.received.clear()
    return path


def run(world: World, *arguments: str) -> dict[str, Any]:
    world.ended = world.evalgate("run", "--output", "report.json", *arguments)
    assert (world.root / "report.json").exists(), world.ended.err
    return world.report()["gates"][0]


def asked(world: World, *, brief: bool) -> int:
    """Count the calls for answers of the candidate (whose prompt is brief) or the baseline."""
    answers = [r.body["messages"][0]["content"] for r in world.server.received if not r.body.get("response_format")]
    return sum((BRIEF in system) is brief for system in answers)


def edited(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def days_ago(days: float) -> str:
    return (datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=days)).isoformat(timespec="seconds")


def test_a_run_with_a_stored_baseline_asks_for_the_candidate_alone(world: World) -> None:
    path = sample(world)
    kept = json.loads(path.read_text())
    assert (kept["format"], kept["key"], kept["version"]) == (1, path.stem, "1.0.0")
    assert (kept["dataset"], kept["served_by"], len(kept["results"])) == ("cases.jsonl", ["m-1"], CASES)
    world.edit()
    assert f"{2 * CASES} calls to make" in world.evalgate("plan").out
    gate = run(world)
    assert (asked(world, brief=True), asked(world, brief=False)) == (CASES, 0)
    assert gate["stored_baseline"] == {"digest": kept["digest"], "sampled_at": kept["sampled_at"], "samples": 1}
    assert gate["decision"] == "PASS"
    assert gate["counts"]["decided"] == 3 * CASES
    assert gate["calls"]["made"] <= 2 * CASES
    assert f"stored {kept['sampled_at']}, digest {kept['digest'][:12]}" in " ".join(world.ended.out.split())
    assert not any("was not used" in note for note in gate["notes"])
    before = (world.root / "report.json").read_bytes()
    world.evalgate("decide", "report.json", "--output", "again.json")
    assert (world.root / "again.json").read_bytes() == before


def test_samples_are_drawn_afresh_though_the_cache_is_full(world: World) -> None:
    world.edit()
    run(world)
    merged(world)
    world.server.received.clear()
    for number in (1, 2):
        ended = world.evalgate("baseline", "sample")
        assert ended.code == 0, ended.err
        assert f"support: 1 sample of each of {CASES} cases, support 1.1.0" in ended.out
        assert asked(world, brief=True) == number * CASES, (
            "neither answers of a passed run nor an earlier baseline are used"
        )
        assert len(world.server.received) == number * 2 * CASES, "the judges are called again as well"
    assert not list((world.root / ".evalgate/journal").glob("*"))


def test_a_version_that_passed_by_luck_is_compared_with_what_it_is_worth(world: World) -> None:
    merged(world, ("baseline: 1", "baseline: 3"))
    world.edit()
    world.grade = lambda judged: 5
    assert run(world)["decision"] == "PASS"
    merged(world, ("baseline: 1", "baseline: 3"))
    world.grade = lambda judged: 4
    sample(world)
    world.repository.write("prompts/support.prompt.yml", prompt("1.2.0", BRIEF + " Really."))
    gate = run(world)
    faithfulness = next(c for c in gate["comparisons"] if c["criterion"] == "faithfulness")
    assert (faithfulness["baseline"]["value"], faithfulness["difference"]["value"]) == (0.75, 0.0)
    assert asked(world, brief=True) == CASES
    assert len(world.server.received) == CASES, "an output equal to a stored one shares its scores"


REFUSED: dict[str, tuple[Callable[[World, Path], object], str]] = {
    "stale": (lambda world, path: edited(path, sampled_at=days_ago(8)), "8.0 days old, and 7 are allowed"),
    "of the future": (lambda world, path: edited(path, sampled_at=days_ago(-2)), "its date is in the future"),
    "damaged": (lambda world, path: path.write_bytes(b"\xff\x00"), "damaged"),
    "half a file": (lambda world, path: path.write_text(path.read_text()[:5000]), "damaged (not JSON"),
    "half its results": (
        lambda world, path: edited(path, results=json.loads(path.read_text())["results"][:30]),
        "damaged (not a stored baseline: digest",
    ),
    "a score edited": (
        lambda world, path: path.write_text(path.read_text().replace('"value": 1.0', '"value": 0.5', 1)),
        "damaged (not a stored baseline: digest",
    ),
    "no date": (lambda world, path: edited(path, sampled_at="yesterday"), "damaged"),
    "a date without a zone": (lambda world, path: edited(path, sampled_at="2026-01-01T00:00:00"), "no time zone"),
    "a later format": (lambda world, path: edited(path, format=2), "2 is not the 1 that this evalgate reads"),
    "not an object": (lambda world, path: path.write_text("[]"), "expected an object"),
    "nested": (lambda world, path: path.write_text("[" * 100_000), "damaged"),
    "of another key": (lambda world, path: edited(path, key="0" * 64), "damaged"),
    "another judge": (
        lambda world, path: merged(world, ("{rubric: faithfulness}", "{rubric: faithfulness, model: m-2}")),
        "differs in the judges",
    ),
    "another check": (lambda world, path: merged(world, ("name: fact", "name: truth")), "differs in the checks"),
    "another number": (
        lambda world, path: merged(world, ("baseline: 1", "baseline: 2")),
        "differs in the number of samples",
    ),
    "another model": (lambda world, path: merged(world, ("model: m,", "model: m-2,")), "differs in the target"),
    "another dataset": (
        lambda world, path: world.repository.write(
            "cases.jsonl", (world.root / "cases.jsonl").read_text().replace('"fact 3"', '"fact 3."')
        ),
        "differs in the dataset",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_stored_samples_that_do_not_fit_are_refused_and_the_note_says_why(world: World, name: str) -> None:
    spoil, why = REFUSED[name]
    spoil(world, sample(world))
    world.edit()
    gate = run(world)
    (note,) = [note for note in gate["notes"] if "stored baseline" in note]
    assert why in note
    assert note.endswith("the baseline is sampled in this run")
    assert gate["stored_baseline"] is None
    assert gate["decision"] in ("PASS", "FAIL", "INCONCLUSIVE")
    assert asked(world, brief=False) >= CASES, "in the same job"


def test_another_prompt_is_not_what_was_stored_and_nothing_is_said_of_it(world: World) -> None:
    sample(world)
    world.edit()
    merged(world)
    world.repository.write("prompts/support.prompt.yml", prompt("1.2.0", BRIEF + " Really."))
    gate = run(world)
    assert gate["stored_baseline"] is None
    assert not any("stored" in note for note in gate["notes"])
    assert asked(world, brief=True) == 2 * CASES


@pytest.mark.parametrize("option", ["--no-cache", "--record"])
def test_who_asks_for_new_samples_gets_them(world: World, option: str) -> None:
    sample(world)
    world.edit()
    gate = run(world, option)
    assert (gate["stored_baseline"], asked(world, brief=False)) == (None, CASES)


def test_recordings_are_replayed_for_both_arms_and_live_takes_the_store(world: World) -> None:
    recorded = ("model: m,", "model: m, recordings: r.jsonl,")
    merged(world, recorded)
    world.edit()
    run(world, "--record")
    world.repository.write("prompts/support.prompt.yml", prompt())
    sample(world)
    world.edit()
    assert run(world)["stored_baseline"] is None
    assert not world.server.received
    assert run(world, "--live")["stored_baseline"] is not None
    assert asked(world, brief=False) == 0


def test_a_patch_takes_over_the_checks_and_not_the_judges(world: World) -> None:
    sample(world)
    world.repository.write("prompts/support.prompt.yml", prompt("1.0.1", "Be  exact."))
    gate = run(world)
    assert gate["level"]["effective"] == "PATCH"
    assert gate["stored_baseline"] is not None
    assert all(set(result["scores"]) == {"is_json", "fact", "answered"} for result in gate["results"])
    assert not any(result["replies"] for result in gate["results"])
    assert len(world.server.received) == CASES


def test_fresh_samples_of_a_case_that_turned_are_still_drawn_on_both_arms(world: World) -> None:
    world.application = lambda system, user: (
        "nothing" if BRIEF in system and user.startswith(TURNED) else json.dumps({"answer": user})
    )
    merged(world, ("{type: is_json}", "{type: is_json, blocking: false}"))
    sample(world)
    world.grade = lambda judged: 1 if "nothing" in judged else 5
    world.edit()
    gate = run(world)
    assert gate["stored_baseline"] is not None
    assert gate["flips"]["broken"] == ["case-005", "case-006"]
    assert asked(world, brief=False) == 2 * 2, "the baseline has one stored and two new samples of each case"


def test_a_failed_call_stores_nothing_and_the_next_sampling_asks_for_that_alone(world: World) -> None:
    works = world.application
    world.application = lambda system, user: (
        error(503, "busy") if user.startswith("question 7\n") else works(system, user)
    )
    ended = world.evalgate("baseline", "sample")
    assert ended.code == 3
    assert "a call failed permanently in 1 of 64 cases: case-007" in ended.err
    assert "run the same command again" in ended.err
    assert not (world.root / ".evalgate/baselines").exists()
    world.application = works
    world.server.received.clear()
    sampled = world.evalgate("baseline", "sample")
    assert (sampled.code, len(world.server.received)) == (0, 2), "one answer, one judgement"
    assert len(list((world.root / ".evalgate/baselines").glob("*.json"))) == 1


def test_an_interrupted_sampling_keeps_its_date_and_one_that_is_too_old_begins_anew(world: World) -> None:
    works = world.application
    world.application = lambda system, user: (
        error(503, "busy") if user.startswith("question 7\n") else works(system, user)
    )
    assert world.evalgate("baseline", "sample").code == 3
    world.application = works
    (journal,) = (world.root / ".evalgate/journal").glob("baseline-*.jsonl")
    stem = journal.stem.rpartition("-")[0]
    then = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=2)
    two_days = journal.rename(journal.with_name(f"{stem}-{then:%Y%m%dT%H%M%SZ}.jsonl"))
    path = sample(world)
    assert json.loads(path.read_text())["sampled_at"] == then.isoformat(timespec="seconds")
    assert not two_days.exists()
    world.application = lambda system, user: (
        error(503, "busy") if user.startswith("question 7\n") else works(system, user)
    )
    assert world.evalgate("baseline", "sample").code == 3
    (journal,) = (world.root / ".evalgate/journal").glob("baseline-*.jsonl")
    then = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=8)
    journal.rename(journal.with_name(f"{stem}-{then:%Y%m%dT%H%M%SZ}.jsonl"))
    world.application = works
    world.server.received.clear()
    assert world.evalgate("baseline", "sample").code == 0
    assert len(world.server.received) == 2 * CASES


def test_show_lists_what_is_stored_and_whether_it_is_fresh(world: World) -> None:
    assert "no samples are stored" in world.evalgate("baseline", "show").out
    path = sample(world)
    kept = json.loads(path.read_text())
    out = world.evalgate("baseline", "show").out
    assert f"support: support 1.0.0, digest {kept['parts']['prompt'][:12]}, cases.jsonl" in out
    assert f"1 sample of each case, sampled {kept['sampled_at']}: fresh" in out
    edited(path, sampled_at=days_ago(9))
    assert "stale: it is 9.0 days old, and 7 are allowed" in world.evalgate("baseline", "show").out
    path.write_text("{}")
    ended = world.evalgate("baseline", "show")
    assert (ended.code, "not a stored baseline" in ended.err) == (0, True)


def test_another_version_than_that_of_the_working_tree_is_sampled_by_name(world: World) -> None:
    world.edit()
    path = sample(world, "--candidate", "main")
    assert json.loads(path.read_text())["version"] == "1.0.0"
    assert run(world)["stored_baseline"] is not None


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("{type: recorded, path: o.jsonl}", 'the outputs of target "app" are recorded already'),
        ('{type: python, function: "json:loads"}', 'target "app" is a function without a `version`'),
    ],
)
def test_what_cannot_be_kept_is_not_sampled(world: World, target: str, why: str) -> None:
    rows = "".join(json.dumps({"case": f"case-{i:03}", "text": "{}"}) + "\n" for i in range(CASES))
    world.repository.write("o.jsonl", rows)
    merged(
        world,
        ("gates:", f"  app: {target}\ngates:"),
        ("    samples", "    target: app\n    samples"),
        ("{rubric: faithfulness}", "{rubric: faithfulness, target: api}"),
    )
    ended = world.evalgate("baseline", "sample")
    assert ended.code == 2
    assert f'the gate "support" is not sampled: {why}' in ended.err
    assert not world.server.received


def test_a_store_that_cannot_be_written_is_said_and_what_was_answered_is_kept(world: World) -> None:
    world.repository.write(".evalgate/baselines", "a file where the folder should be")
    ended = world.evalgate("baseline", "sample")
    assert ended.code == 3
    assert "cannot be written" in ended.err
    (world.root / ".evalgate/baselines").unlink()
    world.server.received.clear()
    assert world.evalgate("baseline", "sample").code == 0
    assert not world.server.received


def test_the_self_check_is_in_the_report_of_every_run_that_uses_the_samples(world: World) -> None:
    merged(world, ("baseline: 1", "baseline: 3"))
    world.grade = lambda judged: 3 + len(judged) % 3
    assert world.evalgate("baseline", "sample").code == 0
    alone = world.evalgate("aa")
    assert alone.code == 0, alone.out + alone.err
    assert "against itself in" in " ".join(alone.out.split()) or "fails" in alone.out
    world.edit()
    world.evalgate("run", "--output", "report.json")
    notes = world.report()["gates"][0]["notes"]
    assert any(note.startswith("self-check of the stored baseline: faithfulness: on these 64 cases") for note in notes)
