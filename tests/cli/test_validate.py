"""Tests of `evalgate validate`."""

from __future__ import annotations

from gated_project import CASES, CONFIG, World


def test_validate_says_what_it_saw(world: World) -> None:
    ended = world.evalgate("validate")
    assert ended.code == 0, ended.err
    assert f"support: prompts/support.prompt.yml 1.0.0, {CASES} cases, 2 checks, 1 judges" in ended.out
    assert not world.server.received


def test_validate_names_all_faults_of_all_files_at_once(world: World) -> None:
    config = CONFIG.format(url=world.server.url).replace("rubric: faithfulness", "rubric: faithfulnes")
    world.repository.write("evalgate.yml", config + "polcy: {}\n")
    ended = world.evalgate("validate")
    assert ended.code == 2
    assert 'did you mean "faithfulness"?' in ended.err
    assert 'did you mean "policy"?' in ended.err
    assert ended.err.count("evalgate.yml:") == 2


def test_validate_finds_a_variable_that_no_case_gives_and_a_pattern_that_is_none(world: World) -> None:
    text = (world.root / "prompts/support.prompt.yml").read_text().replace("{{query}}", "{{qury}}")
    world.repository.write("prompts/support.prompt.yml", text)
    ended = world.evalgate("validate")
    assert ended.code == 2
    assert "qury" in ended.err and "query" in ended.err
    bad = CONFIG.format(url=world.server.url).replace("{type: is_json}", '{type: regex, pattern: "("}')
    world.repository.write("evalgate.yml", bad)
    ended = world.evalgate("validate")
    assert ended.code == 2
    assert "evalgate.yml:10:" in ended.err
