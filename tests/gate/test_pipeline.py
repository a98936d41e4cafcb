"""What is refused before anything is called: versions that are not in order, a store that is committed."""

from __future__ import annotations

import pytest
from gated_project import CONFIG, World, prompt

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


def test_a_store_that_is_committed_is_refused(world: World) -> None:
    world.edit()
    world.evalgate("run")
    world.repository.git("add", "--force", ".evalgate")
    ended = world.evalgate("run")
    assert ended.code == 2
    assert "is under version control" in ended.err
