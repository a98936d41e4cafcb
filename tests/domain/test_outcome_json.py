"""Outcomes as plain data: what is written reads back, and what is not an answer is read as none."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Failure, Outcome, Output, ScoreToken, ToolCall, Usage
from evalgate.domain.outcome_json import decode_outcome, encode_outcome

MEASURES = st.none() | st.floats(0, 1e9)
USAGES = st.none() | st.builds(Usage, input_tokens=st.integers(0, 2**40), output_tokens=st.integers(0, 2**40))
OUTPUTS = st.builds(
    Output,
    text=st.text(),
    finish_reason=st.sampled_from(["stop", "length", "tool_calls", ""]),
    served_by=st.none() | st.text(),
    usage=USAGES,
    seconds=MEASURES,
    cached=st.booleans(),
    cost_usd=MEASURES,
    score_tokens=st.lists(
        st.builds(ScoreToken, token=st.integers(0, 9), logprobs=st.dictionaries(st.integers(0, 9), st.floats(-99, 0)))
    ).map(tuple),
    tool_calls=st.lists(st.builds(ToolCall, name=st.text(), arguments=st.text())).map(tuple),
    mark=st.none() | st.integers(0, 2**30),
)
FAILURES = st.builds(
    Failure,
    kind=st.sampled_from(["unusable", "infrastructure"]),
    message=st.text(),
    seconds=MEASURES,
    cached=st.booleans(),
)


@given(OUTPUTS | FAILURES)
def test_an_outcome_reads_back_through_json(outcome: Outcome) -> None:
    assert decode_outcome(json.loads(json.dumps(encode_outcome(outcome)))) == outcome


def test_the_cost_of_an_unusable_answer_is_kept() -> None:
    refused = Failure(kind="unusable", message="no", usage=Usage(input_tokens=3, output_tokens=2), cost_usd=0.5)
    assert decode_outcome(encode_outcome(refused)) == refused


@pytest.mark.parametrize(("reason", "kind"), [("content_filter", "unusable"), ("error", "infrastructure")])
def test_a_stored_text_that_is_no_answer_is_a_failure(reason: str, kind: str) -> None:
    found = decode_outcome({"text": "partial", "finish_reason": reason})
    assert isinstance(found, Failure) and found.kind == kind and reason in found.message


@pytest.mark.parametrize("value", [-1.0, float("inf"), float("nan"), True, "3", 2**60])
def test_an_invalid_measurement_is_unknown(value: object) -> None:
    found = decode_outcome({"text": "x", "seconds": value, "cost_usd": value})
    assert isinstance(found, Output) and (found.seconds, found.cost_usd) == (None, None)


@pytest.mark.parametrize("data", [{}, {"text": 3}, {"failure": "odd", "message": ""}, {"failure": "unusable"}])
def test_other_data_are_refused(data: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        decode_outcome(data)
