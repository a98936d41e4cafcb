"""The semantic similarity in live runs: what is reported and asked for, and that no verdict depends on it."""

from __future__ import annotations

import csv
import html
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from batch_server import BatchServer
from chat_server import Reply, error
from gate.embedding_script import JUDGES, SIMILARITY, Embeddings, configure_similarity
from gate.live_run import number, run
from gated_project import World

VERDICT = ("decision", "exit_code", "comparisons", "findings", "blocking", "counts", "requirements", "verdict_key")


def get_verdict(gate: dict[str, Any]) -> dict[str, Any]:
    return {key: gate[key] for key in VERDICT}


def list_reasons(gate: dict[str, Any]) -> set[str]:
    return {one["score"]["unscored"] for one in gate["similarity"]["outputs"] if "unscored" in one["score"]}


def test_every_output_is_measured_once_and_an_unchanged_run_makes_no_call(world: World) -> None:
    found = configure_similarity(world)
    world.edit()
    estimate = world.evalgate("plan").out
    assert "embeddings        30 calls to make" in estimate and "beside these" in estimate.replace("\n", " ")
    gate = run(world)
    outputs = gate["similarity"]["outputs"]
    assert len(outputs) == 20 and all(0 <= one["score"]["value"] <= 1 for one in outputs)
    assert (gate["similarity"]["model"], gate["similarity"]["source"]) == ("e-1", "expected")
    # both versions give the same texts: 10 of them, and 10 texts to compare with
    assert len(found.texts) == len(set(found.texts)) == 20
    assert gate["calls"]["made"] == 40 and gate["usage"]["input_tokens"] == 20 * 100 + 20 * 7
    assert gate["cost_usd"] == pytest.approx(20 * 120e-6 + 20 * 21e-6)
    assert world.ended.code == 0
    again = run(world)
    assert len(found.texts) == 20 and again["calls"]["made"] == 0 and again["similarity"] == gate["similarity"]
    assert "embeddings        0 calls to make" in world.evalgate("plan").out


def test_it_is_in_every_form_of_the_report_and_below_the_scores_of_a_case(world: World) -> None:
    configure_similarity(world)
    world.edit()
    run(world)
    for form in ("terminal", "markdown", "html", "junit"):
        text = html.unescape(world.evalgate("report", "--format", form).out).replace("\n", " ").replace("\\", "")
        assert "semantic_similarity" in text and "reported only" in text and "It decides nothing" in text, form
    page = world.evalgate("show", "case-001").out
    assert page.count("semantic_similarity (reported only) 0.") == 2
    (shown,) = json.loads(world.evalgate("show", "case-001", "--format", "json").out)
    assert [one["reported_only"]["score"][:2] for one in shown["samples"]] == ["0.", "0."]
    world.evalgate("report", "--output", "scores.csv")
    rows = list(csv.DictReader((world.root / "scores.csv").read_text().splitlines()))
    assert sum(row["criterion"] == "semantic_similarity (reported only)" for row in rows) == 20
    decided = world.evalgate("decide", "--scores", "scores.csv", "--format", "json")
    (gate,) = json.loads(decided.out)["gates"]
    assert {one["name"] for one in gate["criteria"]} == {"is_json", "fact"}
    assert "similarity" not in gate
    again = world.evalgate("decide", "report.json", "--format", "json")
    assert json.loads(again.out)["gates"][0]["similarity"] == world.report()["gates"][0]["similarity"]


FAULTS: dict[str, Callable[[str], Sequence[Any] | Reply]] = {
    "down": lambda text: error(503, "down"),
    "unknown model": lambda text: error(404, "no such model"),
    "too long": lambda text: error(400, "input is too long") if text.startswith("{") else [1, 2],
    "dimension": lambda text: [1, 2] if text.startswith("{") else [1, 2, 3],
    "zero": lambda text: [0, 0],
    "empty": lambda text: [],
    "not finite": lambda text: Reply(body=b'{"data": [{"embedding": [NaN]}]}'),
    "no JSON": lambda text: Reply(body=b"oops"),
}


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("down", "down"),
        ("unknown model", "no such model"),
        ("too long", "too long"),
        ("dimension", "different numbers of values: 2 and 3"),
        ("zero", "all of its values are 0"),
        ("empty", "it is empty"),
        ("not finite", "a value is not finite"),
        ("no JSON", "not JSON"),
    ],
)
def test_no_fault_of_the_endpoint_changes_a_verdict_and_the_report_names_it(
    world: World, fault: str, told: str
) -> None:
    found = configure_similarity(world, ("attempts: 2", "attempts: 1"), cases=8)
    found.embed = FAULTS[fault]
    world.edit()
    gate = run(world)
    assert (gate["decision"], world.ended.code) == ("PASS", 0)
    assert all(told in reason for reason in list_reasons(gate)) and len(gate["similarity"]["outputs"]) == 16
    assert told in world.ended.out.replace("\n", " ") and "no case could be compared" in world.ended.out
    without = {key: value for key, value in gate.items() if key != "similarity"}
    assert without["counts"]["unscored"] == 0


