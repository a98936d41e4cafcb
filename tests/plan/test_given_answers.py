"""Variables that give away what an answer is checked by."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Check, Gate, Message, PromptVersion
from evalgate.plan.given_answers import describe_given_fields, find_given_answer

NAMES = ["query", "context", "expected", "facts", "name"]


def make_version(*names: str) -> PromptVersion:
    text = "Answer. " + " ".join(f"{{{{{name}}}}}" for name in names)
    return PromptVersion(
        name="p", path="p.prompt.yml", source="working tree", messages=(Message(role="user", content=text),)
    )


def make_gate(*checks: Check) -> Gate:
    return Gate(name="g", prompt="p.prompt.yml", dataset="d", candidate_target="t", baseline_target="t", checks=checks)


@given(st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(NAMES)))
def test_the_expected_answer_is_a_fault_where_the_change_adds_it(before: set[str], after: set[str]) -> None:
    candidate, baseline = make_version(*sorted(after)), make_version(*sorted(before))
    faults = list(find_given_answer(candidate, baseline))
    assert len(faults) == ("expected" in after - before)
    assert all("{{expected}}" in fault.message for fault in faults)
    assert list(find_given_answer(candidate, None)) == []


@pytest.mark.parametrize(
    "check",
    [
        Check(name="fact", type="contains", options={"from": "facts"}),
        Check(name="fact", type="contains", options={"from": "facts.first"}),
        Check(name="fact", type="length", from_case={"max_words": "facts"}),
        Check(name="fact", type="any_of", parts=(Check(name="", type="contains", options={"from": "facts"}),)),
    ],
)
def test_a_new_variable_that_a_check_reads_is_told(check: Check) -> None:
    gate = make_gate(check, Check(name="other", type="contains", options={"from": "query"}))
    (note,) = describe_given_fields(gate, make_version("query", "facts"), make_version("query"))
    assert "{{facts}} is new" in note and "fact reads" in note
    assert describe_given_fields(gate, make_version("query", "facts"), make_version("facts", "query")) == ()
    assert describe_given_fields(gate, make_version("query", "facts"), None) == ()


@given(st.sets(st.sampled_from(NAMES)), st.sampled_from([None, make_version("query"), make_version("expected")]))
def test_a_prompt_that_has_the_expected_answer_is_told_so(names: set[str], baseline: PromptVersion | None) -> None:
    """A new prompt has it from the first run on, so no later change adds it."""
    notes = describe_given_fields(make_gate(), make_version(*sorted(names)), baseline)
    assert len(notes) == ("expected" in names) and all("does production have it" in note for note in notes)
