"""The plan of a replay: which criteria rows can be scored by, and which rows fit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan.small_gate import POLICY, RUBRIC, TARGETS, gate, prompt

from evalgate.domain import Arm, Case, Check, Condition, Config, GatePlan, Judge, Limits, ReportKind, Threshold
from evalgate.domain.replayed_rows import ReplayedRows
from evalgate.domain.similarity import Similarity
from evalgate.errors import InputError, ServiceError
from evalgate.gate.replay_plan import STREAM, ReplayedVersions, make_replay_plan

ROWS = ReplayedRows(since="then", until="now", rows=9, faults={}, sampled=0, unfit=0, redraws=False)
NEW, OLD = prompt("New: {{query}} from {{context}}"), prompt("Old: {{query}} from {{context}}")
JUDGE = Judge(name="faithfulness", rubric=RUBRIC, target="pinned")


def case(number: int, **fields: Any) -> Case:
    given = {"query": f"q{number}", "context": "text", "city": "Rome", **fields}
    return Case(id=f"row-{number}", fields={name: value for name, value in given.items() if value != "absent"})


def make(*cases: Case, candidate: str = "api", redraws: bool = True, **changes: Any) -> GatePlan:
    made = gate(candidate, **{"judges": (JUDGE,), "checks": (Check(name="json", type="is_json"),), **changes})
    config = Config(path="evalgate.yml", gates=(made,), targets=TARGETS, policy=POLICY, limits=Limits())
    versions = ReplayedVersions(candidate=NEW, control=OLD, redraws=redraws)
    return make_replay_plan(made, versions, cases or tuple(map(case, range(4))), config, ROWS)


def test_each_row_is_answered_once_and_compared_with_its_own_answer() -> None:
    plan = make(baseline="old-app", baseline_samples=3, candidate_samples=2)
    assert plan.kind is ReportKind.REPLAY and plan.replay == replace(ROWS, sampled=4, redraws=True)
    assert [(t.case.id, t.arm) for t in plan.trials] == [(one, arm) for one in plan.order for arm in Arm]
    assert {(trial.arm, trial.request.stream) for trial in plan.trials} == {
        (Arm.CANDIDATE, STREAM),
        (Arm.BASELINE, "baseline"),
    }
    assert {trial.request.target for trial in plan.trials} == {"api"}, "also where the gate has recorded a baseline"
    assert all(set(one.fields) == {"query", "context"} for one in plan.dataset.cases), "other fields are not kept"


LEFT_OUT: list[tuple[Check | Judge, str]] = [
    (Check(name="x", type="equals", options={"from": "expected"}), "it needs `expected`, which no row has"),
    (Check(name="x", type="contains", options={"from": "expected.city"}), "it needs `expected`, which no row has"),
    (Check(name="x", type="contains", options={"from": "town"}), "it needs the field town, which no row has"),
    (Check(name="x", type="length", from_case={"max_chars": "most"}), "it needs the field most, which no row has"),
    (Check(name="x", type="latency", options={"max_seconds": 1}), "what a check of type latency measures"),
    (Check(name="x", type="cost", options={"max_usd": 1}), "what a check of type cost measures"),
    (Check(name="x", type="tokens", options={"max_total": 1}), "what a check of type tokens measures"),
    (Check(name="x", type="no_tool_call"), "what a check of type no_tool_call measures"),
    (Check(name="x", type="is_json", when=Condition(tags=("a",))), "by tags or ids"),
    (Check(name="x", type="is_json", unless=Condition(ids=("a",))), "by tags or ids"),
    (Check(name="x", type="is_json", when=Condition(has=("town",))), "it needs the field town, which no row has"),
    (Check(name="x", type="is_json", when=Condition(field="city", values=("Oslo",))), "it applies to no row"),
    (replace(JUDGE, name="x", rubric=replace(RUBRIC, inputs=("expected", "output"))), "it needs `expected`"),
]


@pytest.mark.parametrize(("criterion", "why"), LEFT_OUT, ids=lambda value: getattr(value, "type", None))
def test_what_rows_cannot_say_is_left_out_with_a_note(criterion: Check | Judge, why: str) -> None:
    kind = "checks" if isinstance(criterion, Check) else "judges"
    own = {"checks": (), "judges": (), kind: (criterion,)}
    with pytest.raises(InputError, match="there is no criterion that rows of production can be scored by"):
        make(**own)
    thresholds = {"x": Threshold(minimum=0.5), "json": Threshold(max_drop=0.1)}
    plan = make(**{**own, "checks": (*own["checks"], Check(name="json", type="is_json"))}, thresholds=thresholds)
    assert [one.name for one in plan.gate.criteria] == ["json"] and list(plan.gate.thresholds) == ["json"]
    assert any(note.startswith("x is left out: ") and why in note for note in plan.notes)


def test_what_rows_can_say_is_kept() -> None:
    kept = (
        Check(name="a", type="contains", options={"from": "city"}),
        Check(name="b", type="is_json", when=Condition(field="city", values=("Rome",))),
        replace(JUDGE, name="c", rubric=replace(RUBRIC, inputs=("expected?", "query", "output"))),
    )
    plan = make(checks=kept[:2], judges=kept[2:])
    assert plan.gate.criteria == kept and plan.judges == kept[2:]
    rows = tuple(case(number, expected="Rome") for number in range(3))
    assert all("expected" not in one.fields for one in make(*rows, judges=kept[2:]).dataset.cases)


@pytest.mark.parametrize("source", ["expected", "city", "nowhere"])
def test_a_replay_is_the_same_with_a_similarity_which_rows_are_not_measured_by(source: str) -> None:
    measured = make(similarity=Similarity(target="api", model="e-1", source=source))
    assert measured.similarity is None and measured.gate == make().gate
    assert measured.dataset == make().dataset, "no field is kept for it"


@pytest.mark.parametrize(
    "change", [{"query": "absent"}, {"query": None}, {"context": None}, {"city": "absent"}, {"city": ""}]
)
def test_rows_that_do_not_fit_are_left_out_and_counted(change: dict[str, Any]) -> None:
    check = Check(name="a", type="contains", options={"from": "city"})
    plan = make(case(0), case(1, **change), case(2), checks=(check,))
    assert plan.replay is not None and (plan.replay.sampled, plan.replay.unfit) == (3, 1)
    assert set(plan.order) == {"row-0", "row-2"}
    assert any("1 of 3 chosen rows is left out" in note for note in plan.notes)


def test_without_a_row_that_fits_nothing_is_planned() -> None:
    with pytest.raises(ServiceError, match=r"none of the 2 chosen rows .* \{\{context\}\} is given by no case"):
        make(case(0, context="absent"), case(1, context="absent"))


def test_recorded_outputs_cannot_answer_rows() -> None:
    with pytest.raises(InputError, match="cannot answer other cases"):
        make(candidate="app")


def test_a_version_in_production_that_cannot_be_asked_again_is_told() -> None:
    plan = make(redraws=False)
    assert plan.replay is not None and not plan.replay.redraws
    assert any("cannot be asked again" in note for note in plan.notes)


VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
)
JUNK = VALUES | st.lists(VALUES, max_size=2) | st.dictionaries(st.text(max_size=5), VALUES, max_size=2)
NAMES = st.sampled_from(["query", "context", "city", "tags", "cluster", "tag", "id", "expected", "output"]) | st.text(
    max_size=3
)


@given(st.lists(st.dictionaries(NAMES, JUNK, max_size=4), min_size=1, max_size=5))
def test_hostile_fields_never_stop_a_replay_of_the_other_rows(fields: list[dict[str, Any]]) -> None:
    check = Check(name="a", type="contains", options={"from": "city"})
    hostile = [Case(id=f"hostile-{number}", fields=own) for number, own in enumerate(fields)]
    plan = make(case(0), *hostile, case(1), checks=(check,))
    assert {"row-0", "row-1"} <= set(plan.order) and plan.replay is not None
    assert plan.replay.unfit == plan.replay.sampled - len(plan.order)
    assert all(len(trial.request.key) == 64 for trial in plan.trials)
