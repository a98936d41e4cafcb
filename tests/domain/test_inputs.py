"""Prompt versions, datasets, rubrics and policies: digests, rendering, and which judges run."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import (
    DEFAULT_LEVELS,
    Case,
    Check,
    Gate,
    GoldenDataset,
    Judge,
    Level,
    Message,
    Policy,
    PromptVersion,
    Rubric,
    Threshold,
)

PROMPT = PromptVersion(
    name="p",
    path="p.yml",
    source="working tree",
    messages=(Message(role="user", content="Say {{ word }} to {{user}}"),),
)
RUBRIC = Rubric(name="tone", version="1.0.0", path="r.md", instruction="Judge.", inputs=(), minimum=1, maximum=5)


def test_variables_are_replaced_and_their_values_are_no_templates() -> None:
    assert PROMPT.variables == {"word", "user"}
    (message,) = PROMPT.render({"word": "{{user}}", "user": ["a", 1]})
    assert message.content == 'Say {{user}} to ["a", 1]'
    with pytest.raises(KeyError, match="user"):
        PROMPT.render({"word": "x"})


@pytest.mark.parametrize("change", [{"name": "q"}, {"version": "2.0.0"}, {"change": "why"}, {"source": "main:p.yml"}])
def test_what_is_not_sent_to_the_model_is_not_in_the_digest(change: dict[str, str]) -> None:
    assert replace(PROMPT, **change).digest == PROMPT.digest


@pytest.mark.parametrize(
    "change",
    [
        {"model": "m"},
        {"parameters": {"temperature": 0}},
        {"response_format": {"type": "json_object"}},
        {"tools": ({},)},
        {"messages": (Message(role="system", content=PROMPT.messages[0].content),)},
    ],
)
def test_what_is_sent_to_the_model_is_in_both_digests(change: dict[str, object]) -> None:
    other = replace(PROMPT, **change)
    assert other.digest != PROMPT.digest and other.normalized_digest != PROMPT.normalized_digest


@given(st.permutations([Case(id=name, fields={"q": name}, tags=("t",)) for name in "abcd"]))
def test_a_dataset_s_digest_does_not_depend_on_the_order_of_its_cases(cases: list[Case]) -> None:
    found = GoldenDataset(path="c.jsonl", cases=tuple(cases))
    assert found.digest == GoldenDataset(path="d.jsonl", cases=tuple(sorted(cases, key=lambda case: case.id))).digest
    edited = (replace(cases[0], fields={"q": "other"}), *cases[1:])
    assert GoldenDataset(path="c.jsonl", cases=edited).digest != found.digest


def test_a_rubric_s_digest_is_of_what_the_judge_reads() -> None:
    assert replace(RUBRIC, name="x", version="2.0.0", path="y").digest == RUBRIC.digest
    assert replace(RUBRIC, instruction="Judge well.").digest != RUBRIC.digest


def test_levels_are_ordered_by_strictness() -> None:
    assert max(Level) is Level.MAJOR and min(Level) is Level.PATCH


@pytest.mark.parametrize(
    ("checks", "thresholds", "runs"),
    [
        ((Check(name="c", type="is_json"),), {}, False),
        ((Check(name="c", type="is_json", blocking=False),), {}, True),
        ((Check(name="c", type="is_json", blocking=False),), {"c": Threshold(minimum=0.9)}, False),
        ((), {}, True),
    ],
)
def test_at_a_level_without_judges_they_run_only_if_no_check_decides(
    checks: tuple[Check, ...], thresholds: dict[str, Threshold], runs: bool
) -> None:
    judges = (Judge(name="tone", rubric=RUBRIC, target="api"),)
    gate = Gate(
        name="g",
        prompt="p",
        dataset="d",
        candidate_target="api",
        baseline_target="api",
        checks=checks,
        judges=judges,
        thresholds=thresholds,
    )
    assert (gate.judges_at(DEFAULT_LEVELS[Level.PATCH]) == judges) is runs
    assert gate.judges_at(DEFAULT_LEVELS[Level.MINOR]) == judges


def test_a_policy_is_plain_data_with_its_levels_by_name() -> None:
    data = Policy(levels=DEFAULT_LEVELS, alpha=0.01).as_json()
    assert isinstance(data, dict) and data["alpha"] == 0.01
    levels = data["levels"]
    assert isinstance(levels, dict) and set(levels) == {"PATCH", "MINOR", "MAJOR"}
