"""Who answers for a gate, as data that is compared."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Gate, Judge, Rubric, Target
from evalgate.domain.answering import list_answering

RUBRIC = Rubric(name="r", version="1.0.0", path="r", instruction="Judge.", inputs=(), minimum=1, maximum=5)
GATE = Gate(
    name="g",
    prompt="p",
    dataset="d",
    candidate_target="new",
    baseline_target="old",
    judges=(Judge(name="tone", rubric=RUBRIC, target="judge"),),
)
TARGETS = {
    name: Target(name=name, kind="openai", location="http://here", identity="http://here", model="m")
    for name in ("new", "old", "judge")
}
COUNTS = {
    "kind": "python",
    "identity": "http://there",
    "model": "m2",
    "parameters": {"temperature": 0.5},
    "strip_reasoning": True,
    "options": {"code": "of the base"},
}
COUNTS_NOT = {"location": "moved", "api_key_env": "KEY", "timeout": 3.0, "startup_timeout": 9.0, "stream": True}


@given(st.dictionaries(st.sampled_from(sorted(COUNTS)), st.none(), min_size=1), st.sampled_from(["new", "old"]))
def test_every_setting_that_decides_an_answer_counts(names: dict[str, None], role: str) -> None:
    edited = replace(TARGETS[role], **{name: COUNTS[name] for name in names})
    assert list_answering(GATE, {**TARGETS, role: edited}) != list_answering(GATE, TARGETS)


@given(st.dictionaries(st.sampled_from(sorted(COUNTS_NOT)), st.none()), st.sampled_from(["new", "old", "judge"]))
def test_where_and_how_long_it_is_asked_does_not_count(names: dict[str, None], role: str) -> None:
    edited = replace(TARGETS[role], **{name: COUNTS_NOT[name] for name in names})
    assert list_answering(GATE, {**TARGETS, role: edited}) == list_answering(GATE, TARGETS)


@pytest.mark.parametrize(("name", "counts"), [("options", True), ("model", False)])
def test_of_a_judge_only_its_code_counts_since_its_criterion_has_the_rest(name: str, counts: bool) -> None:
    edited = replace(TARGETS["judge"], **{name: COUNTS[name]})
    assert (list_answering(GATE, {**TARGETS, "judge": edited}) != list_answering(GATE, TARGETS)) is counts
