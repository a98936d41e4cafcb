"""Tests of `evalgate validate`."""

from __future__ import annotations

from gated_project import CASES, CONFIG, World, prompt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


def test_validate_says_what_it_saw(world: World) -> None:
    ended = world.evalgate("validate")
    assert ended.code == 0, ended.err
    assert f"support: prompts/support.prompt.yml 1.0.0, {CASES} cases, 2 checks, 1 judge" in ended.out
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


def test_validate_and_a_report_say_that_cases_are_placeholders(world: World) -> None:
    rows = (world.root / "cases.jsonl").read_text().replace("question 3", "REPLACE: query 3")
    world.repository.write("cases.jsonl", rows)
    ended = world.evalgate("validate")
    assert ended.code == 0 and "note: placeholders: " in ended.out and f"of {CASES} case" in ended.out
    world.edit()
    ran = " ".join(world.evalgate("run").out.split())
    assert "Note: placeholders: " in ran and "as `evalgate init` writes it" in ran
    assert "Prompt (1 line removed, 1 added)" in ran and ran.endswith("Next: evalgate report --output report.html")


FILE = "prompts/support.prompt.yml"


@settings(max_examples=20, suppress_health_check=list(HealthCheck), deadline=None)
@given(
    version=st.sampled_from(["0.9.0", "1.0.0", "1.0.0+build", "1.0.1", "1.1.0", "2.0.0-rc.1", "2.0.0"]),
    manner=st.sampled_from(["Be exact.", "Be very exact.", "Be brief, always and everywhere, please.", "{{tone}}"]),
)
def test_validate_plan_and_run_agree_on_versions(world: World, version: str, manner: str) -> None:
    """What one of them finds wrong the others do, and then not a call was made."""
    cases = (world.root / "cases.jsonl").read_text()
    if '"tone"' not in cases:
        world.repository.git("switch", "--quiet", "main")
        world.repository.commit("tones", **{"cases.jsonl": cases.replace('{"id"', '{"tone": "warm", "id"')})
        world.repository.git("switch", "--quiet", "-C", "work")
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


def test_an_edit_that_gives_the_prompt_the_expected_answers_is_refused_before_any_call(world: World) -> None:
    world.edit("2.0.0", "The answer is {{expected}}.")
    for verb in ("plan", "run"):
        ended = world.evalgate(verb)
        assert ended.code == 2, ended
        assert "{{expected}} tells the prompt the expected answer" in ended.err
    assert not world.server.received


def test_cases_that_are_still_to_be_written_are_told(world: World) -> None:
    rows = (world.root / "cases.jsonl").read_text().replace("question", "REPLACE: query")
    world.repository.git("switch", "--quiet", "main")
    world.repository.commit("new cases", **{"cases.jsonl": rows})
    world.repository.git("switch", "--quiet", "-C", "work")
    assert "64 of 64 cases" in world.evalgate("validate").out
    world.edit()
    assert "a verdict means nothing before real texts replace them" in " ".join(world.evalgate("run").out.split())
