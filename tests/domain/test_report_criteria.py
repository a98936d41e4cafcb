"""Criteria of a report: their digests change with everything that a score depends on, and with nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalgate.domain import ANSWERED, Check, Gate, Judge, Rubric, Target
from evalgate.domain.report_criteria import list_criteria, make_check_criterion, make_judge_criterion

CHECK = Check(
    name="valid", type="json_schema", options={"schema": {}}, documents={"file:///a.json": {"type": "object"}}
)
RUBRIC = Rubric(name="tone", version="1.0.0", path="r.md", instruction="Judge.", inputs=(), minimum=1, maximum=5)
JUDGE = Judge(name="tone", rubric=RUBRIC, target="api")
API = Target(name="api", kind="openai", location="https://x/v1", identity="https://x/v1", model="m")


@pytest.mark.parametrize(
    "other",
    [
        replace(CHECK, type="is_json"),
        replace(CHECK, negated=True),
        replace(CHECK, options={"schema": {"type": "array"}}),
        replace(CHECK, documents={"file:///a.json": {"type": "array"}}),
    ],
)
def test_what_a_check_depends_on_is_in_its_digest(other: Check) -> None:
    assert make_check_criterion(other).digest != make_check_criterion(CHECK).digest


def test_names_and_paths_are_not_in_the_digest_of_a_check() -> None:
    moved = replace(
        CHECK,
        name="other",
        options={"schema": {}, "schema_path": "b.json"},
        documents={"file:///b.json": {"type": "object"}},
    )
    assert make_check_criterion(moved).digest == make_check_criterion(CHECK).digest


@pytest.mark.parametrize(
    ("judge", "target"),
    [
        (replace(JUDGE, model="m-2"), API),
        (replace(JUDGE, parameters={"seed": 1}), API),
        (replace(JUDGE, mode="expected"), API),
        (replace(JUDGE, rubric=replace(RUBRIC, maximum=4)), API),
        (JUDGE, replace(API, model="m-2")),
        (JUDGE, replace(API, identity="https://y/v1")),
    ],
)
def test_what_a_judge_depends_on_is_in_its_digest(judge: Judge, target: Target) -> None:
    assert make_judge_criterion(judge, target).digest != make_judge_criterion(JUDGE, API).digest


def test_a_model_named_by_the_judge_or_by_its_target_is_the_same() -> None:
    named = make_judge_criterion(replace(JUDGE, model="m"), replace(API, model=None))
    assert named.digest == make_judge_criterion(JUDGE, API).digest


def test_a_gate_has_its_checks_its_judges_and_the_implicit_check() -> None:
    gate = Gate(name="g", prompt="p", dataset="d", candidate_target="api", baseline_target="api", checks=(CHECK,))
    found = list_criteria(gate, (JUDGE,), {"api": API})
    assert [(one.name, one.kind, one.blocking) for one in found] == [
        ("valid", "check", True),
        ("tone", "judge", False),
        (ANSWERED, "check", True),
    ]
    allowed = list_criteria(replace(gate, cut_answers="allow"), (), {})
    assert allowed[-1].digest != found[-1].digest


def test_the_limit_of_a_percentile_is_kept() -> None:
    slow = Check(name="fast", type="latency", options={"p95_seconds": 3})
    assert make_check_criterion(slow).p95_seconds == 3.0
    assert make_check_criterion(CHECK).p95_seconds is None
