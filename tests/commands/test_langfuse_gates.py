"""The verbs on a gate whose prompt, baseline and dataset are in Langfuse."""

from __future__ import annotations

import pytest
from chat_server import Received, Reply
from langfuse_project import CASES, SYSTEM, LangfuseWorld, langfuse, source_world

__all__ = ["langfuse", "source_world"]


def test_staging_is_compared_with_production_and_both_are_pinned(source_world: LangfuseWorld) -> None:
    ended = source_world.evalgate("run", "--output", "report.json")
    assert ended.code == 0, ended.out + ended.err
    (gate,) = source_world.report()["gates"]
    assert gate["name"] == "support"
    assert gate["candidate"]["source"] == "langfuse:support@2" and gate["baseline"]["source"] == "langfuse:support@1"
    assert len(gate["candidate"]["digest"]) == 64 and len(gate["dataset"]["digest"]) == 64
    assert gate["dataset"]["path"] == "langfuse:golden" and gate["dataset"]["cases"] == CASES
    assert gate["level"]["effective"] == "MINOR" and gate["level"]["declared"] is None
    asked = [one.body for one in source_world.server.received]
    assert {one["messages"][0]["content"] for one in asked} == {SYSTEM, f"{SYSTEM} Be brief."}
    assert all(one["temperature"] == 0 and len(one["messages"]) == 2 for one in asked)
    assert "question 3\nfact 3" in {one["messages"][1]["content"] for one in asked}
    assert source_world.evalgate("decide", "report.json").code == 0


@pytest.mark.parametrize("verb", ["run", "plan"])
def test_a_version_can_be_named_for_either_arm(source_world: LangfuseWorld, verb: str) -> None:
    source_world.save(f"{SYSTEM} Be kind.")
    args = ("--candidate", "langfuse:support@3", "--baseline", "langfuse:support@2")
    ended = source_world.evalgate(verb, *args)
    assert ended.code == 0 and "support" in ended.out, ended.out + ended.err
    assert verb == "plan" or "langfuse:support@3" in ended.out


@pytest.mark.parametrize(
    ("candidate", "place"),
    [
        ("langfuse:support@9", "langfuse:support@9: does not exist at http"),
        ("langfuse:support@canary", "it has the versions 1 to 2 and the labels latest, production, staging"),
        ("langfuse:other@staging", "no gate"),
        ("langfuse:support", '--candidate: "langfuse:support" names no prompt in Langfuse'),
    ],
)
def test_what_is_missing_exits_with_2_and_says_where(source_world: LangfuseWorld, candidate: str, place: str) -> None:
    ended = source_world.evalgate("run", "--candidate", candidate)
    assert ended.code == 2 and (place in ended.err or place == "no gate"), ended.err
    assert not source_world.server.received


def test_a_server_that_fails_exits_with_3(source_world: LangfuseWorld) -> None:
    source_world.langfuse.fail("GET", status=503, count=9)
    ended = source_world.evalgate("run")
    assert ended.code == 3 and "503" in ended.err, ended.err


