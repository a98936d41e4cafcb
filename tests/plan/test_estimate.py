"""Estimates of calls, tokens and dollars."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from evalgate.domain import (
    DEFAULT_LEVELS,
    Arm,
    Case,
    ChangeLevel,
    Gate,
    GatePlan,
    GoldenDataset,
    Judge,
    Level,
    Message,
    Policy,
    Prices,
    PromptVersion,
    Rubric,
    Target,
    Trial,
)
from evalgate.plan.estimate import estimate_calls
from evalgate.plan.gate_plan import make_plan

API = Target(
    name="api", kind="openai", location="https://x", identity="x", model="m", prices=Prices(input=1.0, output=10.0)
)
RUBRIC = Rubric(
    name="r", version="1.0.0", path="r.md", instruction="i" * 400, inputs=("query", "output"), minimum=1, maximum=5
)
LEVEL = ChangeLevel(declared=None, minimum=Level.MINOR, effective=Level.MINOR)


def nothing_known(_: object) -> bool:
    return False


def make(target: Target = API, *, judges: int = 0, text: str = "x" * 360 + "{{query}}", **prompt: Any) -> GatePlan:
    version = PromptVersion(
        name="p", path="p", source="working tree", messages=(Message(role="user", content=text),), **prompt
    )
    gate = Gate(
        name="g",
        prompt="p",
        dataset="d",
        candidate_target=target.name,
        baseline_target=target.name,
        judges=tuple(Judge(name=f"j{n}", rubric=RUBRIC, target=target.name) for n in range(judges)),
    )
    cases = GoldenDataset(path="d", cases=tuple(Case(id=f"c{n}", fields={"query": f"{n}" * 40}) for n in range(2)))
    return make_plan(gate, version, None, cases, LEVEL, {target.name: target}, Policy(levels=DEFAULT_LEVELS))


def test_answers() -> None:
    found = estimate_calls(make(text="x" * 400 + "{{query}}"), {"api": API}, nothing_known)
    assert (found.calls, found.cached) == (2, 0)
    assert (found.input_tokens, found.output_tokens) == (2 * (110 + 4), 2 * 256)
    assert found.cost_usd == pytest.approx((228 * 1.0 + 512 * 10.0) / 1e6)


def test_the_longest_answer_is_what_the_prompt_allows() -> None:
    found = estimate_calls(make(text="{{query}}", parameters={"max_tokens": 50}), {"api": API}, nothing_known)
    assert found.output_tokens == 100


def test_the_schema_is_part_of_the_input() -> None:
    plain = estimate_calls(make(text="{{query}}"), {"api": API}, nothing_known)
    schema = {"type": "json_schema", "json_schema": {"name": "a" * 400}}
    assert (
        estimate_calls(make(text="{{query}}", response_format=schema), {"api": API}, nothing_known).input_tokens
        > plain.input_tokens + 200
    )


def test_judges_read_the_instruction_the_case_and_the_answer() -> None:
    made = make(judges=2, text="{{query}}", parameters={"max_tokens": 50})
    found = estimate_calls(made, {"api": API}, nothing_known)
    assert found.calls == 2 + 4
    assert found.input_tokens == 2 * (10 + 4) + 4 * (100 + 10 + 8 + 50)


def test_known_answers_cost_nothing_but_their_judges_count() -> None:
    made = make(judges=1, text="{{query}}")
    known = {made.trials[0].request.key}
    found = estimate_calls(made, {"api": API}, lambda request: request.key in known)
    assert (found.calls, found.cached) == (1 + 2, 1)


def test_equal_requests_are_one_call() -> None:
    made = make(text="{{query}}")
    twins = tuple(Trial(case=t.case, arm=Arm.BASELINE, repeat=0, ask=t.ask) for t in made.trials)
    found = estimate_calls(replace(made, trials=made.trials + twins), {"api": API}, nothing_known)
    assert (found.calls, found.cached) == (2, 2)


def test_without_prices_dollars_are_unknown_and_it_says_of_what() -> None:
    found = estimate_calls(
        make(replace(API, prices=None), text="{{query}}"), {"api": replace(API, prices=None)}, nothing_known
    )
    assert found.cost_usd is None
    assert found.unpriced == "no prices for the target api"


@pytest.mark.parametrize("kind", ["recorded", "local"])
def test_what_runs_here_is_free(kind: Any) -> None:
    here = Target(name="here", kind=kind, location="l", identity="i")
    found = estimate_calls(make(here, text="{{query}}"), {"here": here}, nothing_known)
    assert (found.cost_usd, found.unpriced) == (0.0, "")
    assert found.calls == (0 if kind == "recorded" else 2)
