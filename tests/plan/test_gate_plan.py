"""Trials: what is asked, of whom, in which order; and everything that keeps a plan from being made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import (
    DEFAULT_LEVELS,
    Arm,
    Case,
    ChangeLevel,
    Check,
    Gate,
    GatePlan,
    GoldenDataset,
    Judge,
    Level,
    Message,
    Policy,
    PromptVersion,
    Rubric,
    Target,
)
from evalgate.errors import InputError
from evalgate.plan.gate_plan import add_repeats, make_plan
from evalgate.plan.order import order_cases

POLICY = Policy(levels=DEFAULT_LEVELS)
MINOR = ChangeLevel(declared=None, minimum=Level.MINOR, effective=Level.MINOR)
PATCH = ChangeLevel(declared=None, minimum=Level.PATCH, effective=Level.PATCH)
RUBRIC = Rubric(
    name="faithfulness",
    version="1.0.0",
    path="r.md",
    instruction="Judge.",
    inputs=("context?", "query", "output"),
    minimum=1,
    maximum=5,
)
TARGETS = {
    "api": Target(name="api", kind="openai", location="https://x/v1", identity="https://x/v1"),
    "pinned": Target(name="pinned", kind="openai", location="https://x/v1", identity="https://x/v1", model="pinned-1"),
    "app": Target(name="app", kind="recorded", location="out.jsonl", identity="recorded:abc"),
    "old-app": Target(name="old-app", kind="recorded", location="old.jsonl", identity="recorded:def"),
    "rag": Target(name="rag", kind="python", location="app:answer", identity="python:app:answer"),
    "local": Target(name="local", kind="local", location="small-model", identity="local:abc"),
}


def prompt(text: str = "Answer {{query}} from {{context}}", **changes: Any) -> PromptVersion:
    fields: dict[str, Any] = {
        "name": "p",
        "path": "p.prompt.yml",
        "source": "working tree",
        "messages": (Message(role="user", content=text),),
        "model": "m-1",
        "parameters": {"temperature": 0},
        "response_format": {"type": "json_object"},
        "tools": ({"type": "function"},),
        "lines": {"messages": 7},
    }
    return PromptVersion(**{**fields, **changes})


def case(number: int, *tags: str, **fields: Any) -> Case:
    given = {"id": f"c{number}", "query": f"q{number}", "context": "text", "expected": "x", **fields}
    return Case(id=f"c{number}", fields={k: v for k, v in given.items() if v is not None}, tags=tags, line=number + 1)


def dataset(*cases: Case) -> GoldenDataset:
    return GoldenDataset(path="cases.jsonl", cases=cases or tuple(case(number) for number in range(4)))


def gate(candidate: str = "api", baseline: str | None = None, **changes: Any) -> Gate:
    return Gate(
        name="g",
        prompt="p.prompt.yml",
        dataset="cases.jsonl",
        candidate_target=candidate,
        baseline_target=baseline or candidate,
        **{"judges": (Judge(name="faithfulness", rubric=RUBRIC, target="pinned"),), **changes},
    )


def plan(
    the_gate: Gate | None = None,
    candidate: PromptVersion | None = None,
    baseline: PromptVersion | None = None,
    cases: GoldenDataset | None = None,
    level: ChangeLevel = MINOR,
) -> GatePlan:
    return make_plan(the_gate or gate(), candidate or prompt(), baseline, cases or dataset(), level, TARGETS, POLICY)


def faults(**arguments: Any) -> list[str]:
    with pytest.raises(InputError) as error:
        plan(**arguments)
    return [str(fault) for fault in error.value.faults]


def test_arms_take_turns_repeat_by_repeat() -> None:
    made = plan(
        gate(candidate_samples=1, baseline_samples=3), baseline=prompt("Say {{query}}"), cases=dataset(case(1), case(2))
    )
    turns = [(Arm.CANDIDATE, 0), (Arm.BASELINE, 0), (Arm.BASELINE, 1), (Arm.BASELINE, 2)]
    assert [(trial.arm, trial.repeat) for trial in made.trials] == turns * 2
    assert [trial.request.repeat for trial in made.trials] == [0, 0, 1, 2] * 2
    assert [trial.case.id for trial in made.trials[::4]] == [
        c.id for c in order_cases(made.gate.name, made.baseline, made.dataset, {})
    ]


def test_without_a_baseline_only_the_candidate_runs() -> None:
    made = plan(gate(candidate_samples=2))
    assert [(trial.arm, trial.repeat) for trial in made.trials[:2]] == [(Arm.CANDIDATE, 0), (Arm.CANDIDATE, 1)]
    assert len(made.trials) == 8


def test_identical_versions_ask_the_same_question_of_two_series_of_samples() -> None:
    made = plan(gate(baseline_samples=1), baseline=prompt())
    ours, theirs = (trial.request for trial in made.trials[:2])
    assert ours.messages == theirs.messages
    # what let a version pass is not what it is compared by afterwards
    assert ours.key != theirs.key


def test_request_to_a_model() -> None:
    request = plan(cases=dataset(case(5, context={"a": [1, None]}))).trials[0].request
    assert request.target == "api" and request.identity == "https://x/v1" and request.model == "m-1"
    assert request.messages == (Message(role="user", content='Answer q5 from {"a": [1, null]}'),)
    assert request.parameters == {"temperature": 0} and request.response_format == {"type": "json_object"}
    assert request.tools == ({"type": "function"},) and request.inputs is None
    assert request.about == "case c5, candidate, repeat 0"


def test_request_to_a_function_has_the_case_as_well() -> None:
    request = plan(gate("rag"), cases=dataset(case(5))).trials[0].request
    assert request.inputs == {"id": "c5", "query": "q5", "context": "text", "expected": "x"}
    assert request.messages[0].content == "Answer q5 from text"


def test_recorded_outputs_are_asked_for_by_case_alone() -> None:
    unknown = prompt("{{only_the_application_knows}}", model=None)
    request = plan(gate("app"), candidate=unknown, cases=dataset(case(5))).trials[0].request
    assert request.inputs == {"case": "c5"} and request.messages == () and request.model is None


@pytest.mark.parametrize(
    ("target", "prompt_model", "model"),
    [
        ("api", "m-1", "m-1"),
        ("pinned", "m-1", "pinned-1"),
        ("pinned", None, "pinned-1"),
        ("local", "m-1", "small-model"),
        ("rag", None, None),
    ],
)
def test_which_model(target: str, prompt_model: str | None, model: str | None) -> None:
    assert plan(gate(target), candidate=prompt(model=prompt_model)).trials[0].request.model == model


def test_arms_may_use_different_targets() -> None:
    made = plan(gate("pinned", "local", baseline_samples=1), baseline=prompt())
    assert [trial.request.target for trial in made.trials[:2]] == ["pinned", "local"]


def test_judges_run_when_the_effective_level_asks_for_them() -> None:
    assert [judge.name for judge in plan(level=MINOR).judges] == ["faithfulness"]
    checked = gate(checks=(Check(name="is_json", type="is_json"),))
    assert plan(checked, level=PATCH).judges == ()
    reported = gate(checks=(Check(name="is_json", type="is_json", blocking=False),))
    alone = [plan(level=PATCH), plan(reported, level=PATCH)]
    assert [len(made.judges) for made in alone] == [1, 1], "no check decides without them"


tags = st.sampled_from(["a", "b", "c"])
datasets = st.lists(st.lists(tags, max_size=2), min_size=1, max_size=30).map(
    lambda rows: [case(number, *row) for number, row in enumerate(rows)]
)


@given(datasets, st.randoms(use_true_random=False))
def test_order_does_not_depend_on_the_order_of_the_file(cases: list[Case], random: Any) -> None:
    shuffled = list(cases)
    random.shuffle(shuffled)
    order = order_cases("g", prompt(), dataset(*cases), {})
    assert order == order_cases("g", prompt(), dataset(*shuffled), {})
    assert sorted(case.id for case in order) == sorted(case.id for case in cases)


def test_order_is_another_for_other_content() -> None:
    cases = dataset(*(case(number) for number in range(20)))
    order = [case.id for case in order_cases("g", prompt(), cases, {})]
    edited = dataset(*cases.cases[:-1], case(19, query="other"))
    assert order != [case.id for case in cases.cases]
    assert order != [case.id for case in order_cases("g", prompt(model="m-2"), cases, {})]
    assert order != [case.id for case in order_cases("g", prompt(), edited, {})]
    assert order != [case.id for case in order_cases("another", prompt(), cases, {})]


@given(st.text(max_size=40), st.sampled_from(["0", "0.5"]))
def test_no_edit_of_the_candidate_changes_the_order(words: str, temperature: str) -> None:
    cases = dataset(*(case(number, "abc"[number % 3]) for number in range(20)))
    edited = prompt(f"{words} {{{{query}}}}", parameters={"temperature": temperature})
    orders = [plan(candidate=candidate, baseline=prompt(), cases=cases).order for candidate in (prompt(), edited)]
    assert orders[0] == orders[1]


def test_copies_of_a_case_are_named_and_run_side_by_side() -> None:
    copies = [case(number, query="the same", expected=f"{number}") for number in (3, 7, 11)]
    made = plan(baseline=prompt(), cases=dataset(*(case(number) for number in range(3)), *copies))
    places = [made.order.index(f"c{number}") for number in (3, 7, 11)]
    assert set(made.requests.values()) == {made.order[min(places)]}
    assert max(places) - min(places) == 2
    assert set(made.requests) == {"c3", "c7", "c11"}


def test_cases_that_only_the_candidate_asks_alike_are_one() -> None:
    cases = dataset(case(1), case(2, context="other"), case(3, query="q1"))
    made = plan(candidate=prompt("Say {{query}}"), baseline=prompt(), cases=cases)
    assert set(made.requests) == {"c1", "c3"}


def test_recorded_outputs_of_equal_cases_are_one() -> None:
    cases = dataset(case(1), case(2, query="q1", expected="y"), case(3))
    assert set(plan(gate("app"), cases=cases).requests) == {"c1", "c2"}, "what is expected is not asked"


@pytest.mark.parametrize("text", ["Be a pirate.", "Say {query}", ""])
def test_a_prompt_that_uses_no_field_asks_every_case_the_same(text: str) -> None:
    found = faults(candidate=prompt(text))
    assert found[-1].startswith(
        "p.prompt.yml:7: no message uses a field of the cases, so all 4 cases send the same request"
    )
    assert plan(candidate=prompt(text), cases=dataset(case(1)))
    assert plan(gate("rag"), candidate=prompt(text)), "a function is shown the case itself"


@pytest.mark.parametrize("written", ["{{ query | upper }}", "{{query[0]}}", "{% if query %}"])
def test_an_expression_over_a_field_is_never_sent_as_it_stands(written: str) -> None:
    (fault,) = faults(candidate=prompt(f"{{{{context}}}} {written}"))
    assert fault.startswith(f"p.prompt.yml:7: {written} is sent to the model unchanged: only {{{{query}}}} is")
    assert plan(candidate=prompt("{{query}} and {{ unknown | upper }}"))


def test_repeats_are_drawn_of_the_cases_that_waver() -> None:
    made = plan(gate(baseline_samples=1), baseline=prompt())
    repeated = add_repeats(made, {"c1"}, 3, TARGETS)
    turns = [(t.arm, t.repeat) for t in repeated.trials if t.case.id == "c1"]
    assert turns == [(Arm.CANDIDATE, 0), (Arm.CANDIDATE, 1), (Arm.CANDIDATE, 2), (Arm.BASELINE, 0)]
    assert len(repeated.trials) == len(made.trials) + 2
    assert add_repeats(made, {"c1"}, 1, TARGETS) == made


def test_every_tag_is_in_the_first_quarter() -> None:
    cases = dataset(*(case(number, "abcde"[number % 5], "late") for number in range(40)))
    first = order_cases("g", prompt(), cases, {})[:10]
    assert sorted(case.tags[0] for case in first) == sorted("abcde" * 2)


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


def test_a_dataset_without_cases_makes_no_plan() -> None:
    found = faults(cases=GoldenDataset(path="cases.jsonl", cases=()))
    assert found[0] == "cases.jsonl: the dataset has no cases"


def test_a_request_of_many_megabytes_is_never_made() -> None:
    version = prompt("Answer {{query}} " + "{{context}}" * 20_000)
    large = case(1, query="q", context="c" * 1_000_000)
    with pytest.raises(InputError) as caught:
        plan(candidate=version, cases=dataset(case(0, query="q", context="c"), large))
    assert "the messages are 20,000,000,009 characters; the most is 16,777,216" in str(caught.value)