def test_the_names_of_a_missing_key_and_a_missing_server(
    source_world: LangfuseWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LANGFUSE_SECRET_KEY")
    ended = source_world.evalgate("run")
    assert ended.code == 2 and "LANGFUSE_SECRET_KEY is not set" in ended.err
    source_world.configure(edit=(f'langfuse: {{host: "{source_world.langfuse.url}"}}\n', ""))
    ended = source_world.evalgate("run")
    assert ended.code == 2 and "no Langfuse server is named" in ended.err


def test_a_label_that_moves_during_the_run_gives_no_pass(source_world: LangfuseWorld) -> None:
    source_world.save(f"{SYSTEM} Be kind.")
    scripted = source_world.server.script

    def move(received: Received, number: int) -> Reply:
        source_world.langfuse.prompts.move("support", 3, ["staging"])
        return scripted(received, number)

    source_world.server.script = move
    ended = source_world.evalgate("run", "--output", "report.json")
    said = "langfuse:support@staging was langfuse:support@2 when the run began, and now it is langfuse:support@3"
    assert ended.code == 4, ended.out + ended.err
    report = source_world.report()
    assert report["gates"][0]["candidate"]["source"] == "langfuse:support@2"
    assert report["decision"] == "INCONCLUSIVE" and said in report["gates"][0]["findings"][0]["sentence"]
    assert source_world.evalgate("decide", "report.json").code == 4
    source_world.server.script = scripted
    assert source_world.evalgate("run").code == 0


def test_validate_asks_no_server_and_says_what_it_has_not_seen(source_world: LangfuseWorld) -> None:
    before = len(source_world.langfuse.requests)
    ended = source_world.evalgate("validate")
    assert ended.code == 0, ended.err
    assert "support: not looked at: langfuse:support@staging, langfuse:golden" in ended.out
    assert len(source_world.langfuse.requests) == before


def test_a_proposal_for_a_prompt_in_git_is_compared_with_the_default_branch(source_world: LangfuseWorld) -> None:
    source_world.repository.write(
        "support.prompt.yml",
        'version: "1.0.0"\nmessages:\n  - {role: system, content: "Be exact, please."}\n'
        '  - {role: user, content: "{{query}} {{context}}"}\n',
    )
    source_world.configure(edit=("langfuse:support@staging", "support.prompt.yml"))
    source_world.repository.commit("a prompt in git")
    ended = source_world.evalgate("run", "--candidate", "langfuse:support@staging", "--output", "report.json")
    gate = source_world.report()["gates"][0]
    assert gate["candidate"]["source"] == "langfuse:support@2" and ":support.prompt.yml" in gate["baseline"]["source"]
    assert gate["level"]["declared"] is None and not gate["level"]["findings"], ended.out


def test_drift_watches_the_version_that_has_the_label_production(source_world: LangfuseWorld) -> None:
    sampled = source_world.evalgate("baseline", "sample")
    assert sampled.code == 0, sampled.err
    ended = source_world.evalgate("drift")
    assert ended.code in (0, 4) and "not" in ended.out, ended.out + ended.err
    assert {one.body["messages"][0]["content"] for one in source_world.server.received} == {SYSTEM}


def test_shards_with_a_label_that_moved_merge_to_no_pass(source_world: LangfuseWorld) -> None:
    source_world.save(f"{SYSTEM} Be kind.")
    scripted = source_world.server.script

    def move(received: Received, number: int) -> Reply:
        source_world.langfuse.prompts.move("support", 3, ["staging"])
        return scripted(received, number)

    assert source_world.evalgate("run", "--shard", "1/2", "--output", "one.json").code == 0
    source_world.server.script = move
    assert source_world.evalgate("run", "--shard", "2/2", "--output", "two.json").code == 0
    ended = source_world.evalgate("merge", "one.json", "two.json")
    assert ended.code == 4 and "now it is langfuse:support@3" in " ".join(ended.out.split()), ended.out + ended.err


def test_a_change_in_git_does_not_run_what_is_in_langfuse(source_world: LangfuseWorld) -> None:
    world = source_world
    world.repository.git("switch", "--quiet", "--create", "work")
    world.repository.write("notes.md", "unrelated")
    world.repository.commit("unrelated")
    for options in (("--changed",), ("--policy-ref", "base"), ("--policy-ref", "base", "--changed")):
        ended = world.evalgate("run", *options)
        assert ended.code == 0, f"{options}: {ended.out}{ended.err}"
    assert not world.server.received and not world.langfuse.requests
    world.configure(edit=("name: fact", "name: truth"))
    world.repository.commit("other rules")
    assert world.evalgate("run", "--changed", "--output", "report.json").code in (0, 4)
    assert world.server.received
    assert world.evalgate("run", "--policy-ref", "base").code == 5  # a person has to agree to the edited rules


def test_a_dataset_in_langfuse_serves_a_prompt_in_a_pull_request(source_world: LangfuseWorld) -> None:
    world = source_world
    text = "messages:\n  - {role: system, content: %s}\n  - {role: user, content: '{{query}} {{context}}'}\n"
    world.repository.write("support.prompt.yml", text % "Be exact and brief in all that you answer to anyone.")
    world.configure(edit=("langfuse:support@staging", "support.prompt.yml"))
    world.repository.commit("a prompt in git")
    world.repository.git("switch", "--quiet", "--create", "work")
    world.repository.write("support.prompt.yml", text % "Be exact and brief in all that you answer to people.")
    world.repository.commit("an edit")
    ended = world.evalgate("run", "--policy-ref", "base", "--output", "report.json")
    gate = world.report()["gates"][0]
    assert ended.code in (0, 4, 5) and gate["dataset"]["path"] == "langfuse:golden", ended.out + ended.err
    assert gate["dataset"]["cases"] == CASES


def test_a_pin_names_a_commit_and_no_version_in_langfuse(source_world: LangfuseWorld) -> None:
    ended = source_world.evalgate("baseline", "pin", "--by", "Ada")
    assert ended.code == 2 and "its prompt is in Langfuse, and a pin names a commit" in ended.err
