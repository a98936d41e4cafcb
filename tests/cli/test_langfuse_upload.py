"""`evalgate run --langfuse`: both versions as experiments in Langfuse, counted back, and what a lost write means."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from chat_server import Reply, error
from gated_project import CASES, CONFIG, World, prompt
from langfuse_server import PUBLIC, SECRET, LangfuseServer
from release.documents import make_version

from evalgate.gate import experiment_upload
from evalgate.release.document import PublishedVersion

SCORES = 4  # criteria: is_json, fact, faithfulness, and answered, which every gate has


@pytest.fixture
def server(request: pytest.FixtureRequest, world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[LangfuseServer]:
    monkeypatch.setattr(experiment_upload, "LAG_SECONDS", 1.0)
    monkeypatch.setattr(experiment_upload, "_FIRST_WAIT", 0.02)
    for name in ("LANGFUSE_BASE_URL", "LANGFUSE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", PUBLIC)
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", SECRET)
    # one test sends each score by itself and checks each answer, which takes most of the time; the others send arrays
    is_slow = "experiments_with_all" in request.node.name
    with LangfuseServer(version="4.16.0" if is_slow else "4.59.0", checked=is_slow) as made:
        monkeypatch.setenv("LANGFUSE_HOST", made.url)
        yield made
        assert made.violations == []


def list_items(server: LangfuseServer, arm: str) -> list[dict[str, Any]]:
    asked = {"fromStartTime": "2020-01-01T00:00:00Z", "limit": "100"}
    made = server.rows.answer("GET", "experiments", asked, b"", {})[1]["data"]
    named = [one["id"] for one in made if f" {arm} " in one["name"]]
    asked |= {"experimentId": named[0], "fields": "core,io,scores"}
    found: list[dict[str, Any]] = server.rows.answer("GET", "experiment-items", asked, b"", {})[1]["data"]
    return found


def test_both_arms_are_experiments_with_all_answers_and_scores(world: World, server: LangfuseServer) -> None:
    world.edit()
    ended = world.evalgate("run", "--langfuse", "--output", "report.json")
    assert ended.code == 0, ended.err
    run = world.report()["run_id"]
    assert ended.err.splitlines()[-2:] == [
        f"Langfuse: support 1.1.0 candidate {run}: {CASES} items, {CASES * SCORES + 1} scores, "
        "linked to no prompt version there",
        f"Langfuse: support 1.0.0 baseline {run}: {CASES} items, {CASES * SCORES} scores, "
        "linked to no prompt version there",
    ]
    for arm, words in (("candidate", "Be brief"), ("baseline", "Be exact")):
        items = list_items(server, arm)
        assert sorted(one["experimentItemId"] for one in items) == [f"case-{i:03}" for i in range(CASES)]
        one = next(one for one in items if one["experimentItemId"] == "case-003")
        sent = json.loads(one["input"])
        assert [message["role"] for message in sent] == ["system", "user"] and words in sent[0]["content"]
        assert one["output"] == json.dumps({"answer": "question 3\nfact 3"})
        assert json.loads(one["expectedOutput"]) == "fact 3"
        assert {score["name"]: score["value"] for score in one["scores"]} == {
            "is_json": 1, "fact": 1, "faithfulness": 1, "answered": 1
        }  # fmt: skip
    (verdict,) = [one for one, _ in server.rows.scores.values() if one["name"] == "verdict"]
    assert (verdict["value"], verdict["dataType"]) == ("PASS", "CATEGORICAL")
    assert all(isinstance(one, dict) for one in server.rows.posted)
    assert not any(path.startswith("/api/public/dataset-run-items") for _, path, _ in server.requests)


def test_a_second_run_pays_nothing_and_makes_experiments_of_its_own(world: World, server: LangfuseServer) -> None:
    world.edit()
    world.evalgate("run", "--langfuse")
    calls = len(world.server.received)
    assert world.evalgate("run", "--langfuse").code == 0
    assert len(world.server.received) == calls
    assert len({row.experiment["name"] for row in server.rows.rows.values()}) == 4


def test_a_later_server_gets_arrays(world: World, server: LangfuseServer) -> None:
    world.edit()
    ended = world.evalgate("run", "--langfuse")
    assert ended.code == 0, ended.err
    scores = [one for one in server.rows.posted if isinstance(one, list)]
    assert sum(map(len, scores)) == 2 * CASES * SCORES + 1 and max(map(len, scores)) == 15
    assert all("timestamp" in one for some in scores for one in some)
    server.rows.reject = lambda score: score["name"] == "fact"
    ended = world.evalgate("run", "--langfuse")
    assert ended.code == 3 and re.search(r"rejects \d+ of 15 scores: the score fact is rejected", ended.err)


def test_reads_that_lag_are_waited_for(world: World, server: LangfuseServer) -> None:
    server.rows.lag = 3
    world.edit()
    assert world.evalgate("run", "--langfuse").code == 0


def lose_case(server: LangfuseServer) -> None:
    def drop(kind: str, body: Any) -> bool:
        return kind == "span" and any(one["value"].get("stringValue") == "case-005" for one in body["attributes"])

    server.rows.drop = drop


def lose_score(server: LangfuseServer) -> None:
    server.rows.drop = lambda kind, body: (
        kind == "score" and body["name"] == "fact" and body["metadata"]["case"] == "case-009"
    )


def lose_verdict(server: LangfuseServer) -> None:
    server.rows.drop = lambda kind, body: kind == "score" and body["name"] == "verdict"


@pytest.mark.parametrize(
    ("lose", "told"),
    [
        (lose_case, f"1 of {CASES} items is missing (case-005)"),
        (lose_score, f"1 of {CASES * SCORES + 1} scores is missing or differs (fact of case-009)"),
        (lose_verdict, f"1 of {CASES * SCORES + 1} scores is missing or differs (verdict of the run)"),
    ],
)
def test_a_lost_write_after_a_pass_is_an_error_that_names_it(
    world: World, server: LangfuseServer, lose: Any, told: str
) -> None:
    lose(server)
    world.edit()
    ended = world.evalgate("run", "--langfuse", "--output", "report.json")
    assert ended.code == 3 and told in ended.err and "is not complete after 1 seconds" in ended.err
    assert ended.err.count("hint: ") == 1
    assert world.report()["decision"] == "PASS" and (world.root / ".evalgate" / "report.json").is_file()
    server.rows.drop = lambda kind, body: False
    assert world.evalgate("run", "--langfuse").code == 0


def test_a_lost_write_leaves_a_verdict_that_blocks(world: World, server: LangfuseServer) -> None:
    def answer(system: str, user: str) -> str:
        return "no JSON" if "brief" in system else json.dumps({"answer": user})

    world.application = answer
    lose_case(server)
    world.edit()
    ended = world.evalgate("run", "--langfuse")
    assert ended.code == 1 and "items is missing (case-005)" in ended.err


@pytest.mark.parametrize("lost", ["before", "after"])
def test_an_answer_that_is_lost_is_sent_again_and_written_once(world: World, server: LangfuseServer, lost: str) -> None:
    server.fail("POST", lost=lost, path="otel", count=2)
    server.fail("POST", status=503, path="scores", count=3)
    world.edit()
    ended = world.evalgate("run", "--langfuse")
    assert ended.code == 0, ended.err
    assert len(list_items(server, "candidate")) == CASES and len(server.rows.rows) == 4 * CASES


def test_an_outage_ends_after_few_tries(world: World, server: LangfuseServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from evalgate.services import langfuse_pages

    monkeypatch.setattr(langfuse_pages, "_WAIT_SECONDS", 0.0)
    server.fail("POST", status=500, path="otel", count=100)
    world.edit()
    ended = world.evalgate("run", "--langfuse")
    assert ended.code == 3 and "the server answered 500" in ended.err
    assert sum("otel" in path for _, path, _ in server.requests) == 4


@pytest.mark.parametrize(
    ("unset", "told"),
    [
        ("LANGFUSE_HOST", "no Langfuse server is named"),
        ("LANGFUSE_SECRET_KEY", "the variable LANGFUSE_SECRET_KEY is not set"),
        ("LANGFUSE_PUBLIC_KEY", "the variable LANGFUSE_PUBLIC_KEY is not set"),
    ],
)
def test_what_is_not_set_is_told_before_any_model_call(
    world: World, server: LangfuseServer, monkeypatch: pytest.MonkeyPatch, unset: str, told: str
) -> None:
    monkeypatch.delenv(unset)
    world.edit()
    ended = world.evalgate("run", "--langfuse")
    assert ended.code == 2 and told in ended.err
    assert world.server.received == [] and server.requests == []


def test_keys_that_are_refused_are_told_before_any_model_call(
    world: World, server: LangfuseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", "sk-lf-another")
    world.edit()
    ended = world.evalgate("run", "--langfuse")
    assert ended.code == 3 and "refuses the keys (401)" in ended.err and "sk-lf-another" not in ended.err
    assert world.server.received == []


def test_the_registry_of_the_configuration_names_server_and_keys(
    world: World, server: LangfuseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGFUSE_HOST", "http://127.0.0.1:9")
    monkeypatch.setenv("OWN_PUBLIC", PUBLIC)
    monkeypatch.setenv("OWN_SECRET", SECRET)
    monkeypatch.delenv("LANGFUSE_SECRET_KEY")
    release = (
        f"release: {{registry: 'langfuse:{server.url}', public_key_env: OWN_PUBLIC, secret_key_env: OWN_SECRET}}\n"
    )
    world.repository.write("evalgate.yml", CONFIG.format(url=world.server.url) + release)
    world.edit()
    ended = world.evalgate("run", "--langfuse")
    assert ended.code in (0, 4) and len(list_items(server, "candidate")) == CASES, ended.err


def test_a_shard_is_refused(world: World, server: LangfuseServer) -> None:
    ended = world.evalgate("run", "--langfuse", "--shard", "1/2")
    assert ended.code == 2 and "a shard has none" in ended.err


def test_texts_that_may_not_leave_stay(world: World, server: LangfuseServer) -> None:
    def answer(system: str, user: str) -> str:
        return "no JSON, 17 secrets" if "brief" in system and "question 7\n" in user else json.dumps({"a": user})

    world.application = answer
    for texts, shown in (("none", []), ("failing", ["case-007"])):
        server.rows.rows.clear()
        world.repository.write("evalgate.yml", f"report: {{texts: {texts}}}\n" + CONFIG.format(url=world.server.url))
        world.edit()
        world.evalgate("run", "--langfuse")
        items = list_items(server, "candidate")
        assert sorted({one["experimentItemId"] for one in items if one["input"] is not None}) == shown
        assert sorted({one["experimentItemId"] for one in items if one["expectedOutput"] is not None}) == shown
        assert {one["output"] for one in items if one["experimentItemId"] not in shown} == {"(text withheld)"}
        comments = {one["comment"] for one, _ in server.rows.scores.values() if texts == "none"}
        assert not any("secrets" in (comment or "") for comment in comments)
        assert ("17 secrets" in json.dumps(server.rows.posted)) is (texts == "failing")


def test_a_secret_never_leaves(world: World, server: LangfuseServer) -> None:
    text = (world.root / "cases.jsonl").read_text().replace("question 3", 'my key is "secret-key-123"', 1)
    world.repository.write("cases.jsonl", text.replace('"secret-key-123"', "secret-key-123"))
    world.edit()
    world.evalgate("run", "--langfuse")
    sent = json.dumps(server.rows.posted)
    assert "my key is ***" in sent and "secret-key-123" not in sent and SECRET not in sent


def test_a_call_that_failed_is_an_item_without_scores(world: World, server: LangfuseServer) -> None:
    def answer(system: str, user: str) -> str | Reply:
        return error(400, "bad request") if user.startswith("question 3\n") else json.dumps({"answer": user})

    world.application = answer
    world.edit()
    ended = world.evalgate("run", "--langfuse")
    assert "items are missing" not in ended.err
    (item,) = [one for one in list_items(server, "candidate") if one["experimentItemId"] == "case-003"]
    assert item["level"] == "ERROR" and item["output"] is None
    row = server.rows.rows[item["id"]].shown
    assert "bad request" in row["statusMessage"] and row["metadata"]["failure"] == "infrastructure"
    assert {one["name"] for one in item["scores"]}.isdisjoint(
        row["metadata"]["unscored"] and json.loads(row["metadata"]["unscored"])
    )


def test_the_prompt_version_in_langfuse_is_linked(world: World, server: LangfuseServer) -> None:
    from evalgate.domain.prompt_version import NO_SETTINGS
    from evalgate.inputs.prompts import load_prompt
    from evalgate.inputs.tree import WorkTree

    own = load_prompt(WorkTree(world.root), "prompts/support.prompt.yml", NO_SETTINGS)
    version: PublishedVersion = make_version()
    server.prompts.seed("support", [], type="chat", config={"evalgate": {"digest": version.digest}})
    server.prompts.seed("support", [], type="chat", config={"evalgate": {"digest": own.digest}})
    server.prompts.seed("support", [], type="chat", config={"evalgate": {"digest": own.digest}})  # a copy
    world.repository.write("prompts/support.prompt.yml", prompt("1.1.0", "Be brief, always and everywhere, please."))
    ended = world.evalgate("run", "--langfuse")
    assert "linked to support, version 2" in ended.err.splitlines()[-1], ended.err
    calls = [row for row in server.rows.rows.values() if row.shown["type"] == "GENERATION"]
    by_arm = {json.loads(row.experiment["metadata"])["arm"]: row.shown for row in calls}
    assert (by_arm["baseline"]["promptName"], by_arm["baseline"]["promptVersion"]) == ("support", 2)
    assert by_arm["candidate"]["promptName"] == "" and by_arm["candidate"]["model"] == "m"


def test_nothing_to_run_is_nothing_to_send(world: World, server: LangfuseServer) -> None:
    ended = world.evalgate("run", "--langfuse", "--changed")
    assert ended.code == 0 and "nothing is sent" in ended.err and server.requests == []