def test_the_verdict_is_the_same_with_and_without_it_also_where_the_endpoint_fails(world: World) -> None:
    def answer(system: str, user: str) -> str:
        return "no JSON" if "brief" in system and number(user) == 3 else json.dumps({"answer": user})

    verdicts = []
    for measured, fault in ((False, ""), (True, ""), (True, "down")):
        found = configure_similarity(world, ("attempts: 2", "attempts: 1"), measured=measured)
        if fault:
            found.embed = FAULTS[fault]
        world.application = answer
        world.edit()
        verdicts.append(get_verdict(run(world, "--store", f"store-{len(verdicts)}")))
        world.server.script = found._others
    assert verdicts[0] == verdicts[1] == verdicts[2] and verdicts[0]["decision"] == "FAIL"


def test_a_stored_verdict_stays_and_what_it_lacks_is_measured(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    configure_similarity(world, measured=False)
    world.edit()
    before = run(world)
    assert "similarity" not in before
    asked = len(world.server.received)
    found = configure_similarity(world)
    world.edit()
    after = run(world)
    assert get_verdict(after) == get_verdict(before)
    assert any("decided before" in note for note in after["notes"])
    assert len(found.texts) == 20 == len(world.server.received) - asked == after["calls"]["made"]
    # a verdict that needs no call needs no key either
    monkeypatch.delenv("API_KEY")
    keyless = run(world)
    assert (get_verdict(keyless), world.ended.code) == (get_verdict(before), 0)
    assert keyless["similarity"]["fault"].startswith('target "vectors": the environment variable API_KEY is not set')


def test_an_outage_is_measured_again_with_the_stored_verdict(world: World) -> None:
    found = configure_similarity(world, ("attempts: 2", "attempts: 1"))
    found.embed = FAULTS["unknown model"]
    world.edit()
    broken = run(world)
    assert broken["similarity"]["fault"] and broken["cost_usd"] == pytest.approx(20 * 120e-6)
    found.embed = lambda text: [1.0, len(text)]
    healed = run(world)["similarity"]
    assert "fault" not in healed or not healed["fault"]
    assert all("value" in one["score"] for one in healed["outputs"])


def test_a_missing_key_is_told_before_any_call(world: World) -> None:
    configure_similarity(world, key="VECTORS_KEY")
    world.edit()
    ended = world.evalgate("run")
    assert ended.code == 2 and "VECTORS_KEY is not set" in ended.err
    assert world.server.received == []


def test_a_limit_in_dollars_that_the_answers_use_up_leaves_it_unscored(world: World) -> None:
    found = configure_similarity(world, ("attempts: 2", "attempts: 2, max_cost_usd: 0.0024"))
    world.edit()
    gate = run(world)
    assert gate["decision"] == "PASS" and len(found.texts) < 20
    assert any("max_cost_usd reached" in reason for reason in list_reasons(gate))


def test_cases_without_a_text_are_named_and_a_field_that_no_case_has_is_an_error(world: World) -> None:
    found = configure_similarity(world, (SIMILARITY, SIMILARITY.replace("}", ", from: notes}")))
    world.edit()
    ended = world.evalgate("validate")
    assert ended.code == 2
    assert 'the field "notes" of semantic_similarity is given by no case of cases.jsonl' in ended.err
    rows = [json.loads(line) for line in (world.root / "cases.jsonl").read_text().splitlines()]
    rows[0]["notes"] = ["one", "two"]
    world.repository.write("cases.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    world.repository.git("commit", "--quiet", "--all", "--message", "notes")
    world.repository.git("branch", "--force", "main", "HEAD")
    world.edit("1.2.0")
    gate = run(world)
    assert sorted(found.texts)[:2] == ["one", "two"] or set(found.texts) >= {"one", "two"}
    assert list_reasons(gate) == {"the case has no text in the field notes"} and len(found.texts) == 3
    assert world.ended.code == 0


def test_it_runs_where_judges_run(world: World) -> None:
    found = configure_similarity(world, judges=JUDGES)
    world.repository.write(
        "prompts/support.prompt.yml",
        (world.root / "prompts/support.prompt.yml").read_text().replace("1.0.0", "1.0.1").replace("exact.", "exact!"),
    )
    gate = run(world)
    assert gate["level"]["effective"] == "PATCH" and "similarity" not in gate and found.texts == []


def test_texts_that_may_not_leave_are_in_no_reason(world: World) -> None:
    found = configure_similarity(world, ("run:", "report: {texts: none}\nrun:"))
    found.embed = lambda text: error(400, f"cannot embed {text}")
    world.edit()
    gate = run(world)
    assert "cannot embed" not in json.dumps(gate["similarity"])
    assert "cannot embed" not in world.ended.out


def test_shards_are_merged_and_a_part_is_measured(world: World) -> None:
    found = configure_similarity(world)
    world.edit()
    for part in (1, 2):
        arguments = ("--shard", f"{part}/2", "--store", f"store-{part}", "--output", f"shard-{part}.json")
        assert world.evalgate("run", *arguments).code == 0
    assert world.evalgate("merge", "shard-1.json", "shard-2.json", "--output", "merged.json").code == 0
    merged = world.report("merged.json")["gates"][0]["similarity"]
    assert [one["case"] for one in merged["outputs"]] == [
        r["case"] for r in world.report("merged.json")["gates"][0]["results"]
    ]
    assert run(world)["similarity"] == merged
    asked = len(found.texts)
    world.evalgate("run", "--case", "case-001", "--store", "store-3", "--output", "part.json")
    part = world.report("part.json")["gates"][0]["similarity"]
    assert {one["case"] for one in part["outputs"]} == {"case-001"} and len(found.texts) == asked + 2


def test_recordings_hold_the_embeddings(world: World) -> None:
    found = configure_similarity(world, ("model: e-1,", "model: e-1, recordings: vectors.jsonl,"))
    world.repository.write("vectors.jsonl", "")
    world.edit()
    gate = run(world)
    assert "has no recording" in gate["similarity"]["fault"] and "evalgate run --record" in gate["similarity"]["fault"]
    assert found.texts == [] and gate["decision"] == "PASS"
    world.evalgate("run", "--record")
    assert len((world.root / "vectors.jsonl").read_text().splitlines()) == 20 == len(found.texts)
    replayed = run(world, "--store", "other")
    assert len(found.texts) == 20 and all("value" in one["score"] for one in replayed["similarity"]["outputs"])


def test_no_embedding_meets_the_limits_of_the_answers(world: World) -> None:
    """Ten equal refusals in a row end a run: here they end the measurement alone, and the next gate is not touched."""
    found: Embeddings = configure_similarity(world, cases=12)
    found.embed = lambda text: error(400, "cannot embed this")
    world.edit()
    gate = run(world)
    assert gate["decision"] == "PASS" and "10 times in a row" in gate["similarity"]["fault"]


def test_with_batches_the_embeddings_are_asked_for_directly_at_their_full_price(
    world: World, batch_server: BatchServer
) -> None:
    address = f'api: {{type: openai, base_url: "{world.server.url}"'
    found = configure_similarity(
        world,
        (address, address.replace(world.server.url, batch_server.url)),
        ("run: {attempts: 2}", "run: {attempts: 2, batch: {poll_seconds: 0.1, collect_seconds: 0.1}}"),
        cases=8,
    )
    batch_server.script = found._others  # type: ignore[assignment]
    world.edit()
    gate = run(world, "--engine", "batch")
    assert batch_server.count("POST /v1/chat") == 0 and len(found.texts) == 16
    assert gate["cost_usd"] == pytest.approx(16 * 120e-6 / 2 + 16 * 21e-6)
    assert all("value" in one["score"] for one in gate["similarity"]["outputs"])
