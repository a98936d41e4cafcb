"""Criteria of a report: their digests change with everything that a score depends on, and with nothing else."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import ANSWERED, Check, Gate, Judge, Prices, Rubric, Target
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


NAMES = st.sampled_from(["a.json", "b.json", "parts/a.json", "parts/b.json", "../a.json"])
SCHEMAS = st.sampled_from([{"type": "string"}, {"type": "integer"}, {"minimum": 1}])
DOCUMENTS = st.dictionaries(NAMES, SCHEMAS, max_size=4)


@given(DOCUMENTS, DOCUMENTS, st.sampled_from(["x", "x/y", "z"]))
def test_schemas_count_by_their_place_beside_the_checks_own_and_not_by_its_folder(
    one: dict, other: dict, folder: str
) -> None:
    """A reference names its schema: two that were swapped, or are under other names, are other rules."""

    def make(folder: str, documents: dict) -> str:
        placed = {urljoin(f"file:///top/{folder}/s.json", name): schema for name, schema in documents.items()}
        own = f"file:///top/{folder}/s.json"
        options = {"schema": {}, "schema_path": own}
        return make_check_criterion(replace(CHECK, options=options, documents={**placed, own: {}})).digest

    assert make("x", one) == make(folder, one)
    if len(one) > 1 or len(other) > 1:
        assert (make("x", one) == make("x", other)) is (one == other)


@pytest.mark.parametrize("is_part", [False, True])
def test_the_prices_of_the_targets_decide_a_check_of_the_cost_alone(is_part: bool) -> None:
    def make(kind: str, price: float) -> str:
        check = Check(name="c", type=kind, options={"max_usd" if kind == "cost" else "max_seconds": 1})
        check = Check(name="either", type="any_of", parts=(check,)) if is_part else check
        gate = Gate(name="g", prompt="p", dataset="d", candidate_target="api", baseline_target="api", checks=(check,))
        return list_criteria(gate, (), {"api": replace(API, prices=Prices(input=price, output=1))})[0].digest

    assert make("cost", 1) != make("cost", 100)
    assert make("latency", 1) == make("latency", 100)


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
