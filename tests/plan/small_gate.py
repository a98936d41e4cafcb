"""A gate of a few cases and the plan of it."""

from __future__ import annotations

from typing import Any

import pytest

from evalgate.domain import (
    DEFAULT_LEVELS,
    Case,
    ChangeLevel,
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
from evalgate.plan.gate_plan import make_plan

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
