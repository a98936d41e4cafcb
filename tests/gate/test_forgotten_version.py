"""Version numbers that are not in order: told before anything is called, by every verb that can know."""

from __future__ import annotations

import pytest
from gated_project import CONFIG, World, prompt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FILE = "prompts/support.prompt.yml"
EDIT = f'edit {FILE}:2: version: "1.0.0" -> "1.1.0" and {FILE}:3: change:'
SECOND = "  - {name: second, prompt: prompts/b.prompt.yml, dataset: cases.jsonl, checks: [{type: is_json}]}\nrun:"


@pytest.mark.parametrize(
    "arguments", [("run",), ("run", "--shard", "1/2"), ("run", "--live"), ("plan",), ("validate",)]
)
def test_a_forgotten_version_is_told_before_a_call(world: World, arguments: tuple[str, ...]) -> None:
    world.edit("1.0.0")
    ended = world.evalgate(*arguments)
    said = " ".join((ended.out + ended.err).split())
    assert ended.code == 1, said
    assert "the content changed without a new version (1.0.0)" in said
    assert EDIT in said
    assert not world.server.received


def test_only_the_versions_are_found_wrong(world: World) -> None:
    world.edit("1.0.0")
    world.evalgate("run", "--output", "report.json")
    gate = world.report()["gates"][0]
    assert [finding["kind"] for finding in gate["findings"]] == ["version", "completeness"]
    assert (gate["decision"], gate["exit_code"], gate["results"]) == ("FAIL", 1, [])
    assert world.evalgate("report", "report.json").code == 0
    assert world.evalgate("decide", "report.json").code == 1


def test_no_gate_is_run_beside_one_whose_version_was_forgotten(world: World) -> None:
    world.repository.git("switch", "--quiet", "main")
    world.repository.write("prompts/b.prompt.yml", prompt())
    text = CONFIG.format(url=world.server.url).replace("run:", SECOND)
    world.repository.commit(**{"evalgate.yml": text})
    world.repository.git("switch", "--quiet", "-C", "work")
    world.edit("1.0.0")
    world.repository.write("prompts/b.prompt.yml", prompt("1.1.0", "Be brief, always and everywhere, please."))
    assert world.evalgate("run", "--output", "report.json").code == 1
    report = world.report()
    assert [gate["name"] for gate in report["gates"]] == ["support"]
    assert report["warnings"] == ['the gate "second" was not run: fix the version numbers first']
    assert not world.server.received


@settings(max_examples=20, suppress_health_check=list(HealthCheck), deadline=None)
@given(
    version=st.sampled_from(["0.9.0", "1.0.0", "1.0.0+build", "1.0.1", "1.1.0", "2.0.0-rc.1", "2.0.0"]),
    manner=st.sampled_from(["Be exact.", "Be very exact.", "Be brief, always and everywhere, please.", "{{expected}}"]),
)
def test_validate_plan_and_run_agree_on_versions(world: World, version: str, manner: str) -> None:
    """What one of them finds wrong the others do, and then not a call was made."""
    world.edit(version, manner)
    before = len(world.server.received)
    codes = [world.evalgate(verb).code for verb in ("validate", "plan")]
    assert len(world.server.received) == before
    ended = world.evalgate("run", "--output", "report.json")
    wrong = [f for f in world.report()["gates"][0]["findings"] if f["kind"] in ("level", "version", "immutability")]
    assert [code == 1 for code in codes] == [bool(wrong)] * 2
    if wrong:
        assert (ended.code, len(world.server.received)) == (1, before)


def test_what_this_change_did_not_edit_is_none_of_validate(world: World) -> None:
    """One number with two contents in the history fails a run; files that are as they were are valid."""
    world.repository.git("switch", "--quiet", "main")
    world.repository.commit("forgotten", **{FILE: prompt("1.0.0", "Be brief, always and everywhere, please.")})
    assert world.evalgate("validate").code == 0
    assert world.evalgate("run").code == 1
    assert not world.server.received
