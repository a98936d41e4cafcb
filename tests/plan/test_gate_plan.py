"""Trials: what is asked, of whom, in which order; and everything that keeps a plan from being made."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan.small_gate import MINOR, PATCH, TARGETS, case, dataset, faults, gate, plan, prompt

from evalgate.decide.draws import collect_draws
from evalgate.decide.evidence import make_evidence
from evalgate.domain import Arm, Check, GoldenDataset, Message, Shard
from evalgate.errors import InputError
from evalgate.plan.gate_plan import add_repeats, select_shard
from evalgate.plan.order import order_cases


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


@given(st.sampled_from([" ", "\n", "\u200b", "\u00a0", "\r\n"]), st.integers(2, 9), st.booleans())
def test_cases_whose_requests_differ_in_white_space_alone_are_one_unit(
    blank: str, copies: int, clustered: bool
) -> None:
    padded = [case(number, query=f"the {blank * number}same{blank * number}") for number in range(1, copies + 1)]
    padded[0] = replace(padded[0], cluster="page" if clustered else None)
    others = [case(number) for number in range(20, 25)]
    other = replace(case(30), cluster="page" if clustered else None)
    made = plan(baseline=prompt(), cases=dataset(*padded, *others, other))
    found = make_evidence(made, TARGETS)
    assert not made.requests and collect_draws(found).units == 6 + (not clustered)
    assert bool(collect_draws(found).alone.all()), "checks look at each of them"
    shard = select_shard(made, Shard(number=1, of=5))
    mine = {trial.case.id for trial in shard.trials} & {one.id for one in padded}
    assert len(mine) in (0, copies)
    assert not plan(baseline=prompt(), cases=dataset(*others)).alike


def test_equal_requests_make_no_cluster() -> None:
    made = plan(baseline=prompt(), cases=dataset(*(case(number, query="the same") for number in range(3))))
    assert set(made.requests) == {"c0", "c1", "c2"} and not made.alike
    assert not make_evidence(made, TARGETS).clusters


def test_recorded_outputs_of_equal_cases_are_one() -> None:
    cases = dataset(case(1), case(2, query="q1", expected="y"), case(3))
    assert set(plan(gate("app"), cases=cases).requests) == {"c1", "c2"}, "what is expected is not asked"


def test_repeats_are_drawn_of_the_cases_that_waver() -> None:
    made = plan(gate(baseline_samples=1), baseline=prompt())
    repeated = add_repeats(made, {"c1"}, 3, TARGETS)
    turns = [(t.arm, t.repeat) for t in repeated.trials if t.case.id == "c1"]
    assert turns == [(Arm.CANDIDATE, 0), (Arm.CANDIDATE, 1), (Arm.CANDIDATE, 2), (Arm.BASELINE, 0)]
    assert len(repeated.trials) == len(made.trials) + 2
    assert add_repeats(made, {"c1"}, 1, TARGETS) == made


def test_a_dataset_without_cases_makes_no_plan() -> None:
    found = faults(cases=GoldenDataset(path="cases.jsonl", cases=()))
    assert found[0] == "cases.jsonl: the dataset has no cases"


def test_a_request_of_many_megabytes_is_never_made() -> None:
    version = prompt("Answer {{query}} " + "{{context}}" * 20_000)
    large = case(1, query="q", context="c" * 1_000_000)
    with pytest.raises(InputError) as caught:
        plan(candidate=version, cases=dataset(case(0, query="q", context="c"), large))
    assert "the messages are 20,000,000,009 characters; at most 16,777,216 are sent" in str(caught.value)
