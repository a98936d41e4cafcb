"""Which criteria can score rows: the same for a rollout and a replay, but for what a replay measures itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan.small_gate import RUBRIC

from evalgate.domain import Check, Condition, Judge
from evalgate.gate.row_criteria import explain_unscorable, list_needed_fields

JUDGE = Judge(name="judge", rubric=RUBRIC, target="pinned")


def make(**given: Any) -> Check:
    return Check(name="own", **given)


@pytest.mark.parametrize(("given", "words"), [
    ({"type": "tool_call"}, "type tool_call"),
    ({"type": "tokens", "options": {"max_total": 5}}, "type tokens"),
    ({"type": "latency", "options": {"p95_seconds": 5}}, "p95"),
    ({"type": "regex", "from_case": {"pattern": "expected.pattern"}}, "`expected`"),
    ({"type": "any_of", "parts": (make(type="contains", options={"from": "expected"}),)}, "`expected`"),
    ({"type": "is_json", "when": Condition(tags=("a",))}, "`when`"),
    ({"type": "is_json", "unless": Condition(has=("a",))}, "`unless`"),
])  # fmt: skip
def test_what_rows_do_not_have_is_told(given: dict[str, Any], words: str) -> None:
    reason = explain_unscorable(make(**given), replayed=False)
    assert reason is not None and words in reason


@pytest.mark.parametrize("given", [
    {"type": "is_json"}, {"type": "latency", "options": {"max_seconds": 5}}, {"type": "cost", "options": {"max_usd": 1}},
    {"type": "contains", "options": {"from": "context"}}, {"type": "contains", "options": {"value": "expected"}},
])  # fmt: skip
def test_what_rows_have_can_be_scored(given: dict[str, Any]) -> None:
    assert explain_unscorable(make(**given), replayed=False) is None


OPTIONS = st.sampled_from([{}, {"from": "expected"}, {"from": "expected/a"}, {"from": "city"}, {"max_seconds": 1}])
TYPES = ["is_json", "contains", "tool_call", "tokens", "latency", "cost", "python"]
CONDITIONS = st.none() | st.builds(Condition, tags=st.sampled_from([(), ("a",)]), has=st.sampled_from([(), ("city",)]))
CHECKS = st.builds(make, type=st.sampled_from(TYPES), options=OPTIONS, when=CONDITIONS)
COMBINED = st.builds(make, type=st.just("any_of"), parts=st.lists(CHECKS, min_size=1, max_size=2).map(tuple))
JUDGES = st.builds(
    lambda inputs: replace(JUDGE, rubric=replace(RUBRIC, inputs=("output", *inputs))),
    st.lists(st.sampled_from(["expected", "expected?", "city"]), unique=True, max_size=2).map(tuple),
)


@given(CHECKS | COMBINED | JUDGES)
def test_only_conditions_code_time_and_cost_are_scored_in_one_use_alone(criterion: Check | Judge) -> None:
    online, replayed = (explain_unscorable(criterion, replayed=one) for one in (False, True))
    types = {each.type for each in criterion.nested} if isinstance(criterion, Check) else set()
    if criterion.when is None and not types & {"latency", "cost", "python"}:
        assert online == replayed
    if any(name.startswith("expected") for name in list_needed_fields(criterion)) or types & {"tool_call", "tokens"}:
        assert online is not None and replayed is not None
