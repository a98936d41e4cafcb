"""Annotations: what blocks first, on lines that exist, ten at most, and no command but these."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalgate.domain import Verdict
from evalgate.report import annotations as notes

PROMPTS = {"support": ("prompts/support.prompt.yml", 7)}
CASES = {"support": {f"refund-{n:03}": ("golden/cases.jsonl", n) for n in range(1, 100)}}


def found(report, prompts=PROMPTS, cases=CASES):
    return notes.make_annotations(report, prompts=prompts, cases=cases)


def test_a_failure_is_on_the_prompt_and_on_its_cases(samples) -> None:
    first, second, *others = found(samples.failing())
    assert (first.level, first.path, first.line) == ("error", "prompts/support.prompt.yml", 7)
    assert first.title == "FAIL: support" and first.message.startswith("facts: refund-017, refund-020")
    assert (second.level, second.path, second.line) == ("error", "golden/cases.jsonl", 17)
    assert second.title == "refund-017 got worse"
    assert second.message.startswith('facts fails: "30 days" is missing; faithfulness 0.250: "At any time" contradicts')
    assert [one.line for one in others] == list(range(20, 27))


@pytest.mark.parametrize(
    ("name", "levels"),
    [
        ("pass", []),
        ("nothing", []),
        ("rules-alone", []),
        ("signed-off", []),
        ("major", ["notice"]),
        ("worse-within", ["notice"]),
        ("constant", ["error", "error"]),
        ("small", ["warning", "warning"]),
        ("inconclusive", ["warning", "warning"]),
        ("new-prompt", ["error", "error"]),
        ("incomplete", ["error", "error", "error"]),
    ],
)
def test_the_level_says_whether_it_blocks(samples, name: str, levels: list[str]) -> None:
    assert [one.level for one in found(samples.SAMPLES[name]())] == levels


def test_what_must_not_be_missed_follows_the_deciding_sentence(samples) -> None:
    (of_pass,) = found(samples.worse_within())
    assert of_pass.title == "PASS: support"
    assert of_pass.message.startswith("All thresholds are met. faithfulness: worse, but proven to be within")
    assert "Note: brevity fell by 0.312, but has no threshold" in of_pass.message
    of_constant = found(samples.constant())[0]
    assert "Note: Constant output: the candidate answers" in of_constant.message
    bare = replace(samples.worse_within().gates[0], findings=samples.worse_within().gates[0].findings[:5])
    assert found(samples.report(bare)) == ()


def test_what_has_no_line_is_left_out(samples) -> None:
    assert found(samples.failing(), prompts={}, cases={}) == ()
    assert [one.line for one in found(samples.failing(), prompts={}, cases={"support": {"refund-021": ("c", 3)}})] == [
        3
    ]


def test_there_are_ten_at_most_and_every_gate_has_its_own(samples) -> None:
    gate = samples.failing().gates[0]
    named = [replace(gate, evidence=replace(gate.evidence, name=f"gate-{number}")) for number in range(3)]
    passing = samples.passing().gates[0]
    report = samples.report(passing, *named, decision=Verdict.FAIL, exit_code=1)
    prompts = {f"gate-{number}": (f"{number}.yml", 1) for number in range(3)}
    cases = {f"gate-{number}": {f"refund-{n:03}": (f"{number}.jsonl", n) for n in range(99)} for number in range(3)}
    paths = [one.path for one in found(report, prompts | PROMPTS, cases | CASES)]
    assert paths[:6] == ["0.yml", "1.yml", "2.yml", "0.jsonl", "1.jsonl", "2.jsonl"]
    assert len(paths) == notes.MOST == 10


def test_what_blocks_comes_before_what_does_not(samples) -> None:
    warned, failed = samples.inconclusive().gates[0], samples.failing().gates[0]
    report = samples.report(warned, replace(failed, evidence=replace(failed.evidence, name="b")), exit_code=1)
    both = found(report, PROMPTS | {"b": ("b.yml", 1)}, {})
    assert [one.level for one in both] == ["error", "warning"]


def test_written_annotations_are_one_command_each(samples) -> None:
    hostile = samples.hostile()
    name = hostile.gates[0].evidence.name
    text = notes.render(found(hostile, {name: (name, 1)}, {name: {name: (name, 2)}}))
    lines = text.split("\n")
    assert len(lines) == 3 and lines.pop() == ""
    for line in lines:
        assert line.startswith("::error file=") and line.count("::") >= 2
        assert "\r" not in line and "\x1b" not in line
    assert notes.render(()) == ""


def test_a_written_annotation_is_escaped_as_the_runner_reads_it() -> None:
    one = notes.Annotation(level="warning", path="a,b:c.yml", line=3, title="100 %", message="first\nsecond::")
    assert notes.render((one,)) == "::warning file=a%2Cb%3Ac.yml,line=3,title=100 %25::first%0Asecond::\n"
