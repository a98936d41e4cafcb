"""Faults that keep a plan from being made: unknown variables, inputs that cases lack, outputs of two versions."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import strategies as st
from plan.small_gate import RUBRIC, case, dataset, faults, gate, plan, prompt

from evalgate.domain import Judge

tags = st.sampled_from(["a", "b", "c"])


@pytest.mark.parametrize("text", ["Be a pirate.", "Get /users/{id}", ""])
def test_a_prompt_that_uses_no_field_asks_every_case_the_same(text: str) -> None:
    found = faults(candidate=prompt(text))
    assert found[-1].startswith(
        "p.prompt.yml:7: no message uses a field of the cases, so all 4 cases send the same request"
    )
    assert plan(candidate=prompt(text), cases=dataset(case(1)))
    assert plan(gate("rag"), candidate=prompt(text)), "a function is shown the case itself"


@pytest.mark.parametrize("written", ["{{ query | upper }}", "{{query[0]}}", "{% if query %}", "{query}", "${query}"])
def test_an_expression_over_a_field_is_never_sent_as_it_stands(written: str) -> None:
    (fault,) = faults(candidate=prompt(f"{{{{context}}}} {written}"))
    assert fault.startswith(f"p.prompt.yml:7: {written} is sent to the model unchanged: only {{{{query}}}} is")
    assert plan(gate("rag"), candidate=prompt(f"{{{{context}}}} {written}")), "a function may fill it in itself"


def test_a_misspelt_variable() -> None:
    (fault,) = faults(candidate=prompt("{{qurey}}"))
    assert (
        fault
        == 'p.prompt.yml:7: the variable {{qurey}} is given by no case of cases.jsonl\n  hint: did you mean "query"?'
    )


def test_a_variable_unlike_any_field() -> None:
    (fault,) = faults(candidate=prompt("{{zzz}}"))
    assert "hint: the cases' fields are: context, expected, id, query" in fault


def test_a_variable_that_some_cases_lack() -> None:
    cases = dataset(*(case(number, context=None if number % 2 else "text") for number in range(10)))
    (fault,) = faults(cases=cases, the_gate=gate(judges=()))
    assert fault.startswith(
        "p.prompt.yml:7: the variable {{context}} is missing in 5 of 10 cases: "
        "c1 (cases.jsonl:2), c3 (cases.jsonl:4), c5 (cases.jsonl:6), and 2 more"
    )


def test_the_baseline_s_faults_are_placed_at_its_commit() -> None:
    (fault,) = faults(baseline=prompt("{{old}}", source="a1b2c3d:p.prompt.yml"))
    assert fault.startswith("a1b2c3d:p.prompt.yml:7: the variable {{old}}")


def test_a_rubric_s_input_that_cases_lack() -> None:
    cases = dataset(case(1, query=None, context=None), case(2))
    found = faults(candidate=prompt("Go {{id}}"), cases=cases)
    assert found == [
        'r.md: the input "query" of the rubric faithfulness is missing in 1 of 2 cases: c1 (cases.jsonl:2)\n'
        '  hint: add the field "query" to these cases'
    ], "context? is optional, and output is the answer"


def test_all_faults_at_once() -> None:
    judge = Judge(name="tone", rubric=replace(RUBRIC, inputs=("tone", "output")), target="api")
    found = faults(
        the_gate=gate(judges=(judge,)),
        candidate=prompt("{{qurey}} {{contxt}}", model=None),
        baseline=prompt(messages=(), source="a1b2c3d:p.prompt.yml"),
    )
    assert [fault.splitlines()[0] for fault in found] == [
        'p.prompt.yml: no model is set, neither in the prompt nor in the target "api"',
        "p.prompt.yml:7: the variable {{contxt}} is given by no case of cases.jsonl",
        "p.prompt.yml:7: the variable {{qurey}} is given by no case of cases.jsonl",
        "a1b2c3d:p.prompt.yml: the prompt has no messages",
        'the judge "tone" has no model, and neither has its target "api"',
        'r.md: the input "tone" of the rubric faithfulness is given by no case of cases.jsonl',
    ]


def test_one_file_of_outputs_cannot_stand_for_two_prompts() -> None:
    (fault,) = faults(the_gate=gate("app"), baseline=prompt("Old {{query}}"))
    assert fault.startswith(
        "p.prompt.yml: the prompt changed, but out.jsonl is used as the recorded outputs of both versions"
    )
    assert "target: {candidate: ..., baseline: ...}" in fault
    assert plan(gate("app"), baseline=prompt(version="0.9.0")).trials, "the same content is the same version"
    assert plan(gate("app", "old-app"), baseline=prompt("Old {{query}}")).trials
